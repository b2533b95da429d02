"""The recorders: all series of a process, kept in accumulators of our own and read out as a snapshot.

Not prometheus_client's children: a request touches a counter, a histogram, tokens, cost, overhead and cache at 0.5 to 1.2 µs each,
6 µs in all; one cell per label set with the same numbers in its slots costs 1.5 µs (measured on the 2-core machine that the
README's figures come from). Exposition is still the library's, see `exposition`.
"""

import platform
import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable

from proxy.core.context import AttemptRecord, RequestContext
from proxy.core.money import NANOS_PER_USD
from proxy.core.version import __version__
from proxy.telemetry.cells import AttemptCell, Hist, RequestCell, read_attempt, read_request
from proxy.telemetry.families import CACHE_BUCKETS_S, FAMILIES, LAG_BUCKETS_S, OVERHEAD_BUCKETS_S, REQUEST_BUCKETS_S
from proxy.telemetry.process import ProcessUsage
from proxy.telemetry.snapshot import Sample, Snapshot

GaugeValues = Iterable[tuple[tuple[str, ...], float]]
Gauge = Callable[[], GaugeValues]
"""Read at scrape time: `[(label values, number), …]`."""

MAX_MODELS = 200
"""Distinct model labels without a `known_models`; then `other`."""
MAX_CODES = 64
"""Distinct error codes, which providers choose in part; then `other`."""
MAX_CELLS = 4000
"""Label sets of one kind; beyond, everything is `other`. A request cell is about 1 KB."""
NONE = "none"
OTHER = "other"


_HITS, _MISSES, _WRITES = (
    {tier: (f"llm_edge_cache_{name}_total", tier) for tier in ("l1", "l2", "semantic")} for name in ("hits", "misses", "writes")
)


class CacheRecorder:
    """The cache's meter. `tier`: "l1" | "l2"; seconds: of the look-up."""

    def __init__(self, metrics: "Metrics") -> None:
        self._inc = metrics.inc
        self._counters = metrics.counters
        self._latency: dict[str, Hist] = {}

    def hit(self, tier: str, seconds: float) -> None:
        self._counters[_HITS[tier]] += 1.0
        hist = self._latency.get(tier)
        if hist is None:
            hist = self._latency[tier] = Hist(len(CACHE_BUCKETS_S))
        hist.counts[bisect_left(CACHE_BUCKETS_S, seconds)] += 1
        hist.total += seconds

    def miss(self, tier: str) -> None:
        self._counters[_MISSES[tier]] += 1.0

    def write(self, tier: str) -> None:
        self._counters[_WRITES[tier]] += 1.0

    def error(self, tier: str) -> None:
        self._inc("llm_edge_cache_errors_total", tier)

    def latencies(self) -> dict[str, Hist]:
        return self._latency


TRIES_GATHERED = 64


class Metrics:
    """`known_models`: whether a name is configured or in the catalogue; any other is labelled `other`."""

    def __init__(self, *, known_models: Callable[[str], bool] | None = None, version: str = __version__) -> None:
        self.known_models = known_models
        self.active = 0
        self._catch_up: list[Callable[[], None]] = [self._count_tries]
        self._tries: list[AttemptRecord] = []
        self._requests: dict[tuple[object, ...], RequestCell] = {}
        self._attempts: dict[tuple[object, ...], AttemptCell] = {}
        self.counters: defaultdict[tuple[str, ...], float] = defaultdict(float)
        """Plain counters: (family, *label values) → number."""
        self.cache = CacheRecorder(self)
        self._lag = Hist(len(LAG_BUCKETS_S))
        self._models: set[str] = set()
        self._codes: set[str] = set()
        self._gauges: dict[str, Gauge] = {}
        self._process = ProcessUsage()
        self._families = {f.name: f for f in FAMILIES}
        self._set_own_gauges(version)
        self.counters[("llm_edge_cache_hits_total", "semantic")] = 0.0
        for tier in ("l1", "l2"):
            for name in ("hits", "misses", "writes", "errors"):
                self.counters[(f"llm_edge_cache_{name}_total", tier)] = 0.0

    def request_started(self) -> None:
        self.active += 1

    def request_done(self, ctx: RequestContext, seconds: float) -> None:
        """Once for every `request_started`, however the request ended. Probes and scrapes only leave the gauge."""
        self.active -= 1
        self.count_request(ctx, seconds)

    def count_request(self, ctx: RequestContext, seconds: float) -> None:
        """`request_done` but for the gauge."""
        route = ctx.route
        if route.family == "ops":
            return
        cell = self._requests.get((route.name, ctx.provider, ctx.model, ctx.status, ctx.error)) or self._request_cell(ctx)
        cell.count += 1
        hist = cell.duration
        hist.counts[bisect_left(REQUEST_BUCKETS_S, seconds)] += 1
        hist.total += seconds
        overhead = seconds - ctx.upstream_s
        hist = cell.overhead
        hist.counts[bisect_left(OVERHEAD_BUCKETS_S, overhead)] += 1
        hist.total += overhead
        if ctx.cancelled:
            cell.disconnects += 1
        if ctx.first_token_s is not None:
            self._first_token(cell, ctx.first_token_s)
        if ctx.cache_status == "hit":
            return
        if ctx.cache_status == "miss":
            cell.misses += 1
        if (usage := ctx.usage) is not None:
            cell.prompt += usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens
            cell.completion += usage.output_tokens
            cell.cache_read += usage.cache_read_tokens
            cell.cache_write += usage.cache_write_tokens
        if ctx.cost_nanos:
            cell.cost_nanos += ctx.cost_nanos
        if len(ctx.attempts) > 1:
            self._count_bills(ctx, cell)
        if (cost := ctx.cost) is not None and cost.incomplete:
            if cost.unpriced:
                cell.unpriced += 1
            else:
                cell.incomplete += 1

    def attempt_done(self, rec: AttemptRecord) -> None:
        """`rec` must not change any more: it is counted some dozens later, or when the numbers are read."""
        self._tries.append(rec)
        if len(self._tries) >= TRIES_GATHERED:
            self._count_tries()

    def _count_tries(self) -> None:
        tries, self._tries = self._tries, []
        for rec in tries:
            self._count_try(rec)

    def _count_try(self, rec: AttemptRecord) -> None:
        key = (rec.provider, rec.model, rec.role, rec.error)
        cell = self._attempts.get(key) or self._attempt_cell(rec)
        cell.count += 1
        hist = cell.latency
        hist.counts[bisect_left(REQUEST_BUCKETS_S, rec.duration_s)] += 1
        hist.total += rec.duration_s

    def _count_bills(self, ctx: RequestContext, cell: RequestCell) -> None:
        """Of tries that did not answer alone: what they cost is counted with their own provider."""
        for rec in ctx.attempts:
            bill = rec.bill
            if bill is None:
                continue
            model, nanos = self._model(ctx.model or ctx.served_model), 0 if bill.cost.unpriced else bill.cost.total
            self.inc("llm_edge_cost_usd_total", rec.provider, model, by=nanos / NANOS_PER_USD)
            if bill.payer == "caller" and ctx.cost_nanos:
                cell.cost_nanos -= nanos
            if rec.role == "hedge_loser":
                self.inc("llm_edge_hedge_loser_cost_usd_total", rec.provider, model, bill.payer, by=nanos / NANOS_PER_USD)
                self.inc("llm_edge_tokens_total", rec.provider, model, "input", by=bill.usage.prompt_tokens)
                self.inc("llm_edge_tokens_total", rec.provider, model, "output", by=bill.usage.output_tokens)

    def hedged(self, entry: str, result: str) -> None:
        self.inc("llm_edge_hedges_total", entry, result)

    def hedge_withheld(self, entry: str, reason: str) -> None:
        self.inc("llm_edge_hedges_withheld_total", entry, reason)

    def stream_continued(self, entry: str, result: str) -> None:
        self.inc("llm_edge_stream_continuations_total", entry, result)

    def observe_lag(self, seconds: float) -> None:
        self._lag.counts[bisect_left(LAG_BUCKETS_S, seconds)] += 1
        self._lag.total += seconds

    def inc(self, family: str, *labels: str, by: float = 1.0) -> None:
        """A plain counter of the table, by name and label values in the table's order."""
        self.counters[(family, *labels)] += by

    def stream_truncated(self, provider: str) -> None:
        self.inc("llm_edge_stream_truncations_total", provider)

    def response_unrecorded(self) -> None:
        self.inc("llm_edge_response_records_lost_total")

    def retried(self, failure: str, role: str) -> None:
        self.inc("llm_edge_retry_causes_total", failure, role)

    def fell_back(self, asked: str, entry: str, failure: str) -> None:
        self.inc("llm_edge_entry_fallbacks_total", asked, entry, failure)

    def attempts_stopped(self, entry: str, reason: str) -> None:
        """`entry`: its configured name or pattern."""
        self.inc("llm_edge_attempts_stopped_total", entry, reason)
        if reason == "retry_budget":
            self.inc("llm_edge_retry_budget_exhausted_total", entry)

    def single_flight_joined(self, tier: str) -> None:
        self.inc("llm_edge_single_flight_joins_total")
        if tier == "l2":
            self.inc("llm_edge_single_flight_remote_joins_total")

    def single_flight_handed_over(self) -> None:
        self.inc("llm_edge_single_flight_handovers_total")

    def lease_lost(self) -> None:
        self.inc("llm_edge_single_flight_leases_lost_total")

    def semantic_hit(self) -> None:
        self.inc("llm_edge_cache_hits_total", "semantic")

    def revalidated(self, ok: bool) -> None:
        self.inc("llm_edge_cache_revalidations_total", "ok" if ok else "failed")

    def shadow(self, outcome: str) -> None:
        self.inc("llm_edge_shadow_requests_total", outcome)

    def shed(self) -> None:
        self.inc("llm_edge_shed_requests_total")

    def rate_limited(self, entity: str, dimension: str) -> None:
        self.inc("llm_edge_rate_limited_total", entity, dimension)

    def budget_refused(self, entity: str, period: str) -> None:
        self.inc("llm_edge_budget_refused_total", entity, period)

    def budget_alert(self, kind: str, entity: str, period: str) -> None:
        self.inc("llm_edge_budget_alerts_total", kind, entity, period)

    def idempotent(self, result: str) -> None:
        self.inc("llm_edge_idempotent_requests_total", result)

    def task_failed(self, name: str) -> None:
        """`name` is cut at the first `:` or space: what follows is particular to one task."""
        self.inc("llm_edge_task_failures_total", name.replace(":", " ").split(" ", 1)[0] or NONE)

    def config_loaded(self, version: str, *, reload: bool = True, now: float | None = None) -> None:
        """A configuration came into force: at the start (`reload=False`) or by a reload."""
        loaded = time.time() if now is None else now
        self.gauge("llm_edge_config_info", lambda: [((version,), 1.0)])
        self.gauge("llm_edge_config_last_reload_success_timestamp_seconds", lambda: [((), loaded)])
        self.config_agrees()
        if reload:
            self.inc("llm_edge_config_reloads_total", "success")

    def config_agrees(self) -> None:
        """What was read last is in force."""
        self.gauge("llm_edge_config_last_reload_successful", lambda: [((), 1.0)])

    def config_refused(self) -> None:
        self.gauge("llm_edge_config_last_reload_successful", lambda: [((), 0.0)])
        self.inc("llm_edge_config_reloads_total", "failure")

    def gauge(self, family: str, read: Gauge) -> None:
        """Set the call-back of a gauge family; the last one set holds. Raises KeyError for a name that is not in the table."""
        self._gauges[self._families[family].name] = read

    def count(self, family: str, read: Gauge) -> None:
        """The same for a counter that somebody else keeps; what it yields must only grow."""
        self.gauge(family, read)

    def before_snapshot(self, catch_up: Callable[[], None]) -> None:
        """`catch_up()` is called before the numbers are read."""
        self._catch_up.append(catch_up)

    def snapshot(self) -> Snapshot:
        for catch_up in self._catch_up:
            catch_up()
        out: list[Sample] = []
        sums: dict[tuple[str, ...], float] = dict(self.counters)
        hists: dict[tuple[str, ...], Hist] = {}
        for cell in self._requests.values():
            read_request(cell, sums, hists)
        for attempt in self._attempts.values():
            read_attempt(attempt, sums, hists)
        hists[("llm_edge_event_loop_lag_seconds",)] = self._lag
        for tier, hist in self.cache.latencies().items():
            hists[("llm_edge_cache_latency_seconds", tier)] = hist
        sums[("llm_edge_cpu_seconds_total",)] = self._process.cpu_seconds()
        out.extend(Sample(key[0], key[1:], (value,)) for key, value in sums.items())
        out.extend(Sample(key[0], key[1:], (*hist.counts, hist.total)) for key, hist in hists.items())
        for name, read in self._gauges.items():
            out.extend(Sample(name, labels, (float(value),)) for labels, value in read())
        return tuple(out)

    def _request_cell(self, ctx: RequestContext) -> RequestCell:
        """The slow way in: labels are bounded first, and only a bounded name becomes a key."""
        model = self._model(ctx.model or ctx.served_model)
        known = model != OTHER and len(self._requests) < MAX_CELLS
        error = None if ctx.error is None else self._code(ctx.error)
        raw = (ctx.route.name, ctx.provider, ctx.model, ctx.status, ctx.error)
        key: tuple[object, ...] = raw if known and error == ctx.error else (ctx.route.name, ctx.provider or NONE, OTHER, ctx.status, error)
        cell = self._requests.get(key)
        if cell is None:
            if not known:
                model = OTHER
            cell = self._requests[key] = RequestCell((ctx.route.name, ctx.provider or NONE, model, str(ctx.status), error))
        return cell

    def _attempt_cell(self, rec: AttemptRecord) -> AttemptCell:
        model = self._model(rec.model)
        error = None if rec.error is None else self._code(rec.error)
        raw = (rec.provider, rec.model, rec.role, rec.error)
        known = model != OTHER and error == rec.error and len(self._attempts) < MAX_CELLS
        key: tuple[object, ...] = raw if known else (rec.provider, OTHER, rec.role, error)
        cell = self._attempts.get(key)
        if cell is None:
            labels = (rec.provider, model if known else OTHER, rec.role, "success" if error is None else "error")
            cell = self._attempts[key] = AttemptCell(labels, error)
        return cell

    def _first_token(self, cell: RequestCell, seconds: float) -> None:
        hist = cell.ttft
        if hist is None:
            hist = cell.ttft = Hist(len(REQUEST_BUCKETS_S))
        hist.counts[bisect_left(REQUEST_BUCKETS_S, seconds)] += 1
        hist.total += seconds

    def _model(self, name: str | None) -> str:
        if name is None:
            return NONE
        if self.known_models is not None:
            return name if self.known_models(name) else OTHER
        return _bounded(name, self._models, MAX_MODELS)

    def _code(self, code: str) -> str:
        return _bounded(code, self._codes, MAX_CODES)

    def _set_own_gauges(self, version: str) -> None:
        process = self._process
        started = time.time()
        build = (version, platform.python_version())
        self.gauge("llm_edge_active_requests", lambda: [((), float(self.active))])
        self.gauge("llm_edge_active_connections", lambda: [((), 0.0)])
        self.gauge("llm_edge_memory_bytes", lambda: [((), float(process.memory_bytes()))])
        self.gauge("llm_edge_cpu_usage_percent", lambda: [((), process.cpu_percent())])
        self.gauge("llm_edge_start_time_seconds", lambda: [((), started)])
        self.gauge("llm_edge_build_info", lambda: [(build, 1.0)])
        self.gauge("llm_edge_workers", lambda: [((), 1.0)])


def _bounded(name: str, seen: set[str], most: int) -> str:
    if name in seen:
        return name
    if len(seen) >= most:
        return OTHER
    seen.add(name)
    return name

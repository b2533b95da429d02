"""The accumulators: one cell a label set, with all numbers of one kind of event in its slots, and how families are read out of them."""

from proxy.core.money import NANOS_PER_USD
from proxy.telemetry.families import OVERHEAD_BUCKETS_S, REQUEST_BUCKETS_S

Key = tuple[str, ...]
"""(family, *label values)."""


class Hist:
    __slots__ = ("counts", "total")

    def __init__(self, buckets: int) -> None:
        self.counts = [0] * (buckets + 1)
        self.total = 0.0


class RequestCell:
    """All numbers of the requests with one set of labels."""

    __slots__ = (
        "cache_read", "cache_write", "completion", "cost_nanos", "count", "disconnects", "duration", "errors",
        "incomplete", "labels", "misses", "overhead", "prompt", "ttft", "unpriced",
    )  # fmt: skip

    def __init__(self, labels: tuple[str, str, str, str, str | None]) -> None:
        self.labels = labels
        """(route, provider, model, status, error)."""
        self.count = self.disconnects = self.errors = self.misses = 0
        self.prompt = self.completion = self.cache_read = self.cache_write = self.cost_nanos = 0
        self.unpriced = self.incomplete = 0
        self.duration = Hist(len(REQUEST_BUCKETS_S))
        self.overhead = Hist(len(OVERHEAD_BUCKETS_S))
        self.ttft: Hist | None = None


class AttemptCell:
    __slots__ = ("count", "error", "labels", "latency")

    def __init__(self, labels: tuple[str, str, str, str], error: str | None) -> None:
        self.labels = labels
        """(provider, model, role, outcome)."""
        self.error = error
        self.count = 0
        self.latency = Hist(len(REQUEST_BUCKETS_S))


def read_request(cell: RequestCell, sums: dict[Key, float], hists: dict[Key, Hist]) -> None:
    route, provider, model, status, error = cell.labels
    _add(sums, ("llm_edge_requests_total", route, provider, model, status), cell.count)
    if error is not None or status >= "400":
        _add(sums, ("llm_edge_request_errors_total", error or f"status_{status}", provider, model), cell.count)
    _pool(hists, ("llm_edge_request_duration_seconds", provider, model), cell.duration)
    _pool(hists, ("llm_edge_request_overhead_seconds",), cell.overhead)
    if cell.ttft is not None:
        _pool(hists, ("llm_edge_time_to_first_token_seconds", provider, model), cell.ttft)
    if cell.disconnects:
        _add(sums, ("llm_edge_client_disconnects_total", route), cell.disconnects)
    if cell.misses:
        _add(sums, ("llm_edge_cache_misses_total", "all"), cell.misses)
    if cell.prompt or cell.completion:
        _add(sums, ("llm_edge_tokens_total", provider, model, "input"), cell.prompt)
        _add(sums, ("llm_edge_tokens_total", provider, model, "output"), cell.completion)
    if cell.cache_read or cell.cache_write:
        _add(sums, ("llm_edge_tokens_cached_total", provider, model, "read"), cell.cache_read)
        _add(sums, ("llm_edge_tokens_cached_total", provider, model, "write"), cell.cache_write)
    if cell.cost_nanos:
        _add(sums, ("llm_edge_cost_usd_total", provider, model), cell.cost_nanos / NANOS_PER_USD)
    if cell.unpriced:
        _add(sums, ("llm_edge_unpriced_calls_total", provider, model), cell.unpriced)
    if cell.incomplete:
        _add(sums, ("llm_edge_incomplete_costs_total", provider, model), cell.incomplete)


def read_attempt(cell: AttemptCell, sums: dict[Key, float], hists: dict[Key, Hist]) -> None:
    provider, model, role, outcome = cell.labels
    _add(sums, ("llm_edge_attempts_total", provider, model, role, outcome), cell.count)
    _pool(hists, ("llm_edge_provider_latency_seconds", provider, model), cell.latency)
    if cell.error is not None:
        _add(sums, ("llm_edge_provider_errors_total", provider, cell.error), cell.count)


def _add(sums: dict[Key, float], key: Key, value: float) -> None:
    sums[key] = sums.get(key, 0.0) + value


def _pool(hists: dict[Key, Hist], key: Key, hist: Hist) -> None:
    have = hists.get(key)
    if have is None:
        have = hists[key] = Hist(len(hist.counts) - 1)
    for i, n in enumerate(hist.counts):
        have.counts[i] += n
    have.total += hist.total

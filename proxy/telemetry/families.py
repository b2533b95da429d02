"""Every metric family that the gateway exports, as a literal table; docs/metrics.md lists the same names (a test compares).

A family is kept once. Where COMPAT asks for the same fact under several names (`_ms` beside `_seconds`, `tokens_used` beside
`tokens`), the second name is a `Derived` row, computed at scrape time.
"""

from typing import Literal

import msgspec

Kind = Literal["counter", "gauge", "histogram"]
MergeRule = Literal["sum", "max", "min"]

REQUEST_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
"""2.0 stands for the shipped latency alert (p95 over 2 s); 600 is the default total time-out."""
OVERHEAD_BUCKETS_S = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5)
CACHE_BUCKETS_S = (0.000005, 0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1)
"""From an L1 look-up (tens of µs) to the L2 operation time-out (100 ms)."""
LAG_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
"""50 ms is the promised p99 (contract O)."""


class Family(msgspec.Struct, frozen=True):
    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    merge: MergeRule = "sum"
    """How values of several workers become one. Counters and histograms always sum."""
    shared: frozenset[str] = frozenset()
    """First-label values that every worker reports alike (a shared store's size): merged by max whatever `merge` says."""


class Derived(msgspec.Struct, frozen=True):
    """`name` is `source` times `scale`, of the samples where label `where[0]` is `where[1]`, summed over the labels not kept."""

    name: str
    source: str
    help: str
    scale: float = 1.0
    where: tuple[str, str] | None = None
    labels: tuple[str, ...] | None = None
    """Labels that stay; None: all of the source's."""


_PM = ("provider", "model")

FAMILIES: tuple[Family, ...] = (
    Family("llm_edge_requests_total", "counter", "Requests answered, probes and scrapes left out.", ("route", *_PM, "status")),
    Family("llm_edge_request_duration_seconds", "histogram", "From the request's head to the end of the answer.", _PM, REQUEST_BUCKETS_S),
    Family("llm_edge_request_errors_total", "counter", "Requests that failed, by machine code.", ("type", *_PM)),
    Family("llm_edge_request_overhead_seconds", "histogram", "Request duration less the wait for upstreams.", (), OVERHEAD_BUCKETS_S),
    Family("llm_edge_time_to_first_token_seconds", "histogram", "Of streams: until the first content left.", _PM, REQUEST_BUCKETS_S),
    Family("llm_edge_tokens_total", "counter", "Tokens spent; cache hits spend none.", (*_PM, "type")),
    Family("llm_edge_tokens_cached_total", "counter", "Prompt tokens read from or written to the provider's cache.", (*_PM, "type")),
    Family("llm_edge_cost_usd_total", "counter", "Money spent upstream.", _PM),
    Family("llm_edge_unpriced_calls_total", "counter", "Calls whose cost is unknown; they are not in llm_edge_cost_usd_total.", _PM),
    Family("llm_edge_incomplete_costs_total", "counter", "Calls whose cost is in the sum, but may not be all of it.", _PM),
    Family("llm_edge_active_requests", "gauge", "Requests in flight."),
    Family("llm_edge_active_connections", "gauge", "Open client connections."),
    Family("llm_edge_connections_total", "counter", "Client connections accepted."),
    Family(
        "llm_edge_http_refused_total", "counter", "Connections dropped by the server before an application saw the request.", ("reason",)
    ),
    Family("llm_edge_client_disconnects_total", "counter", "Clients that left before their answer was complete.", ("route",)),
    Family("llm_edge_stream_truncations_total", "counter", "Streams that ended without their terminal event.", ("provider",)),
    Family("llm_edge_cache_hits_total", "counter", "Cache hits.", ("tier",)),
    Family(
        "llm_edge_cache_misses_total", "counter", 'Look-ups that missed one tier; tier="all": requests that missed every tier.', ("tier",)
    ),
    Family("llm_edge_cache_revalidations_total", "counter", "Stale answers that were served and made anew.", ("outcome",)),
    Family("llm_edge_shed_requests_total", "counter", "Requests refused because the gateway could not keep up."),
    Family("llm_edge_rate_limited_total", "counter", "Refusals for a rate limit, by whose and of what it was.", ("entity", "dimension")),
    Family("llm_edge_budget_refused_total", "counter", "Calls refused for a budget, by whose it was.", ("entity", "period")),
    Family("llm_edge_budget_alerts_total", "counter", "Budgets that came to their warning or their end.", ("kind", "entity", "period")),
    Family("llm_edge_idempotent_requests_total", "counter", "Requests with an Idempotency-Key, by what became of them.", ("result",)),
    Family("llm_edge_shadow_requests_total", "counter", "Copies of requests to another model.", ("outcome",)),
    Family("llm_edge_cache_writes_total", "counter", "Entries stored.", ("tier",)),
    Family("llm_edge_cache_errors_total", "counter", "Cache operations that failed or timed out.", ("tier",)),
    Family("llm_edge_cache_latency_seconds", "histogram", "Duration of look-ups that hit.", ("tier",), CACHE_BUCKETS_S),
    Family("llm_edge_cache_available", "gauge", "1: every worker can use the tier.", ("tier",), merge="min"),
    Family("llm_edge_cache_size_entries", "gauge", "Entries held; of l2, keys in its whole database.", ("tier",), shared=frozenset({"l2"})),
    Family("llm_edge_cache_memory_bytes", "gauge", "Bytes held; of l2, memory of its whole server.", ("tier",), shared=frozenset({"l2"})),
    Family("llm_edge_single_flight_joins_total", "counter", "Requests that joined another's upstream call."),
    Family("llm_edge_single_flight_remote_joins_total", "counter", "Of these, requests that joined a call of another process."),
    Family("llm_edge_single_flight_handovers_total", "counter", "Requests that had joined a call whose leader went, and looked again."),
    Family("llm_edge_single_flight_leases_lost_total", "counter", "Calls that went on after their lease was no longer this process's."),
    Family("llm_edge_response_records_lost_total", "counter", "Answers that cannot be followed up: the store did not take their ids."),
    Family("llm_edge_attempts_total", "counter", "Tries on the wire.", (*_PM, "role", "outcome")),
    Family("llm_edge_retry_causes_total", "counter", "Tries after a failed one, by the class of its failure.", ("failure", "role")),
    Family("llm_edge_entry_fallbacks_total", "counter", "Fallbacks from one entry of models to another.", ("from", "to", "failure")),
    Family("llm_edge_attempts_stopped_total", "counter", "Requests whose attempts ended without an answer.", ("model", "reason")),
    Family("llm_edge_retry_budget_exhausted_total", "counter", "Retries that the budget did not allow.", ("model",)),
    Family("llm_edge_hedges_total", "counter", "Hedges that were sent, by how they ended.", ("entry", "result")),
    Family("llm_edge_hedges_withheld_total", "counter", "Slow tries that got no hedge.", ("entry", "reason")),
    Family("llm_edge_hedge_loser_cost_usd_total", "counter", "What hedging cost: estimates of the calls that lost.", (*_PM, "payer")),
    Family(
        "llm_edge_stream_continuations_total",
        "counter",
        "Streams that broke off and went on with another call, or did not.",
        ("entry", "result"),
    ),
    Family("llm_edge_provider_latency_seconds", "histogram", "Of attempts: from start to end of the answer.", _PM, REQUEST_BUCKETS_S),
    Family("llm_edge_provider_errors_total", "counter", "Attempts that failed, by machine code.", ("provider", "type")),
    Family("llm_edge_provider_available", "gauge", "1: at least one worker may use the provider.", ("provider",), merge="max"),
    Family(
        "llm_edge_circuit_breaker_state",
        "gauge",
        "1: at least one target of the provider has its breaker in this state, at one worker; closed: all have.",
        ("provider", "state"),
        merge="max",
    ),
    Family(
        "llm_edge_circuit_breaker_transitions_total",
        "counter",
        "Breakers that opened or closed, by own findings of a worker or shared ones of another.",
        ("provider", "state", "source"),
    ),
    Family("llm_edge_probes_total", "counter", "Active probes of targets whose breaker is not closed.", ("provider", "result")),
    Family("llm_edge_target_in_flight", "gauge", "Calls under way.", _PM),
    Family("llm_edge_key_in_flight", "gauge", "Calls under way with a key that is bounded, by its place in the pool.", ("provider", "key")),
    Family("llm_edge_target_resting", "gauge", "1: at least one worker sends others first, or nothing.", (*_PM, "reason"), merge="max"),
    Family("llm_edge_target_quota_left_ratio", "gauge", "Of the scarcest rate limit, as last reported.", _PM, merge="min"),
    Family("llm_edge_config_reloads_total", "counter", "Configuration reloads.", ("result",)),
    Family("llm_edge_config_info", "gauge", "1 for the version in force.", ("version",), merge="max"),
    Family(
        "llm_edge_config_last_reload_successful",
        "gauge",
        "0: what is on the disk was refused, and an older configuration is in force.",
        merge="min",
    ),
    Family("llm_edge_config_last_reload_success_timestamp_seconds", "gauge", "Unix time of the last good load.", merge="min"),
    Family("llm_edge_event_loop_lag_seconds", "histogram", "How late a 100 ms timer fired.", (), LAG_BUCKETS_S),
    Family("llm_edge_task_failures_total", "counter", "Background tasks that ended with an exception.", ("task",)),
    Family("llm_edge_log_lines_dropped_total", "counter", "Log lines dropped because nobody read the output."),
    Family("llm_edge_workers", "gauge", "Worker processes that answer."),
    Family("llm_edge_worker_restarts_total", "counter", "Workers that ended unasked and were replaced."),
    Family("llm_edge_memory_bytes", "gauge", "Resident memory over all processes."),
    Family("llm_edge_cpu_usage_percent", "gauge", "CPU of the busiest worker, percent of one core.", merge="max"),
    Family("llm_edge_cpu_seconds_total", "counter", "CPU time, user and system, over all workers."),
    Family("llm_edge_start_time_seconds", "gauge", "Unix time at which the oldest process started.", merge="min"),
    Family("llm_edge_build_info", "gauge", "1.", ("version", "python"), merge="max"),
)

DERIVED: tuple[Derived, ...] = (
    Derived("llm_edge_request_duration_ms", "llm_edge_request_duration_seconds", "As _seconds, in ms.", scale=1e3),
    Derived("llm_edge_cache_latency_ms", "llm_edge_cache_latency_seconds", "As _seconds, in ms.", scale=1e3),
    Derived("llm_edge_tokens_prompt_total", "llm_edge_tokens_total", "Prompt tokens.", where=("type", "input"), labels=_PM),
    Derived("llm_edge_tokens_completion_total", "llm_edge_tokens_total", "Completion tokens.", where=("type", "output"), labels=_PM),
    Derived("llm_edge_tokens_used_total", "llm_edge_tokens_total", "Prompt and completion tokens.", labels=_PM),
    Derived("llm_edge_provider_health", "llm_edge_provider_available", "As llm_edge_provider_available."),
    Derived(
        "llm_edge_retries_total", "llm_edge_attempts_total", "Tries on the wire after a failed one.", where=("role", "retry"), labels=_PM
    ),
    Derived(
        "llm_edge_fallbacks_total",
        "llm_edge_attempts_total",
        "Tries at another target after a failed one.",
        where=("role", "fallback"),
        labels=_PM,
    ),
)

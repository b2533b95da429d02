"""What is recorded comes out."""

import pytest

from proxy.core.context import AttemptRecord, RequestContext
from proxy.core.pricing import Cost
from proxy.core.response import Usage
from proxy.core.route import RouteInfo
from proxy.telemetry import metrics as module
from proxy.telemetry.families import FAMILIES
from proxy.telemetry.merge import width
from proxy.telemetry.metrics import Metrics

CHAT = RouteInfo(name="/v1/chat/completions", family="openai", dialect="openai_chat")
PROBE = RouteInfo(name="/health/ready", family="ops")


def ctx(route: RouteInfo = CHAT, **fields: object) -> RequestContext:
    made = RequestContext(route, "0" * 32, 0.0)
    made.status = 200
    made.provider = "openai"
    made.model = "gpt-4o"
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def done(metrics: Metrics, context: RequestContext, seconds: float = 0.1) -> None:
    metrics.request_started()
    metrics.request_done(context, seconds)


def values(metrics: Metrics, family: str) -> dict[tuple[str, ...], tuple[float, ...]]:
    return {s.labels: s.values for s in metrics.snapshot() if s.family == family}


def value(metrics: Metrics, family: str, *labels: str) -> float:
    return values(metrics, family).get(labels, (0.0,))[0]


def test_a_request_counts_once_everywhere() -> None:
    """Counter, duration, overhead, tokens, cost."""
    m = Metrics()
    usage = Usage(input_tokens=10, cache_read_tokens=3, cache_write_tokens=2, output_tokens=20)
    done(m, ctx(usage=usage, cost_nanos=1_500_000, upstream_s=0.09, cache_status="miss", first_token_s=0.02))
    assert value(m, "llm_edge_requests_total", "/v1/chat/completions", "openai", "gpt-4o", "200") == 1
    duration = values(m, "llm_edge_request_duration_seconds")[("openai", "gpt-4o")]
    assert sum(duration[:-1]) == 1
    assert duration[-1] == pytest.approx(0.1)
    assert values(m, "llm_edge_request_overhead_seconds")[()][-1] == pytest.approx(0.01)
    assert values(m, "llm_edge_time_to_first_token_seconds")[("openai", "gpt-4o")][-1] == pytest.approx(0.02)
    assert value(m, "llm_edge_tokens_total", "openai", "gpt-4o", "input") == 15
    assert value(m, "llm_edge_tokens_total", "openai", "gpt-4o", "output") == 20
    assert value(m, "llm_edge_tokens_cached_total", "openai", "gpt-4o", "read") == 3
    assert value(m, "llm_edge_tokens_cached_total", "openai", "gpt-4o", "write") == 2
    assert value(m, "llm_edge_cost_usd_total", "openai", "gpt-4o") == pytest.approx(0.0015)
    assert value(m, "llm_edge_cache_misses_total", "all") == 1


def test_costs_that_are_unknown_or_incomplete_are_counted() -> None:
    """The one is not in the sum, the other is; a hit's is neither."""
    m = Metrics()
    unknown, doubtful = Cost({}, incomplete=True, unpriced=True), Cost({"input": 5}, incomplete=True)
    done(m, ctx(cost=unknown, cost_nanos=None))
    done(m, ctx(cost=unknown, cost_nanos=None))
    done(m, ctx(cost=doubtful, cost_nanos=5))
    done(m, ctx(cost=Cost({"input": 7}), cost_nanos=7))
    done(m, ctx(cost_nanos=0, cache_status="hit"))
    assert value(m, "llm_edge_unpriced_calls_total", "openai", "gpt-4o") == 2
    assert value(m, "llm_edge_incomplete_costs_total", "openai", "gpt-4o") == 1
    assert value(m, "llm_edge_cost_usd_total", "openai", "gpt-4o") == pytest.approx(12e-9)


def test_cost_below_a_cent_is_not_lost() -> None:
    """A float, not whole dollars."""
    m = Metrics()
    for _ in range(3):
        done(m, ctx(cost_nanos=1))
    assert value(m, "llm_edge_cost_usd_total", "openai", "gpt-4o") == pytest.approx(3e-9)


def test_a_cache_hit_spends_nothing() -> None:
    """Stored usage is no usage."""
    m = Metrics()
    done(m, ctx(usage=Usage(input_tokens=10, output_tokens=20), cost_nanos=5, cache_status="hit"))
    assert value(m, "llm_edge_requests_total", "/v1/chat/completions", "openai", "gpt-4o", "200") == 1
    assert values(m, "llm_edge_tokens_total") == {}
    assert values(m, "llm_edge_cost_usd_total") == {}


def test_errors_by_type() -> None:
    """The machine code, or the status where there is none; a truncated stream with status 200 is one too."""
    m = Metrics()
    done(m, ctx(status=502, error="upstream_error"))
    done(m, ctx(status=418))
    done(m, ctx(status=200, error="stream_truncated"))
    assert {labels[0]: v[0] for labels, v in values(m, "llm_edge_request_errors_total").items()} == {
        "upstream_error": 1,
        "status_418": 1,
        "stream_truncated": 1,
    }


def test_disconnects_by_route() -> None:
    """Clients that left."""
    m = Metrics()
    done(m, ctx(cancelled=True, status=499, error="client_closed_request"))
    assert value(m, "llm_edge_client_disconnects_total", "/v1/chat/completions") == 1


def test_probes_are_not_requests() -> None:
    """Readiness 503 during a drain must not raise an alert; the gauge falls back all the same."""
    m = Metrics()
    done(m, ctx(PROBE, status=503))
    assert values(m, "llm_edge_requests_total") == {}
    assert value(m, "llm_edge_active_requests") == 0


def test_active_requests() -> None:
    """Begun and not ended."""
    m = Metrics()
    m.request_started()
    m.request_started()
    m.request_done(ctx(), 0.1)
    assert value(m, "llm_edge_active_requests") == 1


def test_a_request_without_model_and_provider() -> None:
    """Labels are never empty."""
    m = Metrics()
    done(m, ctx(model=None, provider=None))
    assert value(m, "llm_edge_requests_total", "/v1/chat/completions", "none", "none", "200") == 1


def test_the_served_model_stands_in() -> None:
    """Where the client named none."""
    m = Metrics()
    done(m, ctx(model=None, served_model="gpt-4o"))
    assert value(m, "llm_edge_requests_total", "/v1/chat/completions", "openai", "gpt-4o", "200") == 1


def test_unknown_models_are_other() -> None:
    """Clients cannot make series (contract O)."""
    m = Metrics(known_models={"gpt-4o"}.__contains__)
    done(m, ctx())
    for n in range(1000):
        done(m, ctx(model=f"made-up-{n}"))
        m.attempt_done(attempt(model=f"made-up-{n}"))
    models = {labels[2]: v[0] for labels, v in values(m, "llm_edge_requests_total").items()}
    assert models == {"gpt-4o": 1, "other": 1000}
    assert {labels[1] for labels in values(m, "llm_edge_attempts_total")} == {"other"}
    assert len(m.snapshot()) < 100


def test_without_a_catalogue_the_first_names_count() -> None:
    """Up to a number, then `other`."""
    m = Metrics()
    for n in range(module.MAX_MODELS + 50):
        done(m, ctx(model=f"m{n}"))
    models = {labels[2]: v[0] for labels, v in values(m, "llm_edge_requests_total").items()}
    assert len(models) == module.MAX_MODELS + 1
    assert models["other"] == 50


def test_error_codes_are_bounded() -> None:
    """Providers choose some of them."""
    m = Metrics()
    for n in range(module.MAX_CODES + 20):
        done(m, ctx(status=502, error=f"e{n}"))
        m.attempt_done(attempt(error=f"e{n}"))
    types = {labels[0]: v[0] for labels, v in values(m, "llm_edge_request_errors_total").items()}
    assert len(types) == module.MAX_CODES + 1
    assert types["other"] == 20
    assert value(m, "llm_edge_provider_errors_total", "openai", "other") == 20


def test_label_sets_are_bounded_over_all() -> None:
    """Many statuses, models and codes together."""
    m = Metrics(known_models=lambda _name: True)
    for n in range(module.MAX_CELLS + 500):
        done(m, ctx(model=f"m{n}"))
        m.attempt_done(attempt(model=f"m{n}"))
    assert len(values(m, "llm_edge_requests_total")) <= module.MAX_CELLS + 1
    assert sum(v[0] for v in values(m, "llm_edge_requests_total").values()) == module.MAX_CELLS + 500
    assert len(values(m, "llm_edge_attempts_total")) <= module.MAX_CELLS + 1


def attempt(**fields: object) -> AttemptRecord:
    record = AttemptRecord("openai", "gpt-4o")
    record.duration_s = 0.2
    for name, given in fields.items():
        setattr(record, name, given)
    return record


def test_attempts() -> None:
    """By role and outcome, with latency and error."""
    m = Metrics()
    m.attempt_done(attempt(error="upstream_timeout"))
    m.attempt_done(attempt(role="retry"))
    m.attempt_done(attempt(role="fallback"))
    assert values(m, "llm_edge_attempts_total") == {
        ("openai", "gpt-4o", "primary", "error"): (1,),
        ("openai", "gpt-4o", "retry", "success"): (1,),
        ("openai", "gpt-4o", "fallback", "success"): (1,),
    }
    latency = values(m, "llm_edge_provider_latency_seconds")[("openai", "gpt-4o")]
    assert sum(latency[:-1]) == 3
    assert latency[-1] == pytest.approx(0.6)
    assert value(m, "llm_edge_provider_errors_total", "openai", "upstream_timeout") == 1


def test_cache() -> None:
    """Tiers from the start at 0; hits with their latency."""
    m = Metrics()
    assert value(m, "llm_edge_cache_hits_total", "l2") == 0.0
    assert ("l2",) in values(m, "llm_edge_cache_hits_total")
    m.cache.hit("l1", 0.00002)
    m.cache.hit("l1", 0.00003)
    m.cache.miss("l1")
    m.cache.write("l2")
    m.cache.error("l2")
    assert value(m, "llm_edge_cache_hits_total", "l1") == 2
    assert value(m, "llm_edge_cache_misses_total", "l1") == 1
    assert value(m, "llm_edge_cache_writes_total", "l2") == 1
    assert value(m, "llm_edge_cache_errors_total", "l2") == 1
    assert values(m, "llm_edge_cache_latency_seconds")[("l1",)][-1] == pytest.approx(0.00005)


def test_lag() -> None:
    """In its bucket, beyond the last one in +Inf."""
    m = Metrics()
    m.observe_lag(0.002)
    m.observe_lag(60.0)
    lag = values(m, "llm_edge_event_loop_lag_seconds")[()]
    assert (lag[1], lag[-2]) == (1, 1)
    assert lag[-1] == pytest.approx(60.002)


def test_rare_events() -> None:
    """Each by its method."""
    m = Metrics()
    m.stream_truncated("openai")
    m.single_flight_joined("l1")
    m.single_flight_joined("l2")
    m.single_flight_handed_over()
    m.idempotent("joined")
    m.lease_lost()
    m.task_failed("worker:3")
    m.task_failed("")
    m.config_loaded("v1", reload=False, now=5.0)
    assert value(m, "llm_edge_config_last_reload_successful") == 1
    m.config_loaded("v2", now=6.0)
    m.config_refused()
    assert value(m, "llm_edge_stream_truncations_total", "openai") == 1
    assert value(m, "llm_edge_single_flight_joins_total") == 2
    assert value(m, "llm_edge_single_flight_remote_joins_total") == 1
    assert value(m, "llm_edge_single_flight_handovers_total") == 1
    assert value(m, "llm_edge_idempotent_requests_total", "joined") == 1
    assert value(m, "llm_edge_single_flight_leases_lost_total") == 1
    assert values(m, "llm_edge_task_failures_total") == {("worker",): (1,), ("none",): (1,)}
    assert values(m, "llm_edge_config_reloads_total") == {("success",): (1,), ("failure",): (1,)}
    assert values(m, "llm_edge_config_info") == {("v2",): (1,)}
    assert value(m, "llm_edge_config_last_reload_success_timestamp_seconds") == 6.0
    assert value(m, "llm_edge_config_last_reload_successful") == 0
    m.config_agrees()
    assert value(m, "llm_edge_config_last_reload_successful") == 1


def test_gauges_are_read_at_scrape_time() -> None:
    """And only families of the table."""
    m = Metrics()
    size = [1.0]
    m.gauge("llm_edge_cache_size_entries", lambda: [(("l1",), size[0])])
    assert value(m, "llm_edge_cache_size_entries", "l1") == 1.0
    size[0] = 2.0
    assert value(m, "llm_edge_cache_size_entries", "l1") == 2.0
    with pytest.raises(KeyError):
        m.gauge("llm_edge_made_up", list)


def test_every_sample_fits_its_family() -> None:
    """Known name, right number of labels and of values."""
    m = Metrics()
    done(m, ctx(status=500, error="x", cancelled=True, first_token_s=0.1, usage=Usage(input_tokens=1, cache_read_tokens=1), cost_nanos=1))
    m.attempt_done(attempt(error="x"))
    m.cache.hit("l1", 0.1)
    families = {f.name: f for f in FAMILIES}
    for sample in m.snapshot():
        assert len(sample.labels) == len(families[sample.family].labels), sample
        assert len(sample.values) == width(families[sample.family]), sample


def test_the_process_tells_of_itself() -> None:
    """Memory, CPU, version."""
    m = Metrics(version="9.9.9")
    assert value(m, "llm_edge_memory_bytes") > 1e6
    assert value(m, "llm_edge_cpu_seconds_total") > 0
    assert value(m, "llm_edge_workers") == 1
    assert [labels[0] for labels in values(m, "llm_edge_build_info")] == ["9.9.9"]

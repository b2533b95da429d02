"""A record says what its request did, however it ended."""

import pytest

from proxy.core.context import AttemptRecord, Bill, RequestContext
from proxy.core.identity import Principal
from proxy.core.pricing import Cost
from proxy.core.response import Usage
from proxy.core.route import RouteInfo
from proxy.governance.metering.record import costs_of, intent_of, record_of, tags_of, whose
from proxy.storage.usage import UsageRecord

ROUTE = RouteInfo(name="/v1/chat/completions", family="openai", dialect="openai_chat")
PRINCIPAL = Principal(key_id="k", tenant="t", name="ci", user="ann")


def context(**fields: object) -> RequestContext:
    ctx = RequestContext(ROUTE, "0" * 32, 0.0)
    ctx.principal, ctx.unix_started, ctx.status, ctx.model = PRINCIPAL, 5.0, 200, "smart"
    for name, value in fields.items():
        setattr(ctx, name, value)
    return ctx


def test_a_call_and_its_cost() -> None:
    """Kinds are disjoint, and add up to what is billed."""
    usage = Usage(input_tokens=10, cache_read_tokens=3, output_tokens=4, reasoning_tokens=1)
    ctx = context(provider="p", served_model="m", usage=usage, cost=Cost({"input": 100, "output": 8, "cache_write": 0}), cost_nanos=108)
    ctx.attempts = [AttemptRecord("p", "m", status=200, sent=True)]
    record = record_of(ctx, whose(PRINCIPAL), 0.25, ("a",))
    assert (record.tenant, record.key_id, record.key_name, record.entities) == ("t", "k", "ci", PRINCIPAL.entities())
    assert (record.input_tokens, record.cache_read_tokens, record.output_tokens, record.reasoning_tokens) == (10, 3, 4, 1)
    assert (record.costs, record.cost_nanos, record.latency_ms, record.tags) == ({"input": 100, "output": 8}, 108, 250.0, ("a",))
    assert record.lines == ()
    assert record.status == "ok"


def test_a_hit_has_used_nothing() -> None:
    """Though the answer tells its tokens."""
    ctx = context(cache_status="hit", cache_tier="l2", provider="cache", usage=Usage(input_tokens=9), cost_nanos=0)
    record = record_of(ctx, whose(None), 0.0)
    assert (record.input_tokens, record.cost_nanos, record.cache, record.provider) == (0, 0, "l2", "cache")


def test_an_unknown_price_is_no_zero() -> None:
    """A call whose price nobody knows is told apart from none at all."""
    unknown = context(cost=Cost({}, incomplete=True, unpriced=True), cost_nanos=None)
    assert record_of(unknown, whose(None), 0.0).cost_nanos is None
    assert record_of(unknown, whose(None), 0.0).incomplete
    assert record_of(context(), whose(None), 0.0).cost_nanos == 0


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"cancelled": True, "status": 499, "error": "client_closed_request"}, "cancelled"),
        ({"status": 429, "error": "rate_limit_exceeded", "error_source": "gateway"}, "refused"),
        ({"status": 429, "error": "x", "error_source": "provider"}, "failed"),
        ({"status": 502, "error": "upstream_error", "error_source": "provider"}, "failed"),
        ({"status": 200, "error": "stream_truncated"}, "failed"),
    ],
)
def test_endings(fields: dict[str, object], status: str) -> None:
    """An error in a stream is one, whatever the status line said."""
    assert record_of(context(**fields), whose(None), 0.0).status == status


def test_tries_have_lines() -> None:
    """With what each cost, and who pays; a single good one needs none."""
    bill = Bill(usage=Usage(input_tokens=2, output_tokens=1, estimated=True), cost=Cost({"input": 5}), payer="gateway")
    ctx = context()
    ctx.attempts = [AttemptRecord("p", "m", role="hedge_loser", bill=bill), AttemptRecord("q", "m", role="hedge", status=200)]
    loser, winner = record_of(ctx, whose(None), 0.0).lines
    assert (loser.role, loser.input_tokens, loser.cost_nanos, loser.estimated, loser.payer) == ("hedge_loser", 2, 5, True, "gateway")
    assert (winner.provider, winner.cost_nanos, winner.payer) == ("q", 0, "caller")
    ctx.attempts = [AttemptRecord("p", "m", error="upstream_error", failure="overloaded")]
    assert record_of(ctx, whose(None), 0.0).lines[0].failure == "overloaded"


BODIES: dict[str, tuple[object, tuple[str, ...]]] = {
    "none": (None, ()),
    "list": ({"metadata": {"tags": ["a", " b ", 3, ""]}}, ("a", "b")),
    "text": ({"metadata": {"tags": "a,b,a"}}, ("a", "b")),
    "other": ({"metadata": {"tags": {"x": 1}}}, ()),
    "no object": ({"metadata": "x"}, ()),
}


@pytest.mark.parametrize("case", BODIES)
def test_tags(case: str) -> None:
    """Of the body, behind those of the header; each once, and not without end."""
    body, tags = BODIES[case]
    ctx = context(json=body)
    assert tags_of(ctx) == tags
    ctx.headers = {b"x-llm-edge-tags": b"eu, a,,"}
    assert tags_of(ctx) == tuple(dict.fromkeys(("eu", "a", *tags)))
    ctx.headers = {b"x-llm-edge-tags": b",".join(b"t%d" % n for n in range(50))}
    assert len(tags_of(ctx)) == 16


@pytest.mark.parametrize("nanos", [None, 0, 500])
def test_what_the_dead_owe(nanos: int | None) -> None:
    """All that was reserved; where nothing was, nobody knows."""
    record = intent_of(context(), whose(PRINCIPAL), "p", "m", nanos)
    assert (record.status, record.cost_nanos, record.estimated, record.error) == ("unknown", nanos, True, "gateway_died")
    assert sum(record.costs.values()) == (nanos or 0)
    assert (record.provider, record.model, record.asked, record.tenant, record.at) == ("p", "m", "smart", "t", 5.0)


def test_nobody_is_nobody() -> None:
    """Where there is no principal."""
    assert whose(None) == UsageRecord(id="", at=0.0)


def test_what_was_reserved_comes_on_top_of_what_a_try_may_have_cost() -> None:
    """One try timed out, and nobody knows what the answered one cost: both are `other`, and the kinds add up to what is billed."""
    assert costs_of(Cost({"input": 2, "other": 5}, unpriced=True), 20) == {"input": 2, "other": 18}
    assert costs_of(Cost({"other": 5}), 5) == {"other": 5}

"""The one mutable record of a request."""

import asyncio

import pytest

from proxy.core.context import ALLOWED, AttemptRecord, Bill, RequestContext
from proxy.core.pricing import Cost
from proxy.core.response import Usage
from proxy.core.route import RouteInfo


def context() -> RequestContext:
    return RequestContext(RouteInfo(name="/x", family="openai"), "t" * 32, 0.0)


async def under_way(ctx: RequestContext) -> asyncio.Task[None]:
    """A task that works for the request until it is cancelled."""
    ctx.task = asyncio.ensure_future(asyncio.sleep(60))
    await asyncio.sleep(0)
    return ctx.task


def test_a_misspelt_field_is_an_error() -> None:
    """Slots, not a dictionary."""
    with pytest.raises(AttributeError):
        context().modle = "x"  # type: ignore[attr-defined]


def test_without_governance_everything_is_allowed() -> None:
    """What no wrapper has narrowed."""
    ctx = context()
    assert ctx.permit("p", "m") is ctx.top_up("p", "m") is ALLOWED


async def test_a_client_that_leaves_cancels_the_work() -> None:
    """Once, however often it is told."""
    ctx = context()
    task = await under_way(ctx)
    ctx.client_left()
    ctx.client_left()
    await asyncio.wait({task})
    assert (task.cancelled(), task.cancelling(), ctx.cancelled) == (True, 1, True)


async def test_somebody_may_do_something_else_instead() -> None:
    """A leader whose call others follow goes on."""
    ctx = context()
    task = await under_way(ctx)
    told: list[bool] = []
    ctx.on_disconnect = lambda: told.append(True)
    ctx.client_left()
    assert (told, task.cancelling()) == ([True], 0)
    task.cancel()
    await asyncio.wait({task})


async def test_the_drains_last_call_comes_once_and_not_to_the_gone() -> None:
    """A request that has been left already ends by itself."""
    ctx = context()
    task = await under_way(ctx)
    ctx.end_now()
    ctx.end_now()
    assert (ctx.ending, task.cancelling()) == (True, 1)
    await asyncio.wait({task})
    gone = context()
    gone.client_left()
    gone.end_now()
    assert not gone.ending


def test_an_attempt_as_a_log_field() -> None:
    """Durations in milliseconds."""
    record = AttemptRecord("p", "m")
    record.status, record.sent, record.duration_s = 200, True, 0.0123456
    plain = {"provider": "p", "model": "m", "role": "primary", "status": 200, "error": None, "failure": None, "sent": True}
    assert record.as_dict() == {**plain, "duration_ms": 12.346}
    record.delay_s, record.entry, record.failure = 0.25, "other", "timeout"
    assert record.as_dict() == {**plain, "duration_ms": 12.346, "delay_ms": 250.0, "entry": "other", "failure": "timeout"}
    record.calls, record.cause = 3, "refused"
    assert record.as_dict()["calls"] == 3
    assert record.as_dict()["cause"] == "refused"


def test_a_tries_line_has_what_it_cost() -> None:
    """An unknown cost is null, not 0."""
    usage = Usage(input_tokens=3, cache_read_tokens=2, output_tokens=1, estimated=True)
    record = AttemptRecord("p", "m", role="hedge_loser", bill=Bill(usage=usage, cost=Cost({"input": 7, "output": 1}), payer="gateway"))
    line = record.as_dict()
    assert (line["role"], line["prompt_tokens"], line["completion_tokens"], line["tokens_estimated"]) == ("hedge_loser", 5, 1, True)
    assert (line["cost_nanos"], line["payer"]) == (8, "gateway")
    record.bill = Bill(usage=usage, cost=Cost({}, unpriced=True))
    assert record.as_dict()["cost_nanos"] is None

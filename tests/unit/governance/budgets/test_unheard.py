"""What nobody heard the end of costs what it may have cost, and says so."""

from typing import Any

import orjson
import pytest

from proxy.core.context import AttemptRecord, Bill, RequestContext
from proxy.core.errors import UpstreamTimeout
from proxy.core.priced import Priced
from proxy.core.pricing import Cost
from proxy.core.response import Usage
from proxy.core.route import RouteInfo
from proxy.governance.budgets.quote import Quote
from proxy.governance.budgets.unheard import Unheard
from proxy.governance.metering.record import record_of, whose
from tests.unit.governance.budgets.made import Targets, priced

IN, OUT = 10_000, 100_000
"""Nano-USD a token of `priced()`."""


def context(*attempts: AttemptRecord, stream: bool = False, route: str = "/v1/chat/completions", **body: Any) -> RequestContext:
    ctx = RequestContext(RouteInfo(name=route, family="openai", dialect="openai_chat"), "0" * 32, 0.0)
    ctx.json = {"model": "m", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 50, **body}
    ctx.body = orjson.dumps(ctx.json)
    ctx.attempts, ctx.stream, ctx.cancelled = list(attempts), stream, True
    return ctx


def sent(provider: str = "p", **more: Any) -> AttemptRecord:
    return AttemptRecord(provider, "m", sent=True, **more)


def heard(ctx: RequestContext, **targets: Priced) -> RequestContext:
    Unheard(Targets(**targets))(ctx)
    return ctx


def bound(ctx: RequestContext) -> int:
    return Quote(ctx).prompt_tokens(priced()) * IN + 50 * OUT + 2


def test_a_whole_answer_costs_what_it_may_cost_at_most() -> None:
    """Its prompt's bound and its output cap; of tokens the prompt is counted, as an estimate."""
    ctx = heard(context(sent()))
    assert ctx.cost_nanos == bound(ctx)
    assert ctx.usage == Usage(input_tokens=-(-len(ctx.body) // 4), estimated=True)
    record = record_of(ctx, whose(None), 0.0)
    assert (record.status, record.estimated, record.incomplete) == ("cancelled", True, False)
    assert (record.cost_nanos, record.costs) == (bound(ctx), {"other": bound(ctx)})


def test_a_cap_that_a_budget_made_holds_here_too() -> None:
    """More was not asked for."""
    ctx = context(sent())
    ctx.max_tokens_cap = 20
    assert heard(ctx).cost_nanos == bound(ctx) - 30 * OUT


def test_a_stream_of_which_nothing_came_costs_its_prompt() -> None:
    """As one that was left later costs its prompt and what came."""
    ctx = heard(context(sent(), stream=True))
    assert ctx.cost_nanos == -(-len(ctx.body) // 4) * IN
    assert record_of(ctx, whose(None), 0.0).costs == {"input": ctx.cost_nanos}
    assert record_of(ctx, whose(None), 0.0).estimated


@pytest.mark.parametrize("stream", [False, True])
def test_two_at_the_same_time_cost_twice(stream: bool) -> None:
    """A call and its hedge, both under way."""
    one, two = heard(context(sent(), stream=stream)), heard(context(sent(), sent("q"), stream=stream), p=priced(), q=priced())
    assert one.cost_nanos is not None
    assert two.cost_nanos == 2 * one.cost_nanos


@pytest.mark.parametrize(
    "attempts",
    [
        [],
        [AttemptRecord("p", "m")],
        [sent(error="upstream_error")],
        [sent(bill=Bill(usage=Usage(), cost=Cost({})))],
    ],
)
def test_nothing_is_open(attempts: list[AttemptRecord]) -> None:
    """None was made, none left, it failed, or somebody has its bill."""
    ctx = heard(context(*attempts))
    assert (ctx.cost, ctx.cost_nanos, ctx.usage) == (None, None, None)


LATE = UpstreamTimeout.code


@pytest.mark.parametrize("stream", [False, True])
def test_what_took_too_long_costs_as_much(stream: bool) -> None:
    """As what was given up."""
    late, left = heard(context(sent(error=LATE), stream=stream)), heard(context(sent(), stream=stream))
    assert late.cost_nanos == left.cost_nanos
    assert (late.cost, late.usage, late.attempts[0].bill) == (left.cost, left.usage, None)


def test_beside_an_answer_it_has_a_bill_of_its_own() -> None:
    """Also where nothing else costs anything; the answer's own call has none."""
    for answer, other in ((Cost({"output": 7}), 7), (None, 0)):
        ctx = context(sent(error=LATE), sent())
        ctx.cost, ctx.cost_nanos = answer, other
        heard(ctx)
        bill = ctx.attempts[0].bill
        assert bill is not None
        assert (bill.cost.nanos, bill.usage.estimated, bill.payer) == ({"other": bound(ctx)}, True, "caller")
        assert (ctx.cost_nanos, ctx.attempts[1].bill) == (bound(ctx) + other, None)
        record = record_of(ctx, whose(None), 0.0)
        assert record.costs == {"other": bound(ctx)} | ({"output": 7} if other else {})


def test_a_stream_that_broke_late_is_not_counted_twice() -> None:
    """What came of it has been said."""
    ctx = context(sent(error=LATE), sent(error=LATE), stream=True)
    ctx.cost, ctx.cost_nanos = Cost({"output": 7}), 7
    heard(ctx)
    assert [attempt.bill is None for attempt in ctx.attempts] == [False, True]
    assert ctx.cost_nanos == 7 + -(-len(ctx.body) // 4) * IN


def test_a_stored_answer_after_it_costs_nothing_itself() -> None:
    ctx = context(sent(error=LATE))
    ctx.cost_nanos, ctx.cache_status = 0, "hit"
    assert heard(ctx).cost_nanos == bound(ctx)


def test_without_a_price_the_whole_is_unknown() -> None:
    """A part of it is known."""
    ctx = context(sent(error=LATE), sent("q"))
    ctx.cost, ctx.cost_nanos = Cost({"output": 7}), 7
    heard(ctx, p=Priced(tariff=None), q=priced())
    record = record_of(ctx, whose(None), 0.0)
    assert (record.cost_nanos, record.costs, record.incomplete) == (None, {"output": 7}, True)


def test_what_was_said_stays() -> None:
    """The answer was there when its client left."""
    ctx = context(sent())
    ctx.cost_nanos = 7
    assert heard(ctx).cost_nanos == 7
    ctx = context(sent())
    ctx.cost = Cost({}, unpriced=True)
    assert heard(ctx).cost_nanos is None


def test_counting_costs_nothing() -> None:
    """It asks how many tokens there are."""
    assert heard(context(sent(), route="/v1/messages/count_tokens")).cost is None


@pytest.mark.parametrize("stream", [False, True])
def test_free_is_free(stream: bool) -> None:
    """And known to be."""
    ctx = heard(context(sent(), stream=stream), p=Priced(tariff=None, free=True))
    assert ctx.cost_nanos == 0


@pytest.mark.parametrize("stream", [False, True])
def test_without_a_price_it_is_unknown(stream: bool) -> None:
    """Not nothing."""
    ctx = heard(context(sent(), stream=stream), p=Priced(tariff=None))
    record = record_of(ctx, whose(None), 0.0)
    assert (record.cost_nanos, record.incomplete, record.estimated) == (None, True, True)

"""What nobody heard the end of costs what it may have cost, and says so."""

from typing import Any

import orjson
import pytest

from proxy.core.context import AttemptRecord, Bill, RequestContext
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

"""What calls cost that left and of whose end nobody heard: their client is gone, or they took longer than they may.

    whole answer   all that such a call may cost (`Quote`): its provider has the request, and makes the answer whether or not somebody waits
    stream         its prompt, estimated: nothing of it had come, and providers end a stream that nobody reads
                   (from the first content on the pipeline says what has come)

Calls that failed otherwise are not meant: their failure is what was heard. Of a process that died its intents tell (contract F).
"""

from functools import reduce

from proxy.core.context import AttemptRecord, Bill, RequestContext
from proxy.core.priced import Priced, Prices
from proxy.core.pricing import Cost
from proxy.core.response import Usage
from proxy.governance.budgets.quote import Quote
from proxy.governance.limits.estimates import input_tokens

LEFT = "the call was given up before the provider said how much"
UNKNOWN = Cost(nanos={}, incomplete=True, unpriced=True, reasons=(LEFT, "no price"))


class Unheard:
    """Called once a request, before it is settled."""

    def __init__(self, prices: Prices) -> None:
        self._prices = prices

    def __call__(self, ctx: RequestContext) -> None:
        """Leaves tokens and cost in `ctx`; where a call was answered, each of the others has a bill of its own."""
        calls = [attempt for attempt in ctx.attempts if attempt.unheard]
        answered = ctx.cost_nanos is not None or ctx.cost is not None
        if answered:
            calls = _besides(ctx, calls)
        if not calls or ctx.route.counts_only:
            return
        tokens = input_tokens(ctx)
        bills = [Bill(usage=Usage(input_tokens=tokens, estimated=True), cost=self._cost(ctx, call, tokens)) for call in calls]
        cost = reduce(Cost.plus, [bill.cost for bill in bills])
        if answered:
            for call, bill in zip(calls, bills, strict=True):
                call.bill = bill
            cost = cost if ctx.cost is None else ctx.cost.plus(cost)
        else:
            ctx.usage = Usage(input_tokens=tokens * len(calls), estimated=True)
        ctx.cost, ctx.cost_nanos = cost, None if cost.unpriced else cost.total

    def _cost(self, ctx: RequestContext, call: AttemptRecord, tokens: int) -> Cost:
        target = self._prices.of(call.provider, call.model)
        if ctx.stream:
            return self._prompt(ctx, target, tokens)
        quote: Quote = ctx.quote or Quote(ctx)
        nanos = quote.most(target, ctx.unix_started, ctx.max_tokens_cap)
        return UNKNOWN if nanos is None else Cost({"other": nanos} if nanos else {}, reasons=(LEFT,))

    def _prompt(self, ctx: RequestContext, target: Priced, tokens: int) -> Cost:
        if target.free:
            return Cost({})
        tariff = target.tariff or target.instead
        return UNKNOWN if tariff is None else tariff.cost(Usage(input_tokens=tokens), at=ctx.unix_started, service_tier=Quote(ctx).tier)


def _besides(ctx: RequestContext, calls: list[AttemptRecord]) -> list[AttemptRecord]:
    """Without the one whose cost is known: the only one that has not failed, or, where all have, the last, whose stream broke."""
    if ctx.cache_status == "hit":
        return calls
    own = next((attempt for attempt in ctx.attempts if attempt.error is None and attempt.bill is None), ctx.attempts[-1])
    return [call for call in calls if call is not own and call.error is not None]

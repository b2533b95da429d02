"""What calls cost that left and of whose end nobody heard: their client is gone, or the gateway gave them up.

    whole answer   all that such a call may cost (`Quote`): its provider has the request, and makes the answer whether or not somebody waits
    stream         its prompt, estimated: nothing of it had come, and providers end a stream that nobody reads
                   (from the first content on the pipeline says what has come)

Calls that failed are not meant: their failure is what was heard. Of a process that died its intents tell (contract F).
"""

from collections.abc import Sequence
from functools import reduce

from proxy.core.context import AttemptRecord, RequestContext
from proxy.core.priced import Prices
from proxy.core.pricing import Cost
from proxy.core.response import Usage
from proxy.governance.budgets.quote import Quote
from proxy.governance.limits.estimates import input_tokens

LEFT = "the client left before the provider said how much"
UNKNOWN = Cost(nanos={}, incomplete=True, unpriced=True, reasons=(LEFT, "no price"))


class Unheard:
    """Called once a request, before it is settled."""

    def __init__(self, prices: Prices) -> None:
        self._prices = prices

    def __call__(self, ctx: RequestContext) -> None:
        """Leaves tokens and cost in `ctx` where calls are open and nothing has been said of them."""
        if ctx.cost_nanos is not None or ctx.cost is not None or ctx.route.counts_only:
            return
        calls = [attempt for attempt in ctx.attempts if attempt.sent and attempt.error is None and attempt.bill is None]
        if not calls:
            return
        tokens = input_tokens(ctx)
        ctx.usage = Usage(input_tokens=tokens * len(calls), estimated=True)
        if ctx.stream:
            ctx.cost = cost = reduce(Cost.plus, [self._prompt(ctx, call, tokens) for call in calls])
            ctx.cost_nanos = None if cost.unpriced else cost.total
            return
        nanos = self._most(ctx, calls)
        ctx.cost = UNKNOWN if nanos is None else Cost(nanos={}, unpriced=True, reasons=(LEFT,))
        ctx.cost_nanos = nanos

    def _most(self, ctx: RequestContext, calls: Sequence[AttemptRecord]) -> int | None:
        """Nano-USD; None: there is no price."""
        quote: Quote = ctx.quote or Quote(ctx)
        total = 0
        for call in calls:
            nanos = quote.most(self._prices.of(call.provider, call.model), ctx.unix_started, ctx.max_tokens_cap)
            if nanos is None:
                return None
            total += nanos
        return total

    def _prompt(self, ctx: RequestContext, call: AttemptRecord, tokens: int) -> Cost:
        target = self._prices.of(call.provider, call.model)
        if target.free:
            return Cost({})
        tariff = target.tariff or target.instead
        return UNKNOWN if tariff is None else tariff.cost(Usage(input_tokens=tokens), at=ctx.unix_started, service_tier=Quote(ctx).tier)

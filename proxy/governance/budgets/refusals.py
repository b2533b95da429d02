"""Budgets in words: whose is used up, and what to do next."""

from datetime import UTC, datetime

from proxy.core.claims import Reading, Spend
from proxy.core.errors import ClientFault
from proxy.core.money import usd
from proxy.core.route import RouteInfo
from proxy.governance.budgets.periods import Period, of_counter
from proxy.governance.limits.refusals import whose

_PERIODS: dict[Period, str] = {"monthly": "Monthly", "daily": "Daily", "total": "Total"}


class BudgetExceeded(ClientFault):
    status = 402
    code = "budget_exceeded"


class ModelUnpriced(ClientFault):
    """A budget cannot be kept with a model that nobody knows the price of."""

    status = 402
    code = "model_unpriced"


def exceeded(reading: Reading, route: RouteInfo, wanted: int, tenant: str) -> BudgetExceeded:
    """`wanted`: what the call would reserve, nano-USD. The first words are those of agenthub; where the agent gateway's clients call, its
    own."""
    spend = reading.claim
    if not isinstance(spend, Spend):
        return BudgetExceeded("Budget exceeded")
    _, period, _, ends_at = of_counter(spend.key, tenant)
    if route.family == "invoke":
        return BudgetExceeded(f"{_PERIODS[period]} budget exceeded. Budget: {dollars(spend.cap)}")
    text = f"{said(period, reading.used, spend.cap)}. It is the budget of {whose(spend.key)}"
    if reading.reserved:
        text += f"; {dollars(reading.reserved)} of it is reserved for calls under way"
    if reading.used < spend.cap:
        text += f", and this call may cost up to {dollars(wanted)}: ask for fewer output tokens or a cheaper model"
    text += f". It begins anew at {_moment(ends_at)}" if period != "total" else ". It has to be raised"
    details = {
        "budget_usd": usd(spend.cap),
        "spent_usd": usd(reading.used - reading.reserved),
        "reserved_usd": usd(reading.reserved),
        "period": period,
        "entity": spend.key.rpartition(":")[0],
    }
    return BudgetExceeded(text, details=details)


def said(period: Period, nanos: int, cap: int) -> str:
    return f"{_PERIODS[period]} budget exceeded: {dollars(nanos)} / {dollars(cap)}"


def approaching(period: Period, nanos: int, cap: int) -> str:
    return f"Approaching {period} budget: {dollars(nanos)} / {dollars(cap)}"


def unpriced(provider: str, model: str) -> ModelUnpriced:
    return ModelUnpriced(
        f"a budget applies, and the price of {model[:200]!r} at {provider} is not known: an administrator can set it in prices, or say "
        "budgets.unpriced"
    )


def dollars(nanos: int) -> str:
    """In cents; smaller amounts with as many decimals as they need."""
    if nanos % 10_000_000 == 0 or nanos >= 1_000_000_000:
        return f"${usd(nanos):.2f}"
    return f"${usd(nanos):.9f}".rstrip("0")


def _moment(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"

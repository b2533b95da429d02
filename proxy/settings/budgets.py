"""`budgets`: how much anybody may spend."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SecretStr

from proxy.settings.base import NonNegative, SecretUrl, Section


def _refuse(value: Any) -> Any:
    return None if value == "refuse" else value


class UnpricedPrice(Section):
    """What a model without a price is taken to cost."""

    input: NonNegative = Field(description="In USD per million tokens.")
    output: NonNegative = Field(description="In USD per million tokens.")


class BudgetsSettings(Section):
    default_monthly_usd: NonNegative | None = Field(None, description="Budget of keys without their own, in USD a month; null: none.")
    warn_at: float = Field(0.8, ge=0, le=1, description="Share of a budget at which a warning is given, once a period.")
    on_shortfall: Literal["cap", "refuse"] = Field(
        "cap",
        description="A call that may cost more than is left: it is sent with fewer output tokens, where 256 can be paid for, or refused.",
    )
    unpriced: Annotated[UnpricedPrice | None, BeforeValidator(_refuse)] = Field(
        None,
        description="What models without a price are taken to cost, for everybody; null or `refuse`: refused where a budget applies.",
    )
    on_redis_loss: Literal["ledger", "deny", "allow"] = Field(
        "ledger",
        description="While Redis is gone: the ledger and what this process reserves count, or calls get 503, or nothing is counted.",
    )
    webhook_url: SecretUrl | None = Field(None, description="Where warnings and used-up budgets are told, by POST; null: nowhere.")
    webhook_secret: SecretStr | None = Field(None, description="What these are signed with (HMAC-SHA256); needed with `webhook_url`.")

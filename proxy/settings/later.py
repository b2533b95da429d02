"""Sections whose features are not in this version: they parse, and `Settings.not_yet` says that they have no effect."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from proxy.settings.base import NonNegative, Section, off_on


class BudgetsSettings(Section):
    default_monthly_usd: NonNegative | None = Field(None, description="Budget of keys without their own, in USD a month; null: none.")
    warn_at: float = Field(0.8, ge=0, le=1, description="Share of the budget at which a warning is given.")
    on_shortfall: Literal["cap", "refuse"] = Field("cap", description="What happens to a call that may cost more than is left.")
    on_redis_loss: Literal["ledger", "deny", "allow"] = Field("ledger", description="What holds while Redis is gone.")


class AuditSettings(Section):
    previews: Annotated[Literal["agents", "all", "off"], BeforeValidator(off_on)] = Field(
        "agents", description="Which calls' texts are previewed in audit events."
    )


class MaskingSettings(Section):
    logs: bool = Field(True, description="Mask personal data in logs.")
    audit: bool = Field(True, description="Mask personal data in audit events.")
    provider: Annotated[Literal["off", "on"], BeforeValidator(off_on)] = Field("off", description="Mask what is sent to providers.")


class AgentsSettings(Section):
    """Open until its feature is built: any key is taken."""

    model_config = ConfigDict(extra="allow")

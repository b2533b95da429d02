"""Sections whose features are not in this version: they parse, and `Settings.not_yet` says that they have no effect."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from proxy.settings.base import Section, off_on


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

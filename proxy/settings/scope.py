"""A scope's name in the configuration."""

from typing import Annotated

from pydantic import AfterValidator

from proxy.core.identity import SCOPES
from proxy.settings.suggest import did_you_mean


def _scope(name: str) -> str:
    if name not in SCOPES:
        raise ValueError(f"unknown scope{did_you_mean(name, SCOPES)}; known: {', '.join(SCOPES)}")
    return name


Scope = Annotated[str, AfterValidator(_scope)]

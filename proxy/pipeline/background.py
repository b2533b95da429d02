"""Requests that the gateway makes itself: through the same governed application, with a principal that is told beforehand.

shadow        a copy of a request to another model; nobody waits for it, the gateway pays
revalidate    a stale answer is made anew; in the name of the principal that was given the stale one
"""

from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from proxy.core.context import RequestContext
from proxy.core.identity import Principal
from proxy.core.response import Usage

SHADOW = "shadow"
REVALIDATE = "revalidate"


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it."""

    status: int
    body: bytes
    provider: str | None
    model: str | None
    usage: Usage | None
    cost_nanos: int | None
    seconds: float
    first_token_s: float | None
    error: str | None


class Background(Protocol):
    def start(
        self,
        ctx: RequestContext,
        principal: Principal,
        body: bytes,
        *,
        path: str,
        headers: Mapping[bytes, bytes | None],
        of: str,
        at_most: int,
        done: Callable[[Answered], None] | None = None,
    ) -> bool:
        """The request of `ctx` once more, with another body and `headers` over its own (None: left out). False, and nothing is done, where
        `at_most` of those that are for the same (`of`) run already: more wait for nobody. `done` is called once, however it ends."""
        ...

"""What the governance wrappers must know of a route before its handler runs."""

import re
from collections.abc import Mapping
from typing import Literal

import msgspec

_COUNTING = ("count_tokens", "input_tokens", "count-tokens", ":countTokens")

Family = Literal["openai", "anthropic", "bedrock", "gemini", "agents", "invoke", "admin", "ops"]
"""Which error body a route answers with (PRODUCT.md, Endpoints)."""


class RouteInfo(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """One object a route, compared by identity."""

    name: str
    """Template for labels and logs: `/v1/chat/completions`."""
    family: Family
    dialect: str | None = None
    """Codec name for generation routes, else None."""
    public: bool = False
    """No credential needed."""
    reads_body: bool = False
    """The envelope reads, caps and parses a JSON body."""
    admin: bool = False
    """For administrators; nobody else's body is read."""
    takes_nothing: bool = False
    """Shows the caller what it may use or has used: counts for no limit, has no usage record, and is shed like the others."""
    scope: str | None = None
    """Scope that its callers need; None: any key will do."""
    stream: bool | None = None
    """Whether the path says that the answer streams; None: the body says."""
    pattern: re.Pattern[str] | None = None
    """Of `raw_path` less the prefixes of W, with the path's parameters as groups; None: it has none."""
    shared: tuple[tuple[bytes, "RouteInfo"], ...] = ()
    """Where other APIs have the same path: the header that only clients of such an API send, and the route as they know it."""
    counts_only: bool = False
    """It asks how many tokens there are, and takes none; told by its name."""

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "counts_only", self.name.endswith(_COUNTING))

    def seen_by(self, headers: Mapping[bytes, bytes]) -> "RouteInfo":
        """The route as this client knows it."""
        for name, route in self.shared:
            if name in headers:
                return route
        return self

"""The records that routing sees."""

import msgspec


class Target(msgspec.Struct, frozen=True):
    """One deployment: a provider and the model name that it knows."""

    provider: str
    model: str
    weight: float = 1.0

    @property
    def id(self) -> str:
        return f"{self.provider}/{self.model}"


class RouteTimeouts(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds; None: unbounded. `first_token_s` and `between_chunks_s` bind streams only (PRODUCT.md, Configuration)."""

    connect_s: float | None = 5.0
    first_token_s: float | None = None
    between_chunks_s: float | None = None
    total_s: float = 600.0


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """What a model's name resolves to."""

    name: str
    """The entry's name or pattern; label-safe: configured, never the client's text."""
    strategy: str
    targets: tuple[Target, ...]
    attempts: int
    timeouts: RouteTimeouts
    digest: str
    """Changes when the entry changes: part of the cache key (contract J)."""
    warning: str | None = None


class Rejected(msgspec.Struct, frozen=True):
    target: Target
    reason: str


class Decision(msgspec.Struct, frozen=True):
    """`order`: best first; a fallback goes down the list."""

    order: tuple[Target, ...]
    reason: str
    rejected: tuple[Rejected, ...] = ()

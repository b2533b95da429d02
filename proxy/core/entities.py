"""Who carries limits and budgets, and what these are. Plain records: plans, keys and configuration are read into them."""

from typing import Literal

import msgspec

EntityType = Literal["API_KEY", "USER", "SERVICE", "DEPARTMENT", "PROJECT", "TENANT"]
"""As usage plans name them; a team is a DEPARTMENT. TENANT: what all keys of a tenant share."""
ENTITY_TYPES: tuple[EntityType, ...] = ("API_KEY", "USER", "SERVICE", "DEPARTMENT", "PROJECT", "TENANT")


class Entity(msgspec.Struct, frozen=True, gc=False):
    """One that a request counts for."""

    type: EntityType
    id: str
    tenant: str
    """Whose it is: ids of two tenants' users are two entities."""


class Limits(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """None: no limit. Tokens are those of a minute, as the provider counts them."""

    rpm: int | None = None
    input_tpm: int | None = None
    output_tpm: int | None = None
    concurrency: int | None = None
    qps: float | None = None
    """Requests a second, sustained."""
    burst: int | None = None
    """Requests in any one second."""
    tpm: int | None = None
    """Input and output tokens together."""
    algorithm: Literal["window", "bucket"] | None = None
    """None: a window. A bucket holds a minute's limit and is refilled evenly; it makes nothing of `concurrency`, `qps` and `burst`."""

    @property
    def empty(self) -> bool:
        return self == NO_LIMITS

    def filled_from(self, other: "Limits") -> "Limits":
        """Its own, and the other's where it has none."""
        return msgspec.structs.replace(other, **{name: own for name in self.__struct_fields__ if (own := getattr(self, name)) is not None})


NO_LIMITS = Limits()
BUCKET = Limits(algorithm="bucket")
AGENT_GATEWAY = Limits(algorithm="bucket", rpm=60, tpm=500_000)
"""What a token bucket has of which nothing else is said: the agent gateway's."""


class Raise(msgspec.Struct, frozen=True, kw_only=True):
    """More for a while."""

    nanos: int
    """Added to every cap."""
    until: float
    """Unix seconds."""


class Caps(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A budget, in nano-USD. Periods are UTC days and months, start inclusive; None: no cap."""

    monthly: int | None = None
    daily: int | None = None
    total: int | None = None
    soft: bool = False
    """Over it is warned of, and not refused."""
    warn_at: float | None = None
    """Share of a cap; None: `budgets.warn_at`."""
    raised: Raise | None = None

    @property
    def empty(self) -> bool:
        return self.monthly is None and self.daily is None and self.total is None

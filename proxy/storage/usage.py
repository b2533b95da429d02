"""The ledger: one record a request, what it used and what it cost, and the sums over them (contracts F and R).

Money is integer nano-USD. Failure: every method raises Unavailable (503) when the store can't answer.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

import msgspec

from proxy.core.entities import Entity

UsageStatus = Literal["ok", "failed", "refused", "cancelled", "unknown"]
"""unknown: the gateway died after it had begun a call; the record holds what was reserved."""


class UsageLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One try of a request."""

    provider: str
    model: str
    role: str = "primary"
    """As AttemptRecord's."""
    status: int | None = None
    failure: str | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    cost_nanos: int | None = 0
    estimated: bool = False
    payer: Literal["caller", "gateway"] = "caller"
    duration_ms: float = 0.0


class UsageRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Of one request, also one that was refused, served from the cache, cancelled, or whose gateway died."""

    id: str
    """The request's."""
    at: float
    """When it began, unix seconds."""
    status: UsageStatus = "ok"
    http_status: int = 200
    route: str = ""
    tenant: str = ""
    key_id: str = ""
    key_name: str = ""
    role: str = ""
    entities: tuple[Entity, ...] = ()
    """All that it counted for."""
    asked: str = ""
    """The model as the client named it."""
    provider: str = ""
    model: str = ""
    """That answered; "cache" for a hit."""
    agent: str = ""
    session: str = ""
    tags: tuple[str, ...] = ()
    input_tokens: int = 0
    """Uncached; the kinds are disjoint."""
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    """With reasoning."""
    reasoning_tokens: int = 0
    costs: dict[str, int] = {}
    """Nano-USD by kind: input, cache_read, cache_write, output, and `other` for tries that are no part of these."""
    cost_nanos: int | None = 0
    """Their sum: what the caller is billed; None: unknown, no price."""
    estimated: bool = False
    incomplete: bool = False
    """A meter was not known, or not priced: the cost is a lower bound."""
    stream: bool = False
    latency_ms: float = 0.0
    first_token_ms: float | None = None
    cache: str = ""
    """Tier of a hit: l1, l2, semantic; "" else."""
    error: str = ""
    trace_id: str = ""
    lines: tuple[UsageLine, ...] = ()
    replayed: bool = False
    """An answer kept under an Idempotency-Key."""
    taken_over: bool = False
    """Done once more under its Idempotency-Key, since the gateway that did it first died."""


GroupBy = Literal["key", "user", "team", "tenant", "model", "provider", "tag", "day", "agent"]


class UsageSum(msgspec.Struct, frozen=True, kw_only=True):
    """Of the records of one group."""

    group: tuple[str, ...]
    """Values of what was grouped by, in its order."""
    requests: int
    input_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    output_tokens: int
    cost_nanos: int
    unpriced: int
    """Records whose cost is unknown."""
    errors: int


def own(record: UsageRecord) -> bool:
    """Whether its principal was given no tenant, and is its own."""
    return record.tenant == record.key_id


class UsageRecords(Protocol):
    async def add(self, records: Sequence[UsageRecord], bodies: Sequence[str] = ()) -> int:
        """Those that are new, by id: how many. All or none. `bodies`: each of them encoded, where that is at hand."""
        ...

    async def spent(self, entity: Entity, since: float, until: float) -> int:
        """Nano-USD of its records that began in [since, until); unknown costs count nothing. An entity of SYSTEM is that of every principal
        of no tenant, too: of those that are their own (`own`)."""
        ...

    async def sums(
        self, by: Sequence[GroupBy], *, since: float, until: float, filters: Mapping[str, str] | None = None, limit: int = 10_000
    ) -> list[UsageSum]:
        """`filters`: tenant, key, user, team, model, provider, tag, agent → the only value that counts."""
        ...

    async def list(
        self, *, since: float, until: float, filters: Mapping[str, str] | None = None, limit: int = 1000, after: str = ""
    ) -> list[UsageRecord]:
        """In order of time and id, those behind the record of id `after`."""
        ...

    async def get(self, id_: str) -> UsageRecord | None: ...

    async def purge(self, before: float) -> int:
        """Drop records that began before; how many."""
        ...

    async def aclose(self) -> None: ...


encode: Any = msgspec.json.Encoder().encode


def body_of(record: UsageRecord) -> str:
    return str(encode(record).decode())


decode = msgspec.json.Decoder(UsageRecord).decode

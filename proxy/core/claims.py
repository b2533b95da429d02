"""What admission asks of a store of counters, all or nothing: room in windows, slots, money.

A `Group` is what lives under one hash tag, so in one slot of a Redis Cluster: the limits of a tenant's entities are one group, those that
span tenants (gateway, model, agent) another. Rules of a principal and a model change seldom: a store prepares them once (`Prepared`) and is
then told amounts only. See `storage/hot/admission.py`.
"""

from typing import Literal

import msgspec

Dimension = Literal["requests", "input", "output", "tokens"]
"""tokens: input and output together."""
Part = Literal["first", "rest", "all"]
"""first: requests and slots, which a cache hit takes too · rest: tokens and money, which only a call to a provider takes."""


class Window(msgspec.Struct, frozen=True):
    """At most `limit` in any `span_s` seconds."""

    key: str
    """Of the counter, without prefix and tag: `API_KEY:lek_x:*`, `USER:ann:gpt-4o` (entity and the model's name as asked, `*` for all)."""
    dimension: Dimension
    limit: int
    span_s: int = 60
    bucket: bool = False
    """A token bucket that holds `limit` and is refilled in `span_s`, instead: kinder to bursts, and up to twice the limit in a window."""


class Slots(msgspec.Struct, frozen=True):
    """At most `limit` at the same time. A slot is a lease: a process that dies gives it back when the lease ends."""

    key: str
    limit: int


class Spend(msgspec.Struct, frozen=True):
    """At most `cap` nano-USD, settled and reserved together, in the period that the key names: `TENANT:acme:2026-11`, `USER:ann:total`."""

    key: str
    cap: int
    soft: bool = False
    """Counted, never refused."""
    ends_at: float | None = None
    """Unix seconds; the counter may be forgotten some time after. None: never."""
    tenant: str = ""
    """Whose it is, where that is not the principal's tenant."""


Claim = Window | Slots | Spend


class Group(msgspec.Struct, frozen=True):
    tag: str
    """The tenant's id, or `@shared` for what spans tenants."""
    claims: tuple[Claim, ...]


class Amounts(msgspec.Struct, frozen=True):
    """Of one request: reserved before it, or used when it has ended. A window takes what its dimension names, a Spend `nanos`."""

    input: int = 0
    output: int = 0
    nanos: int = 0
    requests: int = 1
    began: float = 0.0
    """Of what was used: when the request began, unix seconds; 0: not told."""


class Reading(msgspec.Struct, frozen=True):
    """A counter as it stands after a claim, for headers and errors."""

    claim: Claim
    used: int
    reset_s: float = 0.0
    """Until some of it (windows) or all of it (money) is free again."""
    reserved: int = 0
    """Of `used`: money that is not settled yet."""


class Outcome(msgspec.Struct, frozen=True):
    """`refused` None: all of it has been taken; else nothing has, but for part `all` refused for something of `rest` (see `of_rest`): then
    `first` has been taken, so that an answer from the cache can still be given and counted."""

    refused: Reading | None = None
    retry_after_s: float = 0.0
    """After which all that was asked for fits, if nobody else takes it; exact for windows, 1 for slots, until its end for money."""
    readings: tuple[Reading, ...] = ()
    missing: tuple[Spend, ...] = ()
    """Counters that the store has lost, or never had: nothing was taken. They are rebuilt from the ledger and it is asked again."""


TAKEN = Outcome()


def of_rest(claim: Claim) -> bool:
    """Whether only a call to a provider takes it."""
    return type(claim) is Spend or (type(claim) is Window and claim.dimension != "requests")


def taken_by(claim: Window, amounts: Amounts) -> int:
    """How much of a window."""
    dimension = claim.dimension
    if dimension == "requests":
        return amounts.requests
    if dimension == "tokens":
        return amounts.input + amounts.output
    return amounts.input if dimension == "input" else amounts.output

"""What is kept under an `Idempotency-Key`: a lease while its request runs, then its answer.

    claim    lead: run it; taken: run it, whoever ran it before is dead; busy: it runs elsewhere; kept: here is the answer; mismatch
    renew    while it runs, within the lease
    finish   with the answer; False: the lease is another's by now
    release  without one: the key is free

Raises RedisDown or RedisRefused where the store does not answer.
"""

from typing import Literal, Protocol

import msgspec

ClaimState = Literal["lead", "taken", "busy", "kept", "mismatch"]


class Name(msgspec.Struct, frozen=True):
    """Whose key it is."""

    tenant: str
    key: bytes


class Answer(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """As it was sent, less what the gateway adds to each answer."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    stream: bool
    asked: str
    provider: str
    model: str
    dropped: tuple[str, ...] = ()


class Claim(msgspec.Struct, frozen=True):
    state: ClaimState
    answer: Answer | None = None
    """Of `kept`."""
    left_s: float = 0.0
    """Of the lease, where it is busy."""


class IdempotencyStore(Protocol):
    async def claim(self, name: Name, fingerprint: bytes, token: str, *, lease_s: float, ttl_s: float) -> Claim: ...

    async def renew(self, name: Name, token: str, *, lease_s: float) -> bool: ...

    async def finish(self, name: Name, token: str, answer: Answer, *, ttl_s: float) -> bool: ...

    async def release(self, name: Name, token: str) -> bool: ...


encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(Answer).decode

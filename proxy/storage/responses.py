"""What a record store must offer for answers of the Responses API.

An id that a provider issued lives in an account that all tenants share, so every look-up names the tenant: another's answer and an unknown
one are the same None. Failure: every method raises Unavailable (503) when the store can't answer; no method takes a lost store for a
missing answer.
"""

from typing import Protocol

import msgspec


class ResponseRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One issued answer. Times are unix seconds (stored as UTC with ms)."""

    response_id: str
    tenant: str
    key_id: str
    """Of the key that it was made with; any key of the tenant may use it."""
    asked: str
    """The model's name as the client wrote it: what a key's list of models is asked for."""
    provider: str
    model: str
    """With `provider`: the target that made it."""
    account: str = ""
    """`Credential.fingerprint` of the member of the provider's key pool; "" for an upstream without credentials."""
    at_provider: bool
    """The provider keeps it; else the gateway does, if anybody."""
    created_at: float
    expires_at: float
    kept: bytes | None = None
    """The answer with its input, as `codecs.openai_responses.kept` packs it; None: kept by the provider, or too large."""


class ResponseRecords(Protocol):
    async def put(self, record: ResponseRecord) -> None:
        """Replaces one of the same tenant and id."""
        ...

    async def get(self, tenant: str, response_id: str, now: float) -> ResponseRecord | None:
        """None: unknown, another tenant's, or expired at `now` (unix seconds)."""
        ...

    async def delete(self, tenant: str, response_id: str) -> bool:
        """False: there was none."""
        ...

    async def purge(self, now: float) -> int:
        """Drop what has expired at `now`; how many."""
        ...

    async def aclose(self) -> None:
        """May be called more than once; afterwards every method raises Unavailable."""
        ...

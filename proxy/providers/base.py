"""What one upstream offers to the pipeline."""

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from proxy.providers.key_pool import Credential, KeyPool
from proxy.transport.base import Timeouts, Transport, UpstreamRequest


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """A call, ready but for its credential. `headers`: the client's, lower-case names; a provider takes what its allow-list names."""

    model: str
    body: bytes
    stream: bool
    headers: Mapping[bytes, bytes]
    query: bytes
    timeouts: Timeouts
    max_response_bytes: int


class Provider(Protocol):
    name: str
    kind: str
    dialect: str
    """Name of the codec that its generation endpoint speaks."""
    free: bool
    """Calls cost nothing (echo, `price: free`)."""
    models: tuple[str, ...]
    """Names to list where no `models:` table says what clients may use."""
    keys: KeyPool
    transport: Transport

    def request(self, call: Outgoing, key: Credential) -> UpstreamRequest: ...

    def amend(self, body: dict[str, Any]) -> None:
        """Last changes to a body that already is in the provider's dialect (in place)."""
        ...

    async def aclose(self) -> None: ...

"""What one upstream offers to the pipeline."""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import msgspec

from proxy.providers.key_pool import Credential, KeyPool
from proxy.transport.base import Timeouts, Transport, UpstreamRequest


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """A call, ready but for its credential. `headers`: the client's, lower-case names; a provider takes what its allow-list names."""

    model: str
    dialect: str
    """The codec that wrote `body`: one of the provider's `dialects`."""
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
    """Name of the codec that requests of a dialect that it doesn't speak are translated to."""
    dialects: frozenset[str]
    """Names of all codecs that it speaks: requests in one of them pass untranslated."""
    free: bool
    """Calls cost nothing (echo, `price: free`)."""
    models: tuple[str, ...]
    """Names to list where no `models:` table says what clients may use."""
    keys: KeyPool
    transport: Transport
    model_prefix: str
    """What stands before a model's name in price lists; "" for all kinds but litellm."""

    def request(self, call: Outgoing, key: Credential) -> UpstreamRequest: ...

    def amend(self, body: dict[str, Any], dialect: str) -> tuple[str, ...] | None:
        """Last changes to a body that already is in the provider's dialect (in place). Names of fields that this upstream can't be given
        and that were removed; None: none. Raises BadRequest."""
        ...

    async def aclose(self) -> None: ...


@runtime_checkable
class CountsTokens(Protocol):
    """A provider may have this too: an endpoint that counts a prompt's tokens. Others' are estimated."""

    counting: str | None
    """Name of the codec in whose dialect it counts; None: it does not."""

    def count_url(self, model: str, query: bytes) -> str:
        """`query`: the client's."""
        ...

"""What the cache keeps of an answer."""

from typing import Literal

import msgspec

from proxy.core.response import Usage

FORMAT = 1
"""First byte of an encoded entry. A new format gets the next number; its release also keeps the decoder of the one before."""

ANSWER_LOSS = "response."
"""How names of what an answer lost begin, beside the paths of what the request lost."""


class CacheEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One whole answer, as its first client got it."""

    dialect: str
    """The client's dialect, which `body` is written in."""
    kind: Literal["json", "sse"]
    body: bytes
    """As sent to the client, without the gateway's own metadata."""
    response_id: str
    created: int | None = None
    """Unix seconds, as in the body; None where the dialect has none."""
    model: str
    """As served: with `provider`, the target that a hit's `permit` is asked for."""
    provider: str
    usage: Usage | None = None
    stored_at: float
    """Unix seconds: ages and remaining lifetimes are counted from here, also by other replicas."""
    content_type: str = "application/json"
    tail: bytes = b""
    """A stream's usage chunk, which is served only to clients that ask for one."""
    dropped: tuple[str, ...] = ()
    """What was lost on the way to the provider and back, as its first client was told."""
    asked: str = ""
    """The model's name as the client asked: with `tenant` and `tags`, what an answer can be purged by."""
    tenant: str = ""
    tags: tuple[str, ...] = ()
    """Of the request's `x-llm-edge-cache-tags`."""
    version: int = FORMAT

    @property
    def size(self) -> int:
        """Bytes that it is counted with: the body and an allowance for the rest (objects, key, place in a dict)."""
        return len(self.body) + OVERHEAD_BYTES

    def age_s(self, now: float) -> float:
        """Seconds since it was stored, never negative: the clocks of two replicas may differ a little."""
        return max(0.0, now - self.stored_at)

    def encode(self) -> bytes:
        return bytes((FORMAT,)) + _encoder.encode(self)


OVERHEAD_BYTES = 1024
_encoder = msgspec.msgpack.Encoder()
_decoders = {FORMAT: msgspec.msgpack.Decoder(CacheEntry)}


def decode(data: bytes) -> CacheEntry | None:
    """None for anything that is not an entry of a known format: a miss, never an error."""
    decoder = _decoders.get(data[0]) if data else None
    if decoder is None:
        return None
    try:
        return decoder.decode(memoryview(data)[1:])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None

"""The canonical embedding request and answer."""

import base64
import binascii
import struct
from typing import Any, Literal

import msgspec

from proxy.core.response import Usage

Encoding = Literal["float", "base64"]
EmbeddingInput = str | tuple[int, ...]
"""A text, or one as token ids of the model's own tokenizer."""


class EmbeddingRequest(msgspec.Struct, frozen=True, kw_only=True):
    dialect: str
    model: str
    inputs: tuple[EmbeddingInput, ...]
    single: bool = False
    """The client sent its one input bare, not in an array."""
    dimensions: int | None = None
    encoding: Encoding | None = None
    """How the client wants the vectors; None: floats."""
    normalize: bool | None = None
    """Vectors of length 1 (Titan); None: as the model does it."""
    user: str | None = None
    extra: dict[str, Any] = msgspec.field(default_factory=dict)
    """Top-level fields without a canonical place, as sent; the same dialect's encoder writes them back, others report them."""
    paths: dict[str, str] = msgspec.field(default_factory=dict)
    """Canonical field name → the client's JSON path, where they differ."""

    def path_of(self, field: str) -> str:
        return self.paths.get(field, field)


class Embedding(msgspec.Struct, frozen=True, kw_only=True):
    """Exactly one of the two forms, as the provider sent it."""

    index: int
    values: tuple[float, ...] | None = None
    packed: str | None = None
    """base64 of little-endian 32-bit floats."""

    def floats(self) -> tuple[float, ...]:
        return unpack(self.packed) if self.values is None and self.packed is not None else self.values or ()

    def text(self) -> str:
        return pack(self.values or ()) if self.packed is None else self.packed

    @property
    def dimensions(self) -> int:
        return len(base64.b64decode(self.packed)) // 4 if self.packed is not None else len(self.values or ())


class EmbeddingResponse(msgspec.Struct, frozen=True, kw_only=True):
    model: str
    data: tuple[Embedding, ...]
    usage: Usage | None = None
    extra: dict[str, Any] = msgspec.field(default_factory=dict)


def pack(values: tuple[float, ...]) -> str:
    """Each to the nearest 32-bit float. OverflowError: one is beyond those."""
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()


def unpack(text: str) -> tuple[float, ...]:
    """ValueError: not base64, or not of whole floats."""
    try:
        raw = base64.b64decode(text, validate=True)
    except binascii.Error as exc:
        raise ValueError(f"not valid base64: {exc}") from None
    if len(raw) % 4:
        raise ValueError("not a whole number of 32-bit floats")
    return struct.unpack(f"<{len(raw) // 4}f", raw)

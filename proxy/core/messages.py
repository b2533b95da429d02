"""Canonical message content: what every dialect's codec decodes to and encodes from.

Content is a tuple of parts. `OpaquePart` keeps a block that only its own dialect understands (server tools, search results):
the same dialect's encoder writes it back verbatim, every other encoder drops it and reports the path.
"""

from typing import Any, Literal

import msgspec

Role = Literal["system", "developer", "user", "assistant", "tool"]


class CacheHint(msgspec.Struct, frozen=True):
    """Prompt-cache breakpoint (Anthropic `cache_control`). `ttl`: "5m" | "1h" | None."""

    ttl: str | None = None


class TextPart(msgspec.Struct, frozen=True, kw_only=True, tag="text"):
    text: str
    cache: CacheHint | None = None
    citations: tuple[dict[str, Any], ...] = ()
    """As the dialect `citations_dialect` spells them."""
    citations_dialect: str | None = None


class ImagePart(msgspec.Struct, frozen=True, kw_only=True, tag="image"):
    """Exactly one of `url`, `data` (base64 text, with `media_type`), `file_id`."""

    url: str | None = None
    data: str | None = None
    media_type: str | None = None
    file_id: str | None = None
    detail: str | None = None
    cache: CacheHint | None = None


class DocumentPart(msgspec.Struct, frozen=True, kw_only=True, tag="document"):
    """A file for the model to read. Exactly one of `url`, `data` (base64 text), `text`, `file_id`."""

    url: str | None = None
    data: str | None = None
    text: str | None = None
    file_id: str | None = None
    media_type: str | None = None
    title: str | None = None
    context: str | None = None
    citations: bool | None = None
    cache: CacheHint | None = None


class AudioPart(msgspec.Struct, frozen=True, kw_only=True, tag="audio"):
    """`data`: base64 text; `format`: "wav" | "mp3" | …; `id` names an earlier answer's audio (OpenAI)."""

    data: str | None = None
    format: str | None = None
    id: str | None = None


class ToolUsePart(msgspec.Struct, frozen=True, kw_only=True, tag="tool_use"):
    """The model's call. `arguments` is JSON text exactly as the dialect gave it (a dict is dumped compactly)."""

    id: str
    name: str
    arguments: str
    cache: CacheHint | None = None


class ToolResultPart(msgspec.Struct, frozen=True, kw_only=True, tag="tool_result"):
    tool_use_id: str
    content: tuple["TextPart | ImagePart | DocumentPart | OpaquePart", ...] = ()
    is_error: bool = False
    cache: CacheHint | None = None


class ThinkingPart(msgspec.Struct, frozen=True, kw_only=True, tag="thinking"):
    text: str
    signature: str | None = None


class RedactedThinkingPart(msgspec.Struct, frozen=True, kw_only=True, tag="redacted_thinking"):
    data: str


class RefusalPart(msgspec.Struct, frozen=True, kw_only=True, tag="refusal"):
    text: str


class OpaquePart(msgspec.Struct, frozen=True, kw_only=True, tag="opaque"):
    dialect: str
    value: dict[str, Any]


Part = (
    TextPart
    | ImagePart
    | DocumentPart
    | AudioPart
    | ToolUsePart
    | ToolResultPart
    | ThinkingPart
    | RedactedThinkingPart
    | RefusalPart
    | OpaquePart
)


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One turn, in the client's order. A tool result of OpenAI's is `role="tool"` with one ToolResultPart; one of Anthropic's is a
    ToolResultPart inside a `role="user"` message. Encoders accept both."""

    role: Role
    content: tuple[Part, ...]
    name: str | None = None
    path: str = ""
    """JSON path in the client's request (`messages[2]`, `system`), for reports."""
    extra: dict[str, Any] = msgspec.field(default_factory=dict)
    """Fields of the client's message object that have no place above."""
    own: dict[str, Any] = msgspec.field(default_factory=dict)
    """What only the same dialect's encoder writes back and what says nothing to another (an item's id and status): never reported."""
    single: bool = False
    """The client's object at `path` is itself the one part (Responses: a call, a result, reasoning), not a message with content."""

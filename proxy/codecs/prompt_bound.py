"""How many tokens a prompt can have at most, from a look at the parsed body: what budgets reserve.

    text, tool calls, schemas, framing    1 for every byte of the body
    each message                          4 more, and 64 for the request: what a chat template writes around them
    tools                                 1000 for the instructions that come with them, and 64 for each
    image                                 what the model's catalogue says that none exceeds, else 32 768
    sound, video                          1 for every 16 bytes: a codec of 6 kbit/s at 32 tokens a second has 23
    any other file                        1 for every byte, at least 4096
    by reference (a stored file, sound or document by URL, an earlier answer, a conversation, a cached prompt)
                                          whatever the model's context window holds

JSON never makes text shorter, so a byte of the body bounds a byte of the text, and no tokeniser makes more than a token of a byte. What the
provider adds of its own while it answers (the results of a web search that it runs) is bounded by nothing.
"""

from typing import Any

import msgspec

from proxy.codecs.needs import media, needs_of
from proxy.core.needs import AUDIO, MEDIA, TOOLS, VISION

PER_REQUEST = 64
PER_MESSAGE = 4
WITH_TOOLS = 1000
PER_TOOL = 64
IMAGE_TOKENS = 32_768
BYTES_PER_TOKEN_OF_SOUND = 16
FILE_TOKENS = 4096
UNKNOWN_WINDOW = 200_000
"""Of a model whose context window is not in the catalogue."""

_STORED = frozenset({"previous_response_id", "conversation", "cachedContent", "cached_content", "prompt_id", "container"})
_REFERENCES = {
    "gemini_generate": (b"fileUri", b"file_uri"),
    "bedrock_converse": (b"s3Location",),
    "openai_responses": (b'"item_reference"', b"file_id"),
    "openai_chat": (b"file_id",),
    "anthropic_messages": (b"file_id",),
}
_LINKS = ("http://", "https://", "gs://", "s3://", "file-")


class Bound(msgspec.Struct, frozen=True):
    tokens: int
    """Without images."""
    images: int = 0
    open: bool = False
    """Part of it is elsewhere."""
    needs: int = 0
    """Bits of `core.needs`."""

    def of(self, image_tokens: int | None, window: int | None) -> int:
        """At a model with these facts."""
        if self.open:
            return window or UNKNOWN_WINDOW
        tokens = self.tokens + self.images * (image_tokens or IMAGE_TOKENS) if self.images else self.tokens
        return tokens if window is None or tokens < window else window


def prompt_bound(body: dict[str, Any], raw: bytes, dialect: str) -> Bound:
    """`raw`: the body as it came."""
    tokens, images, open_ = PER_REQUEST + len(raw), 0, not _STORED.isdisjoint(body)
    for name in ("messages", "contents", "input"):
        if name in body and type(turns := body[name]) is list:
            tokens += PER_MESSAGE * len(turns)
    if dialect == "openai_responses" and type(body.get("prompt")) is dict:
        open_ = True
    for mark in _REFERENCES.get(dialect, ()):
        open_ = open_ or mark in raw
    if not _special(raw):
        return Bound(tokens, images, open_)
    needs = needs_of(body)
    if needs & TOOLS:
        tokens += WITH_TOOLS + PER_TOOL * _tools(body)
    if needs & MEDIA:
        for kind, data in media(body):
            size = len(data)
            tokens -= size
            if kind == VISION:
                images += 1
            elif data.startswith(_LINKS):
                open_ = True
            else:
                decoded = size * 3 // 4
                tokens += -(-decoded // BYTES_PER_TOKEN_OF_SOUND) if kind == AUDIO else max(FILE_TOKENS, decoded)
    return Bound(max(tokens, PER_REQUEST), images, open_, needs)


def _special(raw: bytes) -> bool:
    """Whether there may be media or tools in it: a look at the bytes costs a quarter of one at the objects."""
    return (
        b"ool" in raw
        or b"image" in raw
        or b"file" in raw
        or b"document" in raw
        or b"audio" in raw
        or b"nline" in raw
        or b"Data" in raw
        or b"functions" in raw
    )


def _tools(body: dict[str, Any]) -> int:
    config = body.get("toolConfig")
    tools = config.get("tools") if type(config) is dict else body.get("tools") or body.get("functions")
    if type(tools) is not list:
        return 1
    return sum(len(t["functionDeclarations"]) if type(t) is dict and type(t.get("functionDeclarations")) is list else 1 for t in tools)

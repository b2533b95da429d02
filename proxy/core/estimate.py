"""How many tokens a prompt has, roughly: what a counting request gets where its provider counts none.

    text, tool calls, results, schemas    1 for every 4 bytes of UTF-8
    each message, each tool               4 more, and 3 for the beginning of the answer
    image                                 1600
    audio                                 1 for every KiB
    document                              its text as text; any other file 2000 for every 64 KiB begun (a page of a PDF, about)

Against the counts of recorded traffic: OpenAI's chat models, tools or not, a median of 1.0 of their own; plain prompts of Anthropic's and
Bedrock's models 0.8 to 0.9, with tools far less, since those add hundreds of tokens of their own instructions. Single short prompts are
off by a factor of two and more. The image is the largest that Anthropic's and OpenAI's models take without scaling it down, so a small
one is far less; one given by reference, like any document given so, counts as one.
Source: Anthropic docs "Token counting", "Vision"; OpenAI docs "Images and vision"; ai.google.dev "Understand and count tokens", read
2026-11-26.
"""

from collections.abc import Iterable
from typing import Any, assert_never

import msgspec

from proxy.core.messages import (
    AudioPart,
    DocumentPart,
    ImagePart,
    OpaquePart,
    Part,
    RedactedThinkingPart,
    RefusalPart,
    TextPart,
    ThinkingPart,
    ToolResultPart,
    ToolUsePart,
)
from proxy.core.request import ChatRequest, Tool

BYTES_PER_TOKEN = 4
PER_MESSAGE = PER_TOOL = 4
ANSWER_BEGINS = 3
IMAGE_TOKENS = 1600
AUDIO_BYTES_PER_TOKEN = 1024
PAGE_TOKENS = 2000
PAGE_BYTES = 64 * 1024


def estimated_tokens(request: ChatRequest) -> int:
    """At least 1."""
    text = tokens = 0
    for message in request.messages:
        more_text, more = _sizes(message.content)
        text += more_text + _bytes(message.name)
        tokens += more + PER_MESSAGE
    for tool in request.tools:
        text += _tool_bytes(tool)
        tokens += PER_TOOL
    if request.response_format is not None and request.response_format.schema is not None:
        text += _json_bytes(request.response_format.schema)
    return tokens + ANSWER_BEGINS + -(-text // BYTES_PER_TOKEN)


def _sizes(parts: Iterable[Part]) -> tuple[int, int]:
    """(bytes of text, tokens of everything else)."""
    text = tokens = 0
    for part in parts:
        match part:
            case TextPart() | ThinkingPart() | RefusalPart():
                text += _bytes(part.text)
            case ToolUsePart():
                text += _bytes(part.name) + _bytes(part.arguments)
            case ToolResultPart():
                more_text, more = _sizes(part.content)
                text += more_text
                tokens += more
            case ImagePart():
                tokens += IMAGE_TOKENS
            case AudioPart():
                tokens += -(-_decoded_bytes(part.data) // AUDIO_BYTES_PER_TOKEN)
            case DocumentPart():
                text += _bytes(part.text) + _bytes(part.title)
                tokens += _file_tokens(part)
            case RedactedThinkingPart():
                text += _bytes(part.data)
            case OpaquePart():
                text += _json_bytes(part.value)
            case _:
                assert_never(part)
    return text, tokens


def _file_tokens(part: DocumentPart) -> int:
    if part.text is not None:
        return 0
    size = _decoded_bytes(part.data)
    if part.media_type is not None and part.media_type.startswith("text/"):
        return -(-size // BYTES_PER_TOKEN)
    return PAGE_TOKENS * max(1, -(-size // PAGE_BYTES))


def _decoded_bytes(data: str | None) -> int:
    """Of base64 text."""
    return len(data) * 3 // 4 - data[-2:].count("=") if data else 0


def _tool_bytes(tool: Tool) -> int:
    if tool.opaque is not None:
        return _json_bytes(tool.opaque)
    return _bytes(tool.name) + _bytes(tool.description) + _json_bytes(tool.parameters or {})


def _bytes(text: str | None) -> int:
    return len(text.encode("utf-8", "replace")) if text else 0


def _json_bytes(value: Any) -> int:
    return len(msgspec.json.encode(value))

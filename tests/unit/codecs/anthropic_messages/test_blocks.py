"""Blocks → parts. The table of what is refused is in test_request."""

from typing import Any

import pytest

from proxy.codecs.anthropic_messages.blocks import decode_block, decode_cache, decode_content
from proxy.codecs.anthropic_messages.shape import Residue
from proxy.core.messages import (
    CacheHint,
    DocumentPart,
    ImagePart,
    OpaquePart,
    Part,
    RedactedThinkingPart,
    TextPart,
    ThinkingPart,
    ToolResultPart,
    ToolUsePart,
)

CITATION = {"type": "char_location", "cited_text": "x"}


@pytest.mark.parametrize(
    ("block", "part"),
    [
        ({"type": "text", "text": "a"}, TextPart(text="a")),
        (
            {"type": "text", "text": "a", "citations": [CITATION], "cache_control": {"type": "ephemeral"}},
            TextPart(text="a", cache=CacheHint(), citations=(CITATION,), citations_dialect="anthropic_messages"),
        ),
        (
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}},
            ImagePart(data="iVBORw0KGgo=", media_type="image/png"),
        ),
        ({"type": "image", "source": {"type": "url", "url": "https://e.com/a.png"}}, ImagePart(url="https://e.com/a.png")),
        ({"type": "image", "source": {"type": "file", "file_id": "f"}}, ImagePart(file_id="f")),
        (
            {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"}, "title": "t"},
            DocumentPart(data="JVBE", media_type="application/pdf", title="t"),
        ),
        (
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "d"}, "citations": {"enabled": True}},
            DocumentPart(text="d", media_type="text/plain", citations=True),
        ),
        ({"type": "document", "source": {"type": "url", "url": "u"}, "context": "c"}, DocumentPart(url="u", context="c")),
        ({"type": "document", "source": {"type": "file", "file_id": "f"}}, DocumentPart(file_id="f")),
        ({"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}}, ToolUsePart(id="t", name="f", arguments='{"a":1}')),
        ({"type": "tool_result", "tool_use_id": "t"}, ToolResultPart(tool_use_id="t")),
        (
            {"type": "tool_result", "tool_use_id": "t", "content": "x", "is_error": True},
            ToolResultPart(tool_use_id="t", content=(TextPart(text="x"),), is_error=True),
        ),
        ({"type": "thinking", "thinking": "x", "signature": "s"}, ThinkingPart(text="x", signature="s")),
        ({"type": "redacted_thinking", "data": "d"}, RedactedThinkingPart(data="d")),
    ],
)
def test_block_has_its_part(block: dict[str, Any], part: Part) -> None:
    """Each documented block is a canonical part."""
    assert decode_block(block, "p", Residue()) == part


@pytest.mark.parametrize(
    "block",
    [
        {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
        {"type": "web_search_tool_result", "tool_use_id": "s", "content": []},
        {"type": "image", "source": {"type": "s3", "key": "k"}},
        {"type": "document", "source": {"type": "content", "content": "x"}},
        {"type": "brand_new"},
    ],
)
def test_other_blocks_are_opaque(block: dict[str, Any]) -> None:
    """What only this dialect understands is kept whole."""
    assert decode_block(block, "p", Residue()) == OpaquePart(dialect="anthropic_messages", value=block)


def test_tool_result_holds_images_and_search_results() -> None:
    """Its content is a list of blocks of its own."""
    search = {"type": "search_result", "source": "s", "title": "t", "content": []}
    block = {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "image", "source": {"type": "url", "url": "u"}}, search]}
    part = decode_block(block, "p", Residue())
    assert isinstance(part, ToolResultPart)
    assert part.content == (ImagePart(url="u"), OpaquePart(dialect="anthropic_messages", value=search))


def test_string_is_one_text_and_remembered() -> None:
    """The shorthand means a text block."""
    residue = Residue()
    assert decode_content("hi", "messages[0].content", residue) == (TextPart(text="hi"),)
    assert residue.strings == {"messages[0].content"}


@pytest.mark.parametrize(
    ("control", "hint", "kept"),
    [
        ({"type": "ephemeral"}, CacheHint(), False),
        ({"type": "ephemeral", "ttl": "1h"}, CacheHint("1h"), False),
        ({"type": "ephemeral", "scope": "global"}, CacheHint(), True),
        ({"type": "persistent"}, None, True),
    ],
)
def test_cache_control(control: dict[str, Any], hint: CacheHint | None, kept: bool) -> None:
    """A hint, and what a hint cannot say is kept for this dialect."""
    residue = Residue()
    assert decode_cache({"cache_control": control}, "p", residue) == hint
    assert (residue.fields == {"p": {"cache_control": control}}) is kept

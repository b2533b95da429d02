"""Parts of any dialect → blocks."""

import base64
from typing import Any

import pytest

from proxy.codecs.anthropic_messages.parts import encode_part, tool_id
from proxy.codecs.base import InvalidBody
from proxy.core.messages import (
    AudioPart,
    CacheHint,
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

CSV = base64.b64encode(b"a,b\n1,2\n").decode()
BINARY = base64.b64encode(b"\xff\xfe\x00").decode()


def foreign(part: Part) -> tuple[dict[str, Any] | None, list[str]]:
    dropped: list[str] = []
    return encode_part(part, "p", dropped, own=False), dropped


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (TextPart(text="a", cache=CacheHint("1h")), {"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": "1h"}}),
        (RedactedThinkingPart(data="d"), {"type": "redacted_thinking", "data": "d"}),
        (ThinkingPart(text="x", signature="s"), {"type": "thinking", "thinking": "x", "signature": "s"}),
        (
            ToolUsePart(id="call 1", name="f", arguments='{"a": 1}', cache=CacheHint()),
            {"type": "tool_use", "id": "call_1", "name": "f", "input": {"a": 1}, "cache_control": {"type": "ephemeral"}},
        ),
        (ToolUsePart(id="c", name="f", arguments=""), {"type": "tool_use", "id": "c", "name": "f", "input": {}}),
        (ToolResultPart(tool_use_id="call 1"), {"type": "tool_result", "tool_use_id": "call_1"}),
        (
            ToolResultPart(tool_use_id="c", content=(TextPart(text="x"),), is_error=True),
            {"type": "tool_result", "tool_use_id": "c", "content": "x", "is_error": True},
        ),
        (
            ToolResultPart(tool_use_id="c", content=(TextPart(text=" "), TextPart(text="x"), ImagePart(url="u"))),
            {
                "type": "tool_result",
                "tool_use_id": "c",
                "content": [{"type": "text", "text": "x"}, {"type": "image", "source": {"type": "url", "url": "u"}}],
            },
        ),
        (ImagePart(url="https://e.com/a.png"), {"type": "image", "source": {"type": "url", "url": "https://e.com/a.png"}}),
        (
            ImagePart(url="data:image/JPG;charset=x;base64,/9j/AA=="),
            {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": "/9j/AA=="}},
        ),
        (
            ImagePart(data="UklGRg==", media_type=""),
            {"type": "image", "source": {"type": "base64", "media_type": "image/webp", "data": "UklGRg=="}},
        ),
        (ImagePart(data="AAAA"), {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}),
        (ImagePart(url="u", detail="auto"), {"type": "image", "source": {"type": "url", "url": "u"}}),
        (
            DocumentPart(data="JVBERi0=", title="a.pdf"),
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
                "title": "a.pdf",
            },
        ),
        (
            DocumentPart(data=CSV, media_type="text/csv", context="c", citations=False),
            {
                "type": "document",
                "source": {"type": "text", "media_type": "text/plain", "data": "a,b\n1,2\n"},
                "context": "c",
                "citations": {"enabled": False},
            },
        ),
        (
            DocumentPart(data=BINARY),
            {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": BINARY}},
        ),
        (
            DocumentPart(data=BINARY, media_type="application/zip"),
            {"type": "document", "source": {"type": "base64", "media_type": "application/zip", "data": BINARY}},
        ),
        (DocumentPart(url="u"), {"type": "document", "source": {"type": "url", "url": "u"}}),
        (DocumentPart(text="t"), {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "t"}}),
        (OpaquePart(dialect="anthropic_messages", value={"type": "new"}), {"type": "new"}),
    ],
)
def test_part_has_its_block(part: Part, block: dict[str, Any]) -> None:
    """Each part that the API can take, in the form it takes."""
    assert foreign(part) == (block, [])


def test_a_refusal_becomes_text() -> None:
    """Reported: nothing says any more that it was one."""
    block, dropped = foreign(RefusalPart(text="no"))
    assert (block, len(dropped)) == ({"type": "text", "text": "no"}, 1)


@pytest.mark.parametrize(
    "part",
    [
        AudioPart(data="aaaa", format="wav"),
        ThinkingPart(text="unsigned"),
        OpaquePart(dialect="openai_chat", value={"type": "custom"}),
        ImagePart(file_id="file-of-another-provider"),
        ImagePart(),
        DocumentPart(file_id="file-of-another-provider"),
    ],
)
def test_part_without_a_block_is_reported(part: Part) -> None:
    """It is left out under its path."""
    assert foreign(part) == (None, ["p"])


def test_details_that_are_lost_are_reported() -> None:
    """Citations of another dialect and an image's detail have no place; the parts stay."""
    cited = TextPart(text="a", citations=({"url": "u"},), citations_dialect="openai_chat")
    assert foreign(cited) == ({"type": "text", "text": "a"}, ["p.citations"])
    assert foreign(ImagePart(url="u", detail="high")) == ({"type": "image", "source": {"type": "url", "url": "u"}}, ["p.image_url.detail"])


def test_lost_part_of_a_tool_result() -> None:
    """Its path goes through the result."""
    part = ToolResultPart(tool_use_id="c", content=(ImagePart(file_id="f"),))
    assert foreign(part) == ({"type": "tool_result", "tool_use_id": "c"}, ["p.content[0]"])


@pytest.mark.parametrize("url", ["data:image/svg+xml,<svg/>", "data:image/png;base64", "data:"])
def test_data_url_without_base64_is_refused(url: str) -> None:
    """Dropping the picture would change what is asked: the client is told."""
    with pytest.raises(InvalidBody) as caught:
        foreign(ImagePart(url=url))
    assert caught.value.path == "p"


@pytest.mark.parametrize(("given", "kept"), [("toolu_01-x", "toolu_01-x"), ("functions.f:0", "functions_f_0"), ("", "_")])
def test_ids_take_the_api_s_alphabet(given: str, kept: str) -> None:
    """Call and result change alike, so that they still belong together."""
    assert tool_id(given) == kept


def test_own_part_is_left_alone() -> None:
    """What came from this dialect keeps its id, file and media type."""
    dropped: list[str] = []
    assert encode_part(ImagePart(file_id="f"), "p", dropped, own=True) == {"type": "image", "source": {"type": "file", "file_id": "f"}}
    odd = ImagePart(data="AA==", media_type="image/jpg")
    assert encode_part(odd, "p", dropped, own=True) == {
        "type": "image",
        "source": {"type": "base64", "media_type": "image/jpg", "data": "AA=="},
    }
    assert encode_part(ThinkingPart(text="x"), "p", dropped, own=True) == {"type": "thinking", "thinking": "x"}
    assert encode_part(ToolUsePart(id="a b", name="f", arguments="{}"), "p", dropped, own=True) == {
        "type": "tool_use",
        "id": "a b",
        "name": "f",
        "input": {},
    }
    assert dropped == []


def test_reasoning_of_responses_is_left_out() -> None:
    """The API would refuse its signature."""
    dropped: list[str] = []
    part = ThinkingPart(text="t", signature="openai_responses:summary:rs:e")
    assert encode_part(part, "input[0]", dropped, own=False) is None
    assert dropped == ["input[0]"]


def test_paths_of_responses() -> None:
    """An image's detail stands in the part, a result's content in `output`."""
    dropped: list[str] = []
    encode_part(ImagePart(url="https://e.com/a", detail="low"), "input[0].content[0]", dropped, own=False)
    encode_part(ToolResultPart(tool_use_id="c", content=(ImagePart(file_id="f"),)), "input[1]", dropped, own=False)
    assert dropped == ["input[0].content[0].detail", "input[1].output[0]"]


def test_thinking_that_another_provider_signed_is_reported() -> None:
    """A signature marked with its maker is not the API's own; its own has no colon."""
    assert foreign(ThinkingPart(text="x", signature="gemini:CpsB")) == (None, ["p"])

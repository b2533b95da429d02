"""Canonical parts of any dialect as parts of a content."""

from typing import Any

import pytest

from proxy.codecs.base import InvalidBody
from proxy.codecs.gemini_generate.models import model_facts
from proxy.codecs.gemini_generate.write_parts import PartWriter
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

IMAGE = ImagePart(data="aGk=", media_type="image/png")
INLINE = {"inlineData": {"mimeType": "image/png", "data": "aGk="}}


def written(
    part: Part, model: str = "gemini-3-pro", *, own: bool = False, name: str | None = None
) -> tuple[list[dict[str, Any]], list[str]]:
    dropped: list[str] = []
    return PartWriter(model_facts(model), dropped, {"c": "f"}, own=own).write(part, "p", name), dropped


@pytest.mark.parametrize(
    ("part", "expected", "lost"),
    [
        (TextPart(text="a"), [{"text": "a"}], []),
        (TextPart(text=""), [], []),
        (TextPart(text="a", cache=CacheHint()), [{"text": "a"}], ["p.cache_control"]),
        (TextPart(text="a", citations=({"x": 1},), citations_dialect="anthropic_messages"), [{"text": "a"}], ["p.citations"]),
        (RefusalPart(text="no"), [{"text": "no"}], ["p"]),
        (IMAGE, [INLINE], []),
        (ImagePart(url="https://x.test/a.png", detail="high"), [{"fileData": {"mimeType": "image/png", "fileUri": "https://x.test/a.png"}}],
         ["p.image_url.detail"]),
        (ImagePart(file_id="file-1"), [], ["p"]),
        (AudioPart(data="aGk=", format="mp3"), [{"inlineData": {"mimeType": "audio/mp3", "data": "aGk="}}], []),
        (AudioPart(id="a"), [], ["p"]),
        (DocumentPart(text="body", title="T", context="C", citations=True), [{"text": "T\n\nC\n\nbody"}], ["p.citations", "p"]),
        (DocumentPart(data="JVBERi", title="T"), [{"inlineData": {"mimeType": "application/pdf", "data": "JVBERi"}}], ["p.title"]),
        (DocumentPart(data="JVBERi", context="C"), [{"inlineData": {"mimeType": "application/pdf", "data": "JVBERi"}}], ["p.context"]),
        (ThinkingPart(text="hm", signature="gemini:Cp"), [{"text": "hm", "thought": True, "thoughtSignature": "Cp"}], []),
        (ThinkingPart(text="hm", signature="EqQB"), [], ["p"]),
        (ThinkingPart(text="hm"), [], ["p"]),
        (RedactedThinkingPart(data="x"), [], ["p"]),
        (OpaquePart(dialect="gemini_generate", value={"executableCode": {}}), [{"executableCode": {}}], []),
        (OpaquePart(dialect="openai_chat", value={"type": "x"}), [], ["p"]),
        (ToolUsePart(id="c", name="f", arguments='{"a":1}'), [{"functionCall": {"id": "c", "name": "f", "args": {"a": 1}}}], []),
    ],
)  # fmt: skip
def test_each_kind(part: Part, expected: list[dict[str, Any]], lost: list[str]) -> None:
    """What the API has no place for is reported."""
    assert written(part) == (expected, lost)


def test_own_parts_stay() -> None:
    """Empty text and unsigned thoughts are the client's word."""
    assert written(TextPart(text=""), own=True)[0] == [{"text": ""}]
    assert written(ThinkingPart(text="hm"), own=True)[0] == [{"text": "hm", "thought": True}]


def test_a_result_has_its_functions_name() -> None:
    """Of the call with its id; texts are joined."""
    part = ToolResultPart(tool_use_id="c", content=(TextPart(text="a"), TextPart(text="b", cache=CacheHint())))
    assert written(part) == (
        [{"functionResponse": {"id": "c", "name": "f", "response": {"output": "a\nb"}}}],
        ["p.content[1].cache_control"],
    )
    failed = ToolResultPart(tool_use_id="c", content=(TextPart(text="no"),), is_error=True)
    assert written(failed)[0][0]["functionResponse"]["response"] == {"error": "no"}


def test_files_of_a_result() -> None:
    """Inside of it from Gemini 3 on; before, they follow, reported."""
    part = ToolResultPart(tool_use_id="c", content=(IMAGE,))
    response = {"id": "c", "name": "f", "response": {"output": ""}}
    assert written(part) == ([{"functionResponse": {**response, "parts": [INLINE]}}], [])
    assert written(part, "gemini-2.5-pro") == ([{"functionResponse": response}, INLINE], ["p.content[0]"])


def test_a_result_without_a_call_is_refused() -> None:
    """Unless the message names the function."""
    with pytest.raises(InvalidBody) as caught:
        written(ToolResultPart(tool_use_id="x"))
    assert caught.value.path == "p"
    assert written(ToolResultPart(tool_use_id="x"), name="g")[0][0]["functionResponse"]["name"] == "g"


def test_arguments_must_be_an_object() -> None:
    """With the path."""
    with pytest.raises(InvalidBody) as caught:
        written(ToolUsePart(id="c", name="f", arguments="[1]"))
    assert caught.value.path == "p"

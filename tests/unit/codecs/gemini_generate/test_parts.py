"""A part of a request."""

from typing import Any

import pytest

from proxy.codecs.base import InvalidBody
from proxy.codecs.gemini_generate.calls import Calls
from proxy.codecs.gemini_generate.parts import decode_part
from proxy.core.messages import ImagePart, OpaquePart, Part, TextPart, ThinkingPart, ToolResultPart, ToolUsePart

SIGNED = ThinkingPart(text="", signature="gemini:CpsB")


def decoded(part: dict[str, Any]) -> tuple[list[Part], dict[str, Any]]:
    telling: dict[str, Any] = {}
    return decode_part(part, "p", Calls(), telling), telling


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ({"text": "a"}, [TextPart(text="a")]),
        ({"text": ""}, [TextPart(text="")]),
        ({"text": "a", "thoughtSignature": "CpsB"}, [SIGNED, TextPart(text="a")]),
        ({"text": "", "thoughtSignature": "CpsB"}, [SIGNED]),
        ({"thought_signature": "CpsB"}, [SIGNED]),
        ({"text": "hm", "thought": True}, [ThinkingPart(text="hm")]),
        ({"text": "hm", "thought": True, "thoughtSignature": "CpsB"}, [ThinkingPart(text="hm", signature="gemini:CpsB")]),
        ({"text": "a", "thought": False}, [TextPart(text="a")]),
    ],
)
def test_text_thoughts_and_signatures(part: dict[str, Any], expected: list[Part]) -> None:
    """A signature outside of a thought stands in front of its part."""
    assert decoded(part) == (expected, {})


def test_a_call() -> None:
    """With its id, or one of ours; the signature first."""
    parts, _ = decoded({"function_call": {"id": "c", "name": "f", "args": {"a": 1}}, "thoughtSignature": "CpsB"})
    assert parts == [SIGNED, ToolUsePart(id="c", name="f", arguments='{"a":1}')]
    [part], _ = decoded({"functionCall": {"name": "f"}})
    assert isinstance(part, ToolUsePart)
    assert (part.id[:5], part.arguments) == ("call_", "{}")


def test_a_response_with_files() -> None:
    """Images and documents keep their kind, the rest is the dialect's own."""
    image = {"inlineData": {"mimeType": "image/png", "data": "aGk="}}
    stored = {"fileData": {"mimeType": "video/mp4", "fileUri": "gs://b/a.mp4"}}
    response = {"id": "c", "name": "f", "response": {"error": "no"}, "parts": [image, stored], "scheduling": "SILENT"}
    parts, telling = decoded({"functionResponse": response})
    content = (
        TextPart(text="no"),
        ImagePart(data="aGk=", media_type="image/png"),
        OpaquePart(dialect="gemini_generate", value=stored),
    )
    assert parts == [ToolResultPart(tool_use_id="c", content=content, is_error=True)]
    assert telling == {"p.functionResponse.scheduling": "SILENT"}


@pytest.mark.parametrize(
    "part",
    [
        {"executableCode": {"code": "1"}, "thoughtSignature": "CpsB"},
        {"codeExecutionResult": {"outcome": "OUTCOME_OK"}},
        {"somethingNew": {"a": 1}},
        {"functionCall": {"name": "f", "partialArgs": [{"jsonPath": "$.a", "stringValue": "x"}], "willContinue": True}},
    ],
)
def test_other_kinds_are_the_dialects_own(part: dict[str, Any]) -> None:
    """Whole, signature included."""
    assert decoded(part)[0] == [OpaquePart(dialect="gemini_generate", value=part)]


def test_fields_without_a_place_are_told() -> None:
    """By path."""
    part = {"fileData": {"fileUri": "https://x.test/a.png"}, "videoMetadata": {"fps": 1}, "mediaResolution": None}
    assert decoded(part)[1] == {"p.videoMetadata": {"fps": 1}}


@pytest.mark.parametrize(
    ("part", "path"),
    [
        ({}, "p"),
        ({"thought": True, "functionCall": {}}, "p.functionCall.name"),
        ({"functionCall": {"name": "f", "args": "{}"}}, "p.functionCall.args"),
        ({"functionCall": "f"}, "p.functionCall"),
        ({"function_response": {"response": {}}}, "p.function_response.name"),
        ({"functionResponse": {"name": "f", "response": "x"}}, "p.functionResponse.response"),
        ({"functionResponse": {"name": "f", "parts": ["x"]}}, "p.functionResponse.parts[0]"),
        ({"text": 1}, "p.text"),
        ({"thought": "yes", "text": "a"}, "p.thought"),
    ],
)
def test_broken_parts_are_refused_with_their_path(part: dict[str, Any], path: str) -> None:
    """As the client spells it."""
    with pytest.raises(InvalidBody) as caught:
        decoded(part)
    assert caught.value.path == path

"""Parts of an answer."""

from typing import Any

import pytest

from proxy.codecs.base import InvalidBody
from proxy.codecs.gemini_generate.answer import CallIds, decode_answer_part, decode_sources, encode_answer_parts, encode_call
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
    ToolUsePart,
)

SIGNED = ThinkingPart(text="", signature="gemini:Cp")


def decoded(part: dict[str, Any]) -> list[Part]:
    return decode_answer_part(part, "p", 0, CallIds("seed"))


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ({"text": "a"}, [TextPart(text="a")]),
        ({"text": "hm", "thought": True, "thoughtSignature": "Cp"}, [ThinkingPart(text="hm", signature="gemini:Cp")]),
        ({"text": "hm", "thought": True}, [ThinkingPart(text="hm")]),
        ({"text": "a", "thoughtSignature": "Cp"}, [SIGNED, TextPart(text="a")]),
        ({"text": "", "thoughtSignature": "Cp"}, [SIGNED]),
        (
            {"functionCall": {"id": "c", "name": "f", "args": {"a": 1}}, "thoughtSignature": "Cp"},
            [SIGNED, ToolUsePart(id="c", name="f", arguments='{"a":1}')],
        ),
    ],
)
def test_text_thoughts_and_calls_come_back(part: dict[str, Any], expected: list[Part]) -> None:
    """Signature and all."""
    assert decoded(part) == expected
    dropped: list[str] = []
    assert encode_answer_parts(tuple(expected), "c", dropped) == [part]
    assert dropped == []


@pytest.mark.parametrize(
    "part",
    [
        {"inlineData": {"mimeType": "image/png", "data": "aGk="}},
        {"executableCode": {"code": "1"}, "thoughtSignature": "Cp"},
        {"functionCall": {"name": "f", "partialArgs": [], "willContinue": True}},
        {"functionCall": {}, "thoughtSignature": "Cp"},
    ],
)
def test_the_rest_is_the_dialects_own(part: dict[str, Any]) -> None:
    """And comes back as it was."""
    assert decoded(part) == [OpaquePart(dialect="gemini_generate", value=part)]
    assert encode_answer_parts((OpaquePart(dialect="gemini_generate", value=part),), "c", []) == [part]


def test_ids_are_unique_and_repeatable() -> None:
    """Also where the API repeats its own."""
    first, again = CallIds("seed"), CallIds("seed")
    ids = [first.take(None, 0, "f"), first.take(None, 0, "f"), first.take("x", 0, "f"), first.take("x", 0, "f")]
    assert len(set(ids)) == 4
    assert [again.take(None, 0, "f"), again.take(None, 0, "f")] == ids[:2]
    assert CallIds("other").take(None, 0, "f") != ids[0]


@pytest.mark.parametrize(
    ("part", "expected", "lost"),
    [
        (RefusalPart(text="no"), [{"text": "no"}], ["c[0]"]),
        (TextPart(text=""), [], []),
        (TextPart(text="a", citations=({"x": 1},), citations_dialect="openai_chat"), [{"text": "a"}], ["c[0].citations"]),
        (ImagePart(data="aGk="), [{"inlineData": {"mimeType": "image/png", "data": "aGk="}}], []),
        (AudioPart(data="aGk=", format="mp3"), [{"inlineData": {"mimeType": "audio/mp3", "data": "aGk="}}], []),
        (ImagePart(url="https://x.test/a.png"), [], ["c[0]"]),
        (DocumentPart(text="x"), [], ["c[0]"]),
        (OpaquePart(dialect="openai_chat", value={}), [], ["c[0]"]),
        (ToolUsePart(id="", name="f", arguments='{"a'), [{"functionCall": {"name": "f", "args": {}}}], ["c[0].arguments"]),
    ],
)
def test_parts_of_other_dialects(part: Part, expected: list[dict[str, Any]], lost: list[str]) -> None:
    """What has no place is reported."""
    dropped: list[str] = []
    assert encode_answer_parts((part,), "c", dropped) == expected
    assert dropped == lost


def test_thinking_of_other_providers_comes_back() -> None:
    """Through a client of this dialect."""
    content = (
        ThinkingPart(text="hm", signature="EqQB"),
        RedactedThinkingPart(data="Em"),
        ThinkingPart(text="", signature="Zz"),
        TextPart(text="a"),
    )
    encoded = encode_answer_parts(content, "c", [])
    ids = CallIds("")
    back = [part for item in encoded for part in decode_answer_part(item, "p", 0, ids)]
    assert back == list(content)


def test_arguments_that_were_cut_off() -> None:
    """Are an empty object, reported."""
    dropped: list[str] = []
    assert encode_call("c", "f", '{"a', "p", dropped) == {"functionCall": {"id": "c", "name": "f", "args": {}}}
    assert dropped == ["p.arguments"]


def test_sources_in_their_order() -> None:
    """Empty ones are none."""
    candidate = {"groundingMetadata": {"a": 1}, "citationMetadata": {"b": 1}, "urlContextMetadata": {}}
    assert decode_sources(candidate) == [{"citationMetadata": {"b": 1}}, {"groundingMetadata": {"a": 1}}]


@pytest.mark.parametrize(
    "part", [{"text": 1}, {"functionCall": "f"}, {"functionCall": {"name": "f", "args": "x"}}, {"functionCall": {"name": 1}}]
)
def test_broken_parts_are_refused(part: dict[str, Any]) -> None:
    """With their path."""
    with pytest.raises(InvalidBody) as caught:
        decoded(part)
    assert caught.value.path.startswith("p")

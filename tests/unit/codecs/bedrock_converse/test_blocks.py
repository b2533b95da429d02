"""Content blocks → canonical parts."""

from typing import Any

import pytest

from proxy.codecs.base import InvalidBody
from proxy.codecs.bedrock_converse.blocks import decode_content
from proxy.codecs.bedrock_converse.shape import Shape
from proxy.core.messages import (
    AudioPart,
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

PNG = "iVBORw0KGgo="


def decoded(*blocks: Any) -> tuple[tuple[Part, ...], Shape]:
    shape = Shape()
    return decode_content(list(blocks), "c", "c", shape), shape


@pytest.mark.parametrize(
    ("block", "part"),
    [
        ({"text": "t"}, TextPart(text="t")),
        ({"image": {"format": "png", "source": {"bytes": PNG}}}, ImagePart(data=PNG, media_type="image/png")),
        (
            {"document": {"format": "pdf", "name": "n", "source": {"bytes": "AAAA"}, "context": "c", "citations": {"enabled": True}}},
            DocumentPart(data="AAAA", media_type="application/pdf", title="n", context="c", citations=True),
        ),
        ({"document": {"name": "n", "source": {"text": "t"}}}, DocumentPart(text="t", title="n")),
        ({"audio": {"format": "mp3", "source": {"bytes": "AAAA"}}}, AudioPart(data="AAAA", format="mp3")),
        ({"toolUse": {"toolUseId": "i", "name": "f", "input": {"a": 1}}}, ToolUsePart(id="i", name="f", arguments='{"a":1}')),
        ({"reasoningContent": {"reasoningText": {"text": "t", "signature": "s"}}}, ThinkingPart(text="t", signature="s")),
        ({"reasoningContent": {"redactedContent": "RW5jcnlwdGVk"}}, RedactedThinkingPart(data="Encrypted")),
    ],
)
def test_blocks_with_an_exact_form(block: dict[str, Any], part: Part) -> None:
    """Nothing of them has to be kept aside."""
    parts, shape = decoded(block)
    assert parts == (part,)
    assert (shape.kept, shape.telling) == ({}, {})


@pytest.mark.parametrize(
    "block",
    [
        {"image": {"format": "png", "source": {"s3Location": {"uri": "s3://b/k"}}}},
        {"image": {"format": "avif", "source": {"bytes": PNG}}},
        {"image": {"format": "png", "source": {"bytes": PNG}, "error": {"message": "m"}}},
        {"document": {"format": "pdf", "name": "n", "source": {"s3Location": {"uri": "s3://b/k"}}}},
        {"document": {"format": "odt", "name": "n", "source": {"bytes": "AAAA"}}},
        {"document": {"format": "pdf", "name": "n", "source": {"bytes": "AAAA"}, "citations": {"enabled": True, "more": 1}}},
        {"document": {"format": "pdf", "name": "n", "source": {"bytes": "AAAA"}, "context": None}},
        {"audio": {"format": "mp3", "source": {"s3Location": {"uri": "s3://b/k"}}}},
        {"video": {"format": "mp4", "source": {"bytes": "AAAA"}}},
        {"guardContent": {"image": {"format": "png", "source": {"bytes": PNG}}}},
        {"citationsContent": {"citations": [], "more": 1}},
        {"searchResult": {"source": "s", "title": "t", "content": []}},
        {"toolUse": {"toolUseId": "i", "name": "f", "input": {}, "type": "server_tool_use"}},
        {"toolResult": {"toolUseId": "i", "content": [], "type": "nova_grounding_result"}},
        {"reasoningContent": {"reasoningText": {"text": "t", "more": 1}}},
        {"reasoningContent": {"newKind": {}}},
        {"toolAddition": {"tool": {}}},
    ],
)
def test_blocks_without_an_exact_form_stay_as_they_are(block: dict[str, Any]) -> None:
    """Opaque: other dialects report them."""
    parts, _ = decoded(block)
    assert parts == (OpaquePart(dialect="bedrock_converse", value=block),)


def test_a_cache_point_is_a_hint_on_the_part_before() -> None:
    """And the places after it are the client's still. At the head, after a hint, after a part without one, in another form: a part."""
    point = {"cachePoint": {"type": "default"}}
    parts, shape = decoded(point, {"text": "a"}, {"cachePoint": {"type": "default", "ttl": "1h"}}, point, {"text": "b"}, {"cachePoint": {}})
    opaque = OpaquePart(dialect="bedrock_converse", value=point)
    assert parts[:4] == (opaque, TextPart(text="a", cache=CacheHint("1h")), opaque, TextPart(text="b"))
    assert parts[4] == OpaquePart(dialect="bedrock_converse", value={"cachePoint": {}})
    assert shape.places == {"c[1].cache_control": "c[2]", "c[2]": "c[3]", "c[3]": "c[4]", "c[4]": "c[5]"}


def test_guarded_text_is_text_and_its_guard_is_told() -> None:
    """The block itself is kept."""
    guard = {"text": {"text": "t", "qualifiers": ["query"]}}
    parts, shape = decoded({"guardContent": guard})
    assert parts == (TextPart(text="t"),)
    assert shape.kept == {"c[0]": {"guardContent": guard}}
    assert shape.telling == {"c[0].guardContent": guard}


def test_cited_texts_are_one_text() -> None:
    """Kept where they were several; without any text, and without any citation, too."""
    cite = {"title": "t"}
    plain = {"citationsContent": {"content": [{"text": "a"}], "citations": [cite]}}
    several = {"citationsContent": {"content": [{"text": "a"}, {"text": "b"}], "citations": [cite]}}
    alone = {"citationsContent": {"citations": [cite]}}
    bare = {"citationsContent": {"content": [{"text": "a"}]}}
    parts, shape = decoded(plain, several, alone, bare)
    dialect = "bedrock_converse"
    assert parts == (
        TextPart(text="a", citations=(cite,), citations_dialect=dialect),
        TextPart(text="ab", citations=(cite,), citations_dialect=dialect),
        TextPart(text="", citations=(cite,), citations_dialect=dialect),
        TextPart(text="a"),
    )
    assert shape.kept == {"c[1]": several, "c[3]": bare}


def test_a_result_s_json_is_text() -> None:
    """The text of the value; status and content have the canonical form."""
    parts, shape = decoded(
        {"toolResult": {"toolUseId": "i", "status": "error", "content": [{"json": {"a": [1, None]}}, {"text": "t"}]}},
        {"toolResult": {"toolUseId": "j", "status": "success", "content": []}},
    )
    assert parts == (
        ToolResultPart(tool_use_id="i", content=(TextPart(text='{"a":[1,null]}'), TextPart(text="t")), is_error=True),
        ToolResultPart(tool_use_id="j"),
    )
    assert set(shape.kept) == {"c[0].content[0]", "c[1]"}
    assert shape.telling == {}
    assert shape.places["c[0].content"] == "c[0].toolResult.content"


def test_unknown_fields_of_calls_and_results_are_told() -> None:
    """The pair is carried nevertheless; the plain types that Nova writes tell nothing."""
    _, shape = decoded(
        {"toolUse": {"toolUseId": "i", "name": "f", "input": {}, "type": "tool_use", "new": 1}},
        {"toolResult": {"toolUseId": "i", "content": [], "type": "tool_result", "new": 2}},
    )
    assert shape.telling == {"c[0].toolUse.new": 1, "c[1].toolResult.new": 2}


@pytest.mark.parametrize(
    ("block", "path"),
    [
        ("text", "c[0]"),
        ({}, "c[0]"),
        ({"text": "a", "image": {}}, "c[0]"),
        ({"text": 1}, "c[0].text"),
        ({"image": {"format": "png"}}, "c[0].image.source"),
        ({"image": {"format": "png", "source": {"bytes": "*"}}}, "c[0].image.source.bytes"),
        ({"document": {"format": [], "name": "n", "source": {"text": "t"}}}, "c[0].document.format"),
        ({"document": {"source": {"text": "t"}}}, "c[0].document.name"),
        ({"toolUse": {"toolUseId": "", "name": "f", "input": {}}}, "c[0].toolUse.toolUseId"),
        ({"toolUse": {"toolUseId": "i", "name": "f"}}, "c[0].toolUse.input"),
        ({"toolUse": {"toolUseId": "i", "name": "f", "input": {}, "type": []}}, "c[0].toolUse.type"),
        ({"toolResult": {"toolUseId": "i"}}, "c[0].toolResult.content"),
        ({"toolResult": {"toolUseId": "i", "content": [{"toolUse": 1}]}}, "c[0].toolResult.content[0].toolUse"),
        (
            {"toolResult": {"toolUseId": "i", "content": [{"toolUse": {"toolUseId": "i", "name": "f", "input": {}}}]}},
            "c[0].toolResult.content[0]",
        ),
        ({"guardContent": {"text": {}}}, "c[0].guardContent.text.text"),
        ({"citationsContent": {"citations": [1]}}, "c[0].citationsContent.citations[0]"),
        ({"reasoningContent": {"reasoningText": {}}}, "c[0].reasoningContent.reasoningText.text"),
    ],
)
def test_what_is_wrong_is_named(block: Any, path: str) -> None:
    """With the client's JSON path."""
    with pytest.raises(InvalidBody) as caught:
        decoded(block)
    assert caught.value.path == path

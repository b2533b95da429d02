"""Parts of other dialects → content blocks."""

from typing import Any

import pytest

from proxy.codecs.base import InvalidBody
from proxy.codecs.bedrock_converse.models import target_facts
from proxy.codecs.bedrock_converse.parts import BlockWriter, tool_id
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
from tests.support.converse_samples import CLAUDE, NOVA, assert_valid, request_of

PNG = "iVBORw0KGgo="


def written(*parts: Part, model: str = CLAUDE) -> tuple[list[dict[str, Any]], list[str]]:
    """Valid by botocore's model of the service."""
    dropped: list[str] = []
    writer = BlockWriter(target_facts(model), dropped)
    blocks = [block for i, part in enumerate(parts) for block in writer.write(part, f"p[{i}]")]
    assert_valid(request_of({"role": "user", "content": blocks}))
    return blocks, dropped


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (TextPart(text="t"), {"text": "t"}),
        (ToolUsePart(id="a b", name="f", arguments=""), {"toolUse": {"toolUseId": "a_b", "name": "f", "input": {}}}),
        (ImagePart(data=PNG), {"image": {"format": "png", "source": {"bytes": PNG}}}),
        (ImagePart(url=f"data:image/png;base64,{PNG}"), {"image": {"format": "png", "source": {"bytes": PNG}}}),
        (ImagePart(url="s3://b/cat.png"), {"image": {"format": "png", "source": {"s3Location": {"uri": "s3://b/cat.png"}}}}),
        (AudioPart(data="AAAA"), {"audio": {"format": "wav", "source": {"bytes": "AAAA"}}}),
        (ThinkingPart(text="t", signature="s"), {"reasoningContent": {"reasoningText": {"text": "t", "signature": "s"}}}),
        (RedactedThinkingPart(data="Encrypted"), {"reasoningContent": {"redactedContent": "RW5jcnlwdGVk"}}),
        (OpaquePart(dialect="bedrock_converse", value={"video": 1}), {"video": 1}),
        (
            DocumentPart(data="JVBERi0=", title="a/b_c.pdf", context="x", citations=False),
            {
                "document": {
                    "format": "pdf",
                    "name": "a-b-c",
                    "source": {"bytes": "JVBERi0="},
                    "context": "x",
                    "citations": {"enabled": False},
                }
            },
        ),
        (DocumentPart(text="hi"), {"document": {"format": "txt", "name": "document", "source": {"bytes": "aGk="}}}),
        (
            ToolResultPart(tool_use_id="i", content=(TextPart(text="t"), TextPart(text=" ")), is_error=True),
            {"toolResult": {"toolUseId": "i", "content": [{"text": "t"}], "status": "error"}},
        ),
    ],
)
def test_parts_that_are_carried(part: Part, block: dict[str, Any]) -> None:
    """Nothing is reported."""
    dropped: list[str] = []
    assert BlockWriter(target_facts(CLAUDE), dropped).write(part, "p") == [block]
    assert dropped == []


def test_a_refusal_becomes_text() -> None:
    """Reported: nothing says any more that it was one."""
    dropped: list[str] = []
    assert BlockWriter(target_facts(CLAUDE), dropped).write(RefusalPart(text="no"), "p") == [{"text": "no"}]
    assert dropped == ["p"]


@pytest.mark.parametrize(
    "part",
    [
        ImagePart(url="https://example.com/cat.png"),
        ImagePart(url="data:text/plain,hello"),
        ImagePart(data="AAAA", media_type="image/tiff"),
        ImagePart(file_id="f"),
        ImagePart(url="s3://b/cat"),
        DocumentPart(url="https://example.com/a.pdf"),
        DocumentPart(data="AAAA"),
        AudioPart(id="a"),
        ThinkingPart(text="t"),
        ThinkingPart(text="t", signature="gemini:CpsB"),
        OpaquePart(dialect="openai_chat", value={}),
    ],
)
def test_parts_that_are_not(part: Part) -> None:
    """Bytes that are elsewhere, formats that the API does not take, reasoning without signature: reported."""
    assert written(part) == ([], ["p[0]"])


def test_only_claude_takes_its_reasoning_back() -> None:
    """Other models refuse it."""
    blocks, dropped = written(ThinkingPart(text="t", signature="s"), RedactedThinkingPart(data="x"), model=NOVA)
    assert (blocks, dropped) == ([], ["p[0]", "p[1]"])


def test_cache_points_follow_their_part_where_the_model_takes_them() -> None:
    """Elsewhere they are reported."""
    part = TextPart(text="t", cache=CacheHint("1h"))
    assert written(part) == ([{"text": "t"}, {"cachePoint": {"type": "default", "ttl": "1h"}}], [])
    assert written(part, model="meta.llama3-8b") == ([{"text": "t"}], ["p[0].cache_control"])


def test_citations_of_this_dialect_are_kept_others_reported() -> None:
    """As citationsContent."""
    cite = {"title": "t"}
    own = TextPart(text="t", citations=(cite,), citations_dialect="bedrock_converse")
    assert written(own, TextPart(text="u", citations=(cite,), citations_dialect="anthropic_messages")) == (
        [{"citationsContent": {"content": [{"text": "t"}], "citations": [cite]}}, {"text": "u"}],
        ["p[1].citations"],
    )


def test_document_names_are_unique_and_of_the_api_s_letters() -> None:
    """Long ones are cut."""
    parts = [DocumentPart(data="JVBERi0=", title=title) for title in ("a.pdf", "a.pdf", "a  (2)\t[x]", "éé", "x" * 300)]
    names = [block["document"]["name"] for block in written(*parts)[0]]
    assert names == ["a", "a 2", "a (2) [x]", "document", "x" * 190]


def test_what_a_result_cannot_hold_is_reported_at_its_place() -> None:
    """The rest is carried."""
    blocks, dropped = written(
        ToolResultPart(tool_use_id="i", content=(ImagePart(file_id="f"), TextPart(text="t"))), ImagePart(data=PNG, detail="low")
    )
    assert blocks[0] == {"toolResult": {"toolUseId": "i", "content": [{"text": "t"}]}}
    assert dropped == ["p[0].content[0]", "p[1].image_url.detail"]


def test_ids_fit_the_api() -> None:
    """Foreign characters become `_`; a long one is cut, and stays its own."""
    assert [tool_id(value) for value in ("call_1.a:b-c", "a/b", "")] == ["call_1.a:b-c", "a_b", "_"]
    long, other = tool_id("x" * 65), tool_id("x" * 64 + "y")
    assert (len(long), long != other, tool_id("x" * 65) == long) == (64, True, True)


def test_bad_arguments_and_data_urls_are_refused_with_their_place() -> None:
    """A client's mistakes."""
    for part in (ToolUsePart(id="i", name="f", arguments="[1]"), ImagePart(url="data:image/png;base64,*")):
        with pytest.raises(InvalidBody) as caught:
            written(part)
        assert caught.value.path == "p[0]"

"""Output items ↔ parts."""

from typing import Any

import pytest

from proxy.codecs.base import InvalidBody
from proxy.codecs.openai_responses.output import OutputWriter, decode_item, logprobs_of, residue
from proxy.core.messages import (
    ImagePart,
    OpaquePart,
    Part,
    RedactedThinkingPart,
    RefusalPart,
    TextPart,
    ThinkingPart,
    ToolUsePart,
)
from tests.support.responses_samples import sample_json

ITEMS: list[dict[str, Any]] = sample_json("response_full.json")["output"]


def test_items_and_back() -> None:
    """Ids, phases and every field of an item that is not in its parts."""
    parts: list[Part] = []
    kept = []
    for item in ITEMS:
        found = decode_item(item, "p")
        parts += found
        kept.append(residue(item, len(found)))
    writer = OutputWriter("seed")
    written = writer.write(tuple(parts), kept)
    assert [{**item, "content": [_bare(part) for part in item["content"]]} if "content" in item else item for item in written] == [
        {**item, "content": [_bare(part) for part in item["content"]]} if "content" in item else item for item in ITEMS
    ]
    assert writer.dropped == []


def _bare(part: dict[str, Any]) -> dict[str, Any]:
    """Logprobs are the choice's."""
    return {key: value for key, value in part.items() if key != "logprobs"}


def test_changed_parts_are_written_as_changed() -> None:
    """With the item's own id."""
    item = {
        "id": "rs",
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": "secret"}],
        "encrypted_content": "e",
        "status": "x",
    }
    (part,) = decode_item(item, "p")
    assert isinstance(part, ThinkingPart)
    masked = ThinkingPart(text="***", signature=part.signature)
    (written,) = OutputWriter().write((masked,), [residue(item, 1)])
    assert written["summary"] == [{"type": "summary_text", "text": "***"}]
    assert (written["id"], written["encrypted_content"]) == ("rs", "e")


def test_another_dialect_s_parts() -> None:
    """Texts in a row are one message; an empty one is none; what has no form here is reported."""
    writer = OutputWriter("r", status="incomplete")
    cited = TextPart(text="b", citations=({},), citations_dialect="anthropic_messages")
    content = (
        ThinkingPart(text="t", signature="sig"),
        RedactedThinkingPart(data="d"),
        TextPart(text="a"),
        cited,
        RefusalPart(text="no"),
        ImagePart(url="u"),
        OpaquePart(dialect="anthropic_messages", value={}),
        TextPart(text=""),
        ToolUsePart(id="c", name="f", arguments=""),
    )
    items = writer.write(content, None)
    assert [item["type"] for item in items] == ["reasoning", "reasoning", "message", "function_call"]
    assert [part["type"] for part in items[2]["content"]] == ["output_text", "output_text", "refusal"]
    assert (items[3]["call_id"], items[3]["arguments"], items[3]["status"]) == ("c", "{}", "incomplete")
    assert items[2]["status"] == "completed"
    assert len({item["id"] for item in items}) == 4
    assert writer.dropped == ["content[3].citations", "content[5]", "content[6]"]


def test_logprobs() -> None:
    """Of every text, in order."""
    assert [entry["token"] for entry in logprobs_of(ITEMS)] == ["Yes", "!"]


@pytest.mark.parametrize(
    ("item", "path"),
    [
        ({}, "output[0].type"),
        ({"type": "message", "content": "a"}, "output[0].content"),
        ({"type": "message", "content": [{}]}, "output[0].content[0].type"),
        ({"type": "message", "content": [{"type": "output_text"}]}, "output[0].content[0].text"),
        ({"type": "function_call", "name": "f"}, "output[0].call_id"),
        ({"type": "function_call", "call_id": "c"}, "output[0].name"),
    ],
)
def test_broken_items(item: dict[str, Any], path: str) -> None:
    """Named by their place."""
    with pytest.raises(InvalidBody) as caught:
        decode_item(item, "output[0]")
    assert caught.value.path == path


def test_unknown_parts_of_a_message() -> None:
    """Stay this dialect's own."""
    assert decode_item({"type": "message", "content": [{"type": "novel"}]}, "p") == [
        OpaquePart(dialect="openai_responses", value={"type": "novel"})
    ]

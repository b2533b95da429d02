"""One block of a stream."""

from typing import Any

import pytest

from proxy.codecs.base import InvalidBody
from proxy.codecs.bedrock_converse.stream_block import start_block
from proxy.core.events import ArgumentsDelta, BlockStart, BlockStop, CitationDelta, OpaqueDelta, SignatureDelta, TextDelta
from proxy.core.messages import ImagePart, OpaquePart, RedactedThinkingPart

DIALECT = "bedrock_converse"


def run(kind: str, member: dict[str, Any] | None, *deltas: tuple[str, Any]) -> list[Any]:
    block = start_block(3, kind, member)
    return [*block.opening(), *(event for delta in deltas for event in block.delta(*delta)), *block.stop()]


def test_text_with_a_citation() -> None:
    """Either may come first."""
    assert run("citation", None, ("citation", {"t": 1}), ("text", "a")) == [
        BlockStart(block=3, kind="text"),
        CitationDelta(block=3, citation={"t": 1}, dialect=DIALECT),
        TextDelta(block=3, text="a"),
        BlockStop(block=3),
    ]


def test_reasoning_with_its_signature() -> None:
    """Of a thinking block."""
    assert run("reasoningContent", None, ("reasoningContent", {"text": "a"}), ("reasoningContent", {"signature": "s"})) == [
        BlockStart(block=3, kind="thinking"),
        TextDelta(block=3, text="a"),
        SignatureDelta(block=3, signature="s"),
        BlockStop(block=3),
    ]


def test_redacted_reasoning_is_shown_whole() -> None:
    """Its pieces are base64 each; bytes that are no text stay opaque."""
    pieces = [("reasoningContent", {"redactedContent": piece}) for piece in ("RW5jcnlw", "dGVk")]
    assert run("reasoningContent.redactedContent", None, *pieces) == [
        BlockStart(block=3, kind="redacted_thinking", part=RedactedThinkingPart(data="Encrypted")),
        BlockStop(block=3),
    ]
    odd = run("reasoningContent.redactedContent", None, ("reasoningContent", {"redactedContent": "//4="}))
    value = {"reasoningContent": {"redactedContent": "//4="}}
    assert odd[0] == BlockStart(block=3, kind="opaque", part=OpaquePart(dialect=DIALECT, value=value))


def test_calls() -> None:
    """Their input in pieces; none at all is an empty one; the plain type says nothing."""
    start = {"toolUseId": "i", "name": "f", "type": "tool_use"}
    opening = BlockStart(block=3, kind="tool_use", id="i", name="f")
    assert run("toolUse", start, ("toolUse", {"input": "{"}), ("toolUse", {"input": "}"})) == [
        opening,
        ArgumentsDelta(block=3, json="{"),
        ArgumentsDelta(block=3, json="}"),
        BlockStop(block=3),
    ]
    assert run("toolUse", start, ("toolUse", {"input": ""})) == [opening, ArgumentsDelta(block=3, json="{}"), BlockStop(block=3)]


@pytest.mark.parametrize(("text", "given"), [('{"a":1}', {"a": 1}), ("", {}), ('{"a', '{"a')])
def test_a_server_s_call_has_its_input_as_in_a_whole_answer(text: str, given: Any) -> None:
    """The text itself where a limit cut it off."""
    start = {"toolUseId": "i", "name": "f", "type": "server_tool_use"}
    events = run("toolUse", start, ("toolUse", {"input": text}))
    assert events == [
        BlockStart(block=3, kind="opaque", part=OpaquePart(dialect=DIALECT, value={"toolUse": start})),
        OpaqueDelta(block=3, value={"toolUse": {"input": given}}, dialect=DIALECT),
        BlockStop(block=3),
    ]


def test_a_server_s_result_and_anything_new() -> None:
    """Passed on as this dialect's own."""
    assert run("toolResult", {"toolUseId": "i"}, ("toolResult", [{"text": "t"}]))[1] == OpaqueDelta(
        block=3, value={"toolResult": {"content": [{"text": "t"}]}}, dialect=DIALECT
    )
    assert run("new", None, ("new", {"a": 1}))[:2] == [
        BlockStart(block=3, kind="opaque", part=OpaquePart(dialect=DIALECT, value={})),
        OpaqueDelta(block=3, value={"new": {"a": 1}}, dialect=DIALECT),
    ]


def test_images_are_shown_whole() -> None:
    """One that failed says why."""
    assert run("image", {"format": "png"}, ("image", {"source": {"bytes": "iVBORw0KGgo="}})) == [
        BlockStart(block=3, kind="opaque", part=ImagePart(data="iVBORw0KGgo=", media_type="image/png")),
        BlockStop(block=3),
    ]
    failed = run("image", {"format": "png"}, ("image", {"error": {"message": "m"}}))
    assert failed[0].part == OpaquePart(dialect=DIALECT, value={"image": {"format": "png", "error": {"message": "m"}}})


@pytest.mark.parametrize(
    ("kind", "member", "delta"),
    [
        ("text", None, ("toolUse", {"input": ""})),
        ("reasoningContent", None, ("text", "a")),
        ("reasoningContent", None, ("reasoningContent", {"redactedContent": "AAAA"})),
        ("reasoningContent.redactedContent", None, ("reasoningContent", {"text": "a"})),
        ("reasoningContent.redactedContent", None, ("text", "a")),
        ("toolUse", {"toolUseId": "i", "name": "f"}, ("text", "a")),
        ("toolUse", {"toolUseId": "i", "name": "f"}, ("toolUse", {})),
        ("toolUse", {"toolUseId": "i", "name": "f", "type": "server_tool_use"}, ("text", "a")),
        ("image", {"format": "png"}, ("text", "a")),
        ("toolUse", None, ("toolUse", {"input": ""})),
        ("toolUse", {"name": "f"}, ("toolUse", {"input": ""})),
    ],
)
def test_a_delta_of_another_block_is_refused(kind: str, member: Any, delta: tuple[str, Any]) -> None:
    """And a call without its start."""
    with pytest.raises(InvalidBody):
        run(kind, member, delta)

"""The blocks of a stream."""

from proxy.codecs.openai_responses.stream_blocks import Blocks, CallItem, MessageItem, OpaqueItem, ReasoningItem
from proxy.core.events import ArgumentsDelta, BlockStart, BlockStop, CitationDelta, StreamEvent, TextDelta


def test_text_blocks_never_overlap() -> None:
    """What begins closes what is open."""
    out: list[StreamEvent] = []
    blocks = Blocks()
    call = CallItem(blocks, "c", "f", out)
    MessageItem(blocks, "m").text(0, "text", "a", out)
    call.finish(out)
    ReasoningItem(blocks, None).text(("summary", 0), "t", out)
    blocks.close(out)
    assert out == [
        BlockStart(block=0, kind="tool_use", id="c", name="f"),
        BlockStop(block=0),
        BlockStart(block=1, kind="text", id="m"),
        TextDelta(block=1, text="a"),
        BlockStop(block=1),
        BlockStart(block=2, kind="thinking"),
        TextDelta(block=2, text="t"),
        BlockStop(block=2),
    ]
    assert blocks.called


def test_done_adds_what_is_missing_only() -> None:
    """A text that was streamed is not said again, one that was not is; annotations by their number."""
    out: list[StreamEvent] = []
    item = MessageItem(Blocks(), None)
    item.text(0, "text", "a", out)
    item.annotation(0, {"n": 1}, out)
    item.finish_text(0, "text", "a", out)
    item.finish_part(0, {"type": "output_text", "text": "a", "annotations": [{"n": 1}, {"n": 2}]}, out)
    item.finish({"content": [{"type": "output_text", "text": "a"}, {"type": "output_text", "text": "b"}]}, out)
    assert [event.text for event in out if isinstance(event, TextDelta)] == ["a", "b"]
    assert [event.citation["n"] for event in out if isinstance(event, CitationDelta)] == [1, 2]
    assert sum(isinstance(event, BlockStop) for event in out) == 2


def test_texts_of_one_reasoning() -> None:
    """Are told apart by a blank line."""
    out: list[StreamEvent] = []
    item = ReasoningItem(Blocks(), "rs")
    for piece, text in ((0, "a"), (0, "b"), (1, ""), (2, "c")):
        item.text(("summary", piece), text, out)
    item.finish_text(("summary", 2), "c", out)
    assert "".join(event.text for event in out if isinstance(event, TextDelta)) == "ab\n\nc"


def test_a_call_and_an_opaque_item() -> None:
    """Both may be open; events after the end say nothing."""
    out: list[StreamEvent] = []
    blocks = Blocks()
    opaque = OpaqueItem(blocks, {"type": "x"}, out)
    call = CallItem(blocks, "c", "f", out)
    call.arguments("", "p", out)
    call.finish_arguments("{}", "p", out)
    call.finish_arguments("{}", "p", out)
    opaque.finish({"type": "response.output_item.done", "item": {"type": "x"}, "sequence_number": 3, "output_index": 0}, out)
    before = len(out)
    opaque.event({"type": "late"}, out)
    assert len(out) == before
    assert [event.json for event in out if isinstance(event, ArgumentsDelta)] == ["{}"]

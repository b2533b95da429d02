"""Tool calls of one choice of a stream."""

from typing import Any

import pytest

from proxy.codecs.base import InvalidBody
from proxy.codecs.openai_chat.stream_choice import ChoiceDecoder, Numbering
from proxy.core.events import ArgumentsDelta, BlockStart, BlockStop, CitationDelta, Finish, StreamEvent, TextDelta


def calls(*items: dict[str, Any], finish: bool = True) -> list[StreamEvent]:
    choice = ChoiceDecoder(0, Numbering())
    out: list[StreamEvent] = []
    for item in items:
        choice.call(item, "p", out)
    if finish:
        choice.finish("tool_calls", None, out)
    return out


def item(name: str | None = None, arguments: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"function": {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}, **fields}


def arguments(events: list[StreamEvent]) -> dict[str, str]:
    """Call id → its arguments."""
    ids = {event.block: event.id or "" for event in events if isinstance(event, BlockStart) and event.kind == "tool_use"}
    joined = dict.fromkeys(ids.values(), "")
    for event in events:
        if isinstance(event, ArgumentsDelta):
            joined[ids[event.block]] += event.json
    return joined


def test_interleaved_arguments() -> None:
    """By index; all blocks stay open until the finish."""
    events = calls(item("f", "1", index=0, id="a"), item("g", "2", index=1, id="b"), item(None, "3", index=0), item(None, "4", index=1))
    assert arguments(events) == {"a": "13", "b": "24"}
    assert events[-3:] == [BlockStop(block=0), BlockStop(block=1), Finish(reason="tool_calls")]


def test_deltas_without_index_go_to_the_latest_call() -> None:
    """A new id or name opens the next."""
    assert arguments(calls(item("f", "1", id="a"), item(None, "2"), item("g", "3", id="b"), item(None, "4"))) == {"a": "12", "b": "34"}


def test_one_index_for_several_calls() -> None:
    """Ids of their own tell them apart; the same id repeated does not."""
    assert arguments(calls(item("f", "1", index=0, id="a"), item("g", "2", index=0, id="b"))) == {"a": "1", "b": "2"}
    assert arguments(calls(item("f", "1", index=0, id="a"), item("f", "2", index=0, id="a"))) == {"a": "12"}


def test_name_after_the_first_delta() -> None:
    """The block waits for it, the arguments are kept."""
    events = calls(item(None, "1", index=0, id="a"), item("f", "2", index=0))
    assert events[0] == BlockStart(block=0, kind="tool_use", id="a", name="f")
    assert arguments(events) == {"a": "12"}


def test_id_after_the_first_delta() -> None:
    """Too late for the block: it has been started under an invented one."""
    events = calls(item("f", "1", index=0), item(None, "2", index=0, id="a"))
    assert isinstance(events[0], BlockStart)
    assert events[0].id is not None
    assert events[0].id.startswith("call_")


def test_call_without_a_name_is_refused() -> None:
    """At the finish, when it can no longer come."""
    with pytest.raises(InvalidBody, match="has no name"):
        calls(item(None, "1", index=0, id="a"))


def test_text_ends_the_calls() -> None:
    """And a later delta of theirs is refused, but a new call may take the index."""
    choice = ChoiceDecoder(0, Numbering())
    out: list[StreamEvent] = []
    choice.call(item("f", "1", index=0, id="a"), "p", out)
    choice.text("text", "b", out)
    assert out[2:] == [BlockStop(block=0), BlockStart(block=1, kind="text"), TextDelta(block=1, text="b")]
    with pytest.raises(InvalidBody, match="a call that is over"):
        choice.call(item(None, "2", index=0), "p", out)
    choice.call(item("g", "3", index=0, id="c"), "p", out)
    assert arguments(out) == {"a": "1", "c": "3"}


def test_first_delta_without_anything_to_go_by() -> None:
    """It begins the first call, which what follows names."""
    assert list(arguments(calls(item(None, "1"), item("f", "2"))).values()) == ["12"]


def test_citation_without_text_gets_a_block() -> None:
    """So that it is not lost."""
    choice = ChoiceDecoder(0, Numbering())
    out: list[StreamEvent] = []
    choice.citation({"a": 1}, out)
    assert out == [BlockStart(block=0, kind="text"), CitationDelta(block=0, citation={"a": 1}, dialect="openai_chat")]


def test_second_finish_adds_nothing() -> None:
    """Some servers repeat it."""
    choice = ChoiceDecoder(0, Numbering())
    out: list[StreamEvent] = []
    choice.finish("stop", None, out)
    choice.finish("length", None, out)
    choice.end(out)
    assert out == [Finish(reason="stop")]

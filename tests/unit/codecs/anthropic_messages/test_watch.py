"""The passthrough lane's watcher."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.codecs.anthropic_messages.errors import error_event
from proxy.codecs.anthropic_messages.stream import MessagesStreamDecoder
from proxy.codecs.anthropic_messages.watch import MessagesStreamWatcher
from proxy.codecs.base import InvalidBody, StreamWatcher
from proxy.codecs.sse import sse_event
from proxy.core.errors import ErrorInfo
from proxy.core.events import UsageUpdate

WIRE = Path(__file__).parents[3] / "wire" / "anthropic_messages"
SAMPLES = ["stream_text.sse", "stream_tools.sse", "stream_error.sse"]


def noted(watcher: MessagesStreamWatcher) -> tuple[Any, ...]:
    return (
        watcher.content,
        watcher.complete,
        watcher.ended,
        watcher.error,
        watcher.usage,
        watcher.model,
        watcher.response_id,
        watcher.tool_calls,
        watcher.text_bytes,
        watcher.usage_chunk,
    )


def watch(*chunks: bytes) -> tuple[bytes, MessagesStreamWatcher]:
    watcher = MessagesStreamWatcher()
    return b"".join(watcher.feed(chunk) for chunk in chunks) + watcher.close(), watcher


def event(data: dict[str, Any], *, named: bool = True) -> bytes:
    return sse_event(orjson.dumps(data), data["type"].encode() if named else None)


def test_it_is_a_watcher() -> None:
    """All that the protocol asks for."""
    _: StreamWatcher = MessagesStreamWatcher()
    assert MessagesStreamWatcher().keep_alive() == b'event: ping\ndata: {"type": "ping"}\n\n'
    error = ErrorInfo(status=504, message="slow")
    assert MessagesStreamWatcher().fail(error) == error_event(error)


@pytest.mark.parametrize("name", SAMPLES)
def test_cut_at_every_byte(name: str) -> None:
    """The bytes forwarded are those received, and what is noted is the same, wherever the stream is cut."""
    body = (WIRE / name).read_bytes()
    forwarded, whole = watch(body)
    assert forwarded == body[: body.find(b"event: error") if name == "stream_error.sse" else None]
    for cut in range(len(body) + 1):
        out, watcher = watch(body[:cut], body[cut:])
        assert out == forwarded
        assert noted(watcher) == noted(whole)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(SAMPLES), st.lists(st.integers(0, 4000), max_size=40))
def test_cut_anywhere(name: str, cuts: list[int]) -> None:
    """Likewise for many cuts at once."""
    body = (WIRE / name).read_bytes()
    places = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    out, watcher = watch(*(body[a:b] for a, b in pairwise(places)))
    forwarded, whole = watch(body)
    assert out == forwarded
    assert noted(watcher) == noted(whole)


@pytest.mark.parametrize("name", SAMPLES)
def test_usage_is_the_decoder_s(name: str) -> None:
    """Watching and decoding count alike."""
    body = (WIRE / name).read_bytes()
    updates = [event.usage for event in MessagesStreamDecoder().feed(body) if isinstance(event, UsageUpdate)]
    assert watch(body)[1].usage == updates[-1]


def test_what_is_noted() -> None:
    """Ids, end, calls and the length of the output."""
    _, watcher = watch((WIRE / "stream_tools.sse").read_bytes())
    assert (watcher.response_id, watcher.model) == ("msg_04S", "claude-sonnet-4-5")
    assert (watcher.content, watcher.complete, watcher.ended, watcher.tool_calls) == (True, True, True, True)
    shown = ["Two look-", "ups.", "The hall is red.", '{\\"query\\":\\"hall\\"}', '{\\"parcel\\"', ": 7}"]
    exact = sum(map(len, shown))
    citation = len(
        '{"type":"char_location","cited_text":"red","document_index":0,"document_title":null,"start_char_index":4,"end_char_index'
    )
    assert exact <= watcher.text_bytes <= exact + citation


def test_error_event() -> None:
    """It is noted, not forwarded, nor is anything after it; the stream is not complete."""
    body = (WIRE / "stream_error.sse").read_bytes()
    out, watcher = watch(body, event({"type": "message_stop"}))
    assert out == body[: body.index(b"event: error")]
    assert watcher.error is not None
    assert (watcher.error.type, watcher.complete, watcher.ended) == ("overloaded_error", False, True)


def test_partial_event_is_held_back() -> None:
    """Only whole events go on; a rest at the end belongs to none."""
    body = (WIRE / "stream_text.sse").read_bytes()
    watcher = MessagesStreamWatcher()
    assert watcher.feed(body[:-1]) == body[: body.rindex(b"event: message_stop")]
    assert not watcher.complete
    assert watcher.close() == b""


@pytest.mark.parametrize(
    ("block", "content", "calls"),
    [
        ({"type": "text", "text": ""}, False, False),
        ({"type": "thinking", "thinking": "", "signature": ""}, False, False),
        ({"type": "text", "text": "a"}, True, False),
        ({"type": "tool_use", "id": "t", "name": "f", "input": {}}, True, True),
        ({"type": "redacted_thinking", "data": "d"}, True, False),
        ({"type": "brand_new"}, True, False),
    ],
)
@pytest.mark.parametrize("named", [True, False])
def test_content_begins_with_what_the_client_sees(block: dict[str, Any], content: bool, calls: bool, named: bool) -> None:
    """As `is_content` has it, with event names or without."""
    _, watcher = watch(event({"type": "content_block_start", "index": 0, "content_block": block}, named=named))
    assert (watcher.content, watcher.tool_calls) == (content, calls)


@pytest.mark.parametrize("named", [True, False])
def test_delta_is_content(named: bool) -> None:
    """Its text is counted, a signature's is not."""
    text = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hello"}}
    _, watcher = watch(event(text, named=named))
    assert (watcher.content, watcher.text_bytes) == (True, 5)
    signature = {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "abc"}}
    assert watch(event(signature, named=named))[1].text_bytes == 0
    assert watch(event({"type": "content_block_delta", "index": 0, "delta": {}}, named=named))[1].text_bytes == 0


def test_unnamed_pings_and_stops_say_nothing() -> None:
    """Nor do unknown events."""
    _, watcher = watch(*(event({"type": kind}, named=False) for kind in ("ping", "content_block_stop", "brand_new")))
    assert noted(watcher) == noted(MessagesStreamWatcher())


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"event: message_start\ndata: {\n\n", ""),
        (event({"type": "message_start"}), "message_start.message"),
        (event({"type": "message_start", "message": {"id": 3}}), "message_start.message.id"),
        (event({"type": "message_delta", "usage": []}), "message_delta.usage"),
        (event({"type": "content_block_start"}), "content_block_start.content_block"),
    ],
)
def test_broken_event_names_the_place(body: bytes, path: str) -> None:
    """Of the events that are read."""
    with pytest.raises(InvalidBody) as caught:
        watch(body)
    assert caught.value.path == path

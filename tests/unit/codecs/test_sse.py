"""The SSE parser against the standard, cut anywhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.codecs.base import InvalidBody
from proxy.codecs.sse import SSEEvent, SSEParser, sse_event
from tests.support.openai_samples import cut

STREAM = (
    "\ufeff: hello\n\n"
    "data: {\"a\":\"é🌍\"}\n\n"
    "event: ping\ndata: one\ndata:two\ndata\n\n"
    "id: 7\nretry: 1500\nfoo: bar\ndata:  two spaces\n\n"
    "event: no data\n\n\n\n"
    "event:\ndata: after\n\n"
    ": comment\ndata: x\n\n\n"
    "data: cut off"
).encode()  # fmt: skip
ENDS = {"lf": b"\n", "crlf": b"\r\n", "cr": b"\r"}


def with_ends(name: str) -> bytes:
    return STREAM.replace(b"\n", ENDS[name])


def parse(*chunks: bytes) -> tuple[list[SSEEvent], bytes]:
    parser = SSEParser()
    events = [event for chunk in chunks for event in parser.feed(chunk)]
    return events, parser.close()


@pytest.mark.parametrize("ends", ENDS)
def test_fields_are_read_by_the_standard(ends: str) -> None:
    """Data lines join with LF, one space after the colon goes, an empty type is none, blocks without data are no events."""
    events, _ = parse(with_ends(ends))
    assert [(event.event, event.data) for event in events] == [
        (None, '{"a":"é🌍"}'.encode()),
        (b"ping", b"one\ntwo\n"),
        (None, b" two spaces"),
        (None, b"after"),
        (None, b"x"),
    ]


@pytest.mark.parametrize("ends", ENDS)
def test_raw_bytes_are_all_there(ends: str) -> None:
    """Raw bytes of all events and the leftover are the stream without its byte order mark."""
    events, leftover = parse(with_ends(ends))
    assert b"".join(event.raw for event in events) + leftover == with_ends(ends)[3:]


@pytest.mark.parametrize("ends", ENDS)
def test_comments_go_with_the_following_event(ends: str) -> None:
    """Comments and dataless blocks stand in the raw bytes of the next event."""
    events, _ = parse(with_ends(ends))
    assert events[0].raw.startswith(b": hello")
    assert events[3].raw.startswith(b"event: no data")


@pytest.mark.parametrize("ends", ENDS)
def test_event_without_blank_line_is_leftover(ends: str) -> None:
    """The standard discards it."""
    assert parse(with_ends(ends))[1].endswith(b"data: cut off")


@pytest.mark.parametrize("ends", ENDS)
def test_cut_at_every_byte(ends: str) -> None:
    """Two chunks cut anywhere give the same events, raw bytes included."""
    stream = with_ends(ends)
    whole = parse(stream)
    for place in range(len(stream) + 1):
        assert parse(*cut(stream, place)) == whole, place


@pytest.mark.parametrize("ends", ENDS)
def test_byte_by_byte(ends: str) -> None:
    """So does a chunk for every byte."""
    stream = with_ends(ends)
    assert parse(*(stream[i : i + 1] for i in range(len(stream)))) == parse(stream)


@given(st.lists(st.sampled_from([b"\n", b"\r", b"\r\n", b"data: a", b"data", b": c", b"event: e", b"x"]), max_size=24), st.data())
def test_any_lines_cut_anywhere(pieces: list[bytes], data: st.DataObject) -> None:
    """Mixed line ends too: the same events and, over all, the same bytes."""
    stream = b"".join(pieces)
    places = data.draw(st.lists(st.integers(0, len(stream)), max_size=5))
    whole, rest = parse(stream)
    events, leftover = parse(*cut(stream, *places))
    assert [(e.event, e.data) for e in events] == [(e.event, e.data) for e in whole]
    assert b"".join(e.raw for e in events) + leftover == b"".join(e.raw for e in whole) + rest == stream


def test_bare_cr_stream_does_not_lag() -> None:
    """An event that ends in bare CRs comes out without waiting for the next byte."""
    assert [event.data for event in SSEParser().feed(b"data: a\r\r")] == [b"a"]


def test_crlf_waits_for_its_lf() -> None:
    """The CR of a blank CRLF line alone does not end the event, so that its raw bytes stay whole."""
    parser = SSEParser()
    assert parser.feed(b"data: a\r\n\r") == []
    assert parser.feed(b"\ndata: b") == [SSEEvent(None, b"a", b"data: a\r\n\r\n")]


def test_id_and_retry_are_kept() -> None:
    """`id` with a NUL and `retry` with anything but digits are ignored."""
    parser = SSEParser()
    parser.feed(b"id: 7\nretry: 1500\ndata: x\n\nid: a\0b\nretry: 2s\ndata: y\n\n")
    assert (parser.last_event_id, parser.retry_ms) == (b"7", 1500)


def test_byte_order_mark_in_pieces() -> None:
    """A mark that arrives byte by byte belongs to no event; what only begins like one does."""
    assert parse(b"\xef", b"\xbb", b"\xbfdata: x\n\n") == ([SSEEvent(None, b"x", b"data: x\n\n")], b"")
    assert parse(b"\xef", b"\xbbdata: x\n\n") == ([], b"\xef\xbbdata: x\n\n")


def test_close_before_the_mark_is_decided() -> None:
    """Nothing is lost where the body ends within the first three bytes."""
    assert parse(b"\xef\xbb") == ([], b"\xef\xbb")


@pytest.mark.parametrize("chunks", [[b"data: " + b"x" * 100 + b"\n\n"], [b"data: ", b"x" * 60, b"x" * 60], [b": c\n\n"] * 40])
def test_event_over_its_cap_is_refused(chunks: list[bytes]) -> None:
    """Whether it comes whole, in pieces, or as comments without end."""
    parser = SSEParser(max_event_bytes=80)
    with pytest.raises(InvalidBody, match="80 bytes"):
        for chunk in chunks:
            parser.feed(chunk)


def test_oversized_event_among_others_is_refused() -> None:
    """The cap is an event's, not a chunk's: many small ones pass, the large one does not."""
    small = b"data: x\n\n" * 50
    assert len(SSEParser(max_event_bytes=80).feed(small)) == 50
    with pytest.raises(InvalidBody):
        SSEParser(max_event_bytes=80).feed(small + b"data: " + b"y" * 100 + b"\n\n" + small)


def test_parser_goes_on_after_close() -> None:
    """The leftover is handed out once."""
    parser = SSEParser()
    parser.feed(b"data: a")
    assert (parser.close(), parser.close()) == (b"data: a", b"")


def test_usual_events_one_a_chunk() -> None:
    """The fast path gives what the slow one gives, with and without a type."""
    parser = SSEParser()
    parser.feed(b"data: 0\n\n")
    assert parser.feed(b"data: 1\n\n") == [SSEEvent(None, b"1", b"data: 1\n\n")]
    assert parser.feed(b"event: e\ndata: 2\n\n") == [SSEEvent(b"e", b"2", b"event: e\ndata: 2\n\n")]
    assert parser.feed(b"event: \ndata: 3\n\n") == [SSEEvent(None, b"3", b"event: \ndata: 3\n\n")]
    assert parser.feed(b"event: e\nid: 1\ndata: 4\n\n") == [SSEEvent(b"e", b"4", b"event: e\nid: 1\ndata: 4\n\n")]


@pytest.mark.parametrize(
    ("data", "event", "wire"),
    [
        (b"{}", None, b"data: {}\n\n"),
        (b"{}", b"ping", b"event: ping\ndata: {}\n\n"),
        (b"a\nb\r\nc", None, b"data: a\ndata: b\ndata: c\n\n"),
    ],
)
def test_encoder(data: bytes, event: bytes | None, wire: bytes) -> None:
    """Line ends inside the data become further data lines."""
    assert sse_event(data, event) == wire


@given(st.text(st.characters(exclude_characters="\r", exclude_categories=["Cs"])).filter(lambda text: not text.endswith("\n")))
def test_encoded_event_parses(text: str) -> None:
    """What the encoder writes, the parser reads."""
    events, leftover = parse(sse_event(text.encode(), b"e"))
    assert leftover == b""
    assert [(event.event, event.data) for event in events] == [(b"e", text.encode())]


@pytest.mark.parametrize(
    ("chunk", "data"),
    [
        (b"data: x\n\n", b"x"),
        (b"data: x\n", None),
        (b"data:x\n\n", None),
        (b"data: x\ndata: y\n\n", None),
        (b"event: e\ndata: x\n\n", None),
        (b"data: x\r\n\n", None),
        (b"data: x\n\ndata: y\n\n", None),
        (b": c\n\n", None),
    ],
)
def test_a_lone_event_needs_no_feeding(chunk: bytes, data: bytes | None) -> None:
    """Only the usual form, and only while nothing is buffered."""
    parser = SSEParser()
    parser.feed(b"data: first\n\n")
    assert parser.lone(chunk) == data
    parser.feed(b"data: half")
    assert parser.lone(chunk) is None

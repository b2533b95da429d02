"""AWS event-stream frames, held against botocore's own parser."""

import struct
import uuid
from zlib import crc32

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.codecs.base import InvalidBody
from proxy.codecs.eventstream import EventStreamParser, encode_frame, event_frame, exception_frame, parse_headers

UUID = uuid.UUID("01020304-0506-0708-090a-0b0c0d0e0f10")
ALL_TYPES = b"".join(
    [
        b"\x01a\x00",
        b"\x01b\x01",
        b"\x01c\x02\xff",
        b"\x01d\x03\x80\x00",
        b"\x01e\x04\x00\x00\x00\x07",
        b"\x01f\x05\xff\xff\xff\xff\xff\xff\xff\xfe",
        b"\x01g\x06\x00\x03\x00\x01\x02",
        b"\x01h\x07\x00\x03\xe2\x82\xac",
        b"\x01i\x08\x00\x00\x01\x9a\x00\x00\x00\x00",
        b"\x01j\x09" + UUID.bytes,
    ]
)
"""One header of each of the specification's ten types."""
STREAM = event_frame("messageStart", b'{"role":"assistant"}') + event_frame("x", b"") + exception_frame("y", b"\xff" * 40)


def frame(headers: bytes, payload: bytes = b"", *, total: int | None = None, length: int | None = None) -> bytes:
    """A frame with headers of any form, or with lengths that do not fit."""
    size = 16 + len(headers) + len(payload) if total is None else total
    prelude = struct.pack(">II", size, len(headers) if length is None else length)
    head = prelude + struct.pack(">I", crc32(prelude)) + headers + payload
    return head + struct.pack(">I", crc32(head))


def test_every_header_type_is_read_as_botocore_reads_it() -> None:
    """Booleans, integers of four sizes, bytes, strings, timestamps and UUIDs."""
    (got,) = EventStreamParser().feed(frame(ALL_TYPES, b"p"))
    botocore = EventStreamBuffer()
    botocore.add_data(frame(ALL_TYPES, b"p"))
    (expected,) = botocore
    assert dict(got.headers) == {
        "a": True,
        "b": False,
        "c": -1,
        "d": -32768,
        "e": 7,
        "f": -2,
        "g": b"\x00\x01\x02",
        "h": "€",
        "i": 0x19A00000000,
        "j": UUID.bytes,
    }
    assert dict(got.headers) == expected.headers
    assert got.payload == expected.payload
    assert (got.text("h"), got.text("e"), got.text("none")) == ("€", None, None)


@settings(max_examples=50, derandomize=True, deadline=None)
@given(
    st.lists(
        st.tuples(st.dictionaries(st.text(min_size=1, max_size=20), st.text(max_size=50), max_size=5), st.binary(max_size=200)), max_size=5
    )
)
def test_botocore_reads_what_is_encoded(messages: list[tuple[dict[str, str], bytes]]) -> None:
    """And so does the parser here; the raw bytes are the frames themselves."""
    stream = b"".join(encode_frame(headers, payload) for headers, payload in messages)
    botocore = EventStreamBuffer()
    botocore.add_data(stream)
    assert [(message.headers, message.payload) for message in botocore] == messages
    frames = EventStreamParser().feed(stream)
    assert [(dict(got.headers), got.payload) for got in frames] == messages
    assert b"".join(got.raw for got in frames) == stream


def test_cut_at_every_byte() -> None:
    """The same frames, each as soon as it is whole."""
    whole = EventStreamParser().feed(STREAM)
    assert [got.payload for got in whole] == [b'{"role":"assistant"}', b"", b"\xff" * 40]
    for cut in range(len(STREAM) + 1):
        parser = EventStreamParser()
        assert parser.feed(STREAM[:cut]) + parser.feed(STREAM[cut:]) == whole, cut
        parser.close()
    parser = EventStreamParser()
    assert [got for i in range(len(STREAM)) for got in parser.feed(STREAM[i : i + 1])] == whole


def test_a_half_frame_at_the_end_is_an_error() -> None:
    """Wherever the body ends within a frame."""
    first = len(event_frame("messageStart", b'{"role":"assistant"}'))
    for cut in (1, 11, 12, first - 1, first + 3):
        parser = EventStreamParser()
        parser.feed(STREAM[:cut])
        with pytest.raises(InvalidBody, match="within a frame"):
            parser.close()


def test_every_changed_byte_is_found() -> None:
    """In the prelude, the headers, the payload and the checksums: nothing of such a frame gets through."""
    good = event_frame("messageStop", b'{"stopReason":"end_turn"}')
    for at in range(len(good)):
        bad = good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]
        with pytest.raises(InvalidBody, match="checksum"):
            EventStreamParser().feed(bad)


def test_frames_over_a_cap_are_refused_by_their_prelude() -> None:
    """Before their bytes are gathered."""
    with pytest.raises(InvalidBody, match="exceeds 100 bytes"):
        EventStreamParser(max_frame_bytes=100).feed(frame(b"", total=101)[:12])
    with pytest.raises(InvalidBody, match="exceed 50 bytes"):
        EventStreamParser(max_header_bytes=50).feed(frame(b"", total=100, length=51)[:12])
    assert len(EventStreamParser(max_frame_bytes=66, max_header_bytes=50).feed(frame(b"\x01a\x07\x00\x2d" + b"x" * 45))) == 1


@pytest.mark.parametrize(("total", "length"), [(0, 0), (15, 0), (20, 5), (0, 4)])
def test_impossible_lengths_are_refused(total: int, length: int) -> None:
    """A frame shorter than itself."""
    with pytest.raises(InvalidBody, match="cannot hold"):
        EventStreamParser().feed(frame(b"", total=total, length=length))


@pytest.mark.parametrize(
    "headers",
    [
        b"\x01",
        b"\x00\x00",
        b"\x01a",
        b"\x01a\x0a",
        b"\x01a\x00\x01a\x00",
        b"\x01a\x04\x00",
        b"\x01a\x07\x00\x05abc",
        b"\x01a\x07\x00",
        b"\x01a\x09\x00",
        b"\x01a\x07\x00\x01\xff",
        b"\x01\xff\x00",
    ],
)
def test_malformed_headers_are_refused(headers: bytes) -> None:
    """Overruns, names missing or twice, unknown types, text that is not UTF-8."""
    with pytest.raises(InvalidBody):
        EventStreamParser().feed(frame(headers))


def test_headers_seen_before_stay_right() -> None:
    """They are remembered by their bytes; a caller cannot change what is remembered."""
    parser = EventStreamParser()
    for number in range(60):
        (got,) = parser.feed(event_frame(f"kind-{number % 40}", b""))
        assert got.text(":event-type") == f"kind-{number % 40}"
    with pytest.raises(TypeError):
        got.headers["x"] = "y"  # type: ignore[index]


def test_headers_that_no_frame_can_hold_are_a_mistake() -> None:
    """Names of 1 to 255 bytes, values of at most 32 767."""
    for headers in ({"": "x"}, {"n" * 256: "x"}, {"n": "v" * 32768}):
        with pytest.raises(ValueError, match="too long"):
            encode_frame(headers, b"")
    assert parse_headers(encode_frame({"n" * 255: "v" * 32767}, b"")[12:-4]) == {"n" * 255: "v" * 32767}


@settings(max_examples=100, derandomize=True, deadline=None)
@given(st.lists(st.binary(max_size=80), max_size=6), st.binary(max_size=40))
def test_random_bytes_do_no_harm(chunks: list[bytes], headers: bytes) -> None:
    """InvalidBody or frames; never another exception, never more than a frame kept."""
    parser = EventStreamParser(max_frame_bytes=256)
    try:
        for chunk in chunks:
            parser.feed(chunk)
            assert len(parser._buffer) <= 256
        parser.feed(frame(headers, b"payload"))
    except InvalidBody:
        pass

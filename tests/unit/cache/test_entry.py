"""Entries survive the way through bytes; anything else is a miss."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.cache.entry import FORMAT, CacheEntry, decode
from proxy.core.response import Usage

ENTRY = CacheEntry(
    dialect="anthropic_messages",
    kind="sse",
    body=b"event: message_start\n\n\xff\x00",
    response_id="msg_1",
    created=1_800_000_000,
    model="claude-haiku-4-5",
    provider="anthropic",
    usage=Usage(input_tokens=12, output_tokens=3, reasoning_tokens=1, extra={"service_tier": "standard"}),
    stored_at=1_800_000_000.25,
    content_type="text/event-stream",
)


def test_an_entry_comes_back_as_it_was() -> None:
    """Every field, the body's bytes and the usage included."""
    assert decode(ENTRY.encode()) == ENTRY


def test_optional_fields_may_be_absent() -> None:
    """An answer without usage and creation time."""
    entry = CacheEntry(dialect="gemini", kind="json", body=b"{}", response_id="r", model="m", provider="p", stored_at=1.0)
    assert decode(entry.encode()) == entry


def test_the_first_byte_is_the_format() -> None:
    """So that another release knows what it looks at."""
    assert ENTRY.encode()[0] == FORMAT


def test_fields_of_a_later_release_are_ignored() -> None:
    """New optional fields need no new format."""
    later = msgspec.msgpack.decode(ENTRY.encode()[1:]) | {"labels_of_later": ["a"]}
    assert decode(bytes((FORMAT,)) + msgspec.msgpack.encode(later)) == ENTRY


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes((FORMAT,)),
        bytes((FORMAT + 1,)) + ENTRY.encode()[1:],
        b"\x00" + ENTRY.encode()[1:],
        ENTRY.encode()[:-1],
        ENTRY.encode() + b"\x00",
        b'{"content": "hello", "tokens": null}',
        bytes((FORMAT,)) + msgspec.msgpack.encode({"dialect": "openai_chat"}),
        bytes((FORMAT,)) + msgspec.msgpack.encode("entry"),
        bytes((FORMAT,)) + b"\x91" * 100_000,
    ],
)
def test_what_is_no_entry_is_a_miss(data: bytes) -> None:
    """Unknown formats, cut or foreign bytes, missing fields, absurd nesting: None, no exception."""
    assert decode(data) is None


@given(st.binary(max_size=200), st.booleans())
def test_no_bytes_raise(data: bytes, with_format: bool) -> None:
    """Whatever somebody wrote under our key."""
    decode(bytes((FORMAT,)) + data if with_format else data)


@given(st.integers(0, len(ENTRY.encode()) - 1), st.integers(0, 255))
def test_no_flipped_byte_raises(position: int, value: int) -> None:
    """One byte changed gives an entry or a miss."""
    data = bytearray(ENTRY.encode())
    data[position] = value
    decode(bytes(data))


def test_age_counts_from_storing_and_is_never_negative() -> None:
    """A replica's clock may run a little ahead."""
    assert ENTRY.age_s(1_800_000_010.25) == 10.0
    assert ENTRY.age_s(1_700_000_000.0) == 0.0


def test_the_size_grows_with_the_body() -> None:
    """And covers what surrounds it."""
    bigger = msgspec.structs.replace(ENTRY, body=ENTRY.body + b"x" * 1000)
    assert bigger.size - ENTRY.size == 1000
    assert ENTRY.size > len(ENTRY.encode())


def test_entries_are_frozen() -> None:
    """Shared by all readers of L1."""
    with pytest.raises(AttributeError):
        ENTRY.model = "other"  # type: ignore[misc]


def test_what_was_lost_is_kept_with_the_answer() -> None:
    """Of the request and of the answer."""
    entry = msgspec.structs.replace(ENTRY, dropped=("response.logprobs", "seed"))
    assert decode(entry.encode()) == entry

"""What a follower makes of each answer."""

from typing import Any

import pytest

from proxy.cache.entry import CacheEntry
from proxy.cache.flight import Flight
from proxy.cache.sharing import wire
from proxy.cache.sharing.follow import AHEAD_BYTES, CHECK_S, SILENCE_S, TELL_S, Follow
from proxy.core.errors import StreamTruncated, Unavailable

ENTRY = CacheEntry(dialect="d", kind="json", body=b"{}", response_id="r", model="m", provider="p", stored_at=1.0, dropped=("x",))
TOKEN = b"leader.1"


def follow() -> Follow:
    return Follow(b"k" * 32, TOKEN.decode(), Flight(), 0.0)


def piece(number: int, frames: bytes = b"", end: wire.End | None = None) -> list[Any]:
    fields = ([b"f", frames] if frames else []) + ([] if end is None else [b"e", wire.encode(end)])
    return [b"%d-0" % number, fields]


def test_pieces_in_order_are_published() -> None:
    """Across reads."""
    made = follow()
    made.read([piece(1, b"a"), piece(2, b"b")])
    made.read([])
    made.read([piece(3, b"c")])
    assert (made.flight.body(), made.fetched, made.over) == (b"abc", 3, False)


def test_the_end_lands_it() -> None:
    """A whole answer brings its target."""
    made = follow()
    made.read([piece(1, end=wire.End(entry=ENTRY.encode()))])
    assert made.over
    assert made.flight.landed is not None
    assert made.flight.landed.entry == ENTRY
    assert (made.flight.provider, made.flight.model, made.flight.dropped) == ("p", "m", ["x"])


def test_an_answer_too_large_to_keep_lands_without_it() -> None:
    """Its frames have passed."""
    made = follow()
    made.read([piece(1, b"a"), piece(2, end=wire.End(framed=True, tail=b"t"))])
    assert made.flight.landed is not None
    assert (made.flight.landed.entry, made.flight.landed.tail) == (None, b"t")


def test_a_leader_that_shuts_down_is_lost() -> None:
    """With its error for who has shown content; everybody else looks again, and may have the lease."""
    made = follow()
    made.read([piece(1, b"a"), piece(2, end=wire.End(error=Unavailable("down", code="shutting_down").info(), lost=True))])
    assert made.flight.error is not None
    assert (made.flight.error.code, made.flight.lost, made.flight.handover) == ("shutting_down", True, False)


def test_nothing_after_the_end_counts() -> None:
    """Whoever wrote it."""
    made = follow()
    made.read([piece(1, end=wire.End(handover=True)), piece(2, b"more")])
    assert made.flight.handover
    assert made.flight.body() == b""


def test_a_missing_piece_ends_a_stream_that_has_begun() -> None:
    """Truthfully: nothing after the gap is shown."""
    made = follow()
    made.read([piece(1, b"a"), piece(3, b"c")])
    assert isinstance(made.flight.error, StreamTruncated)
    assert made.flight.error.code == "reader_fell_behind"
    assert made.flight.body() == b"a"
    assert not made.beginning_gone


def test_a_missing_beginning_is_no_error_yet() -> None:
    """Nothing was shown: a call of one's own."""
    made = follow()
    made.read([piece(2, b"b")])
    assert made.beginning_gone
    assert made.flight.handover


def test_what_cannot_be_read_counts_as_lost() -> None:
    """Another release's stream."""
    made = follow()
    made.read([[b"1-0", [b"e", b"?"]]])
    assert made.flight.lost


def test_a_beat_that_stops_ends_it_after_one_more_read() -> None:
    """The end may have been written before the leader died."""
    made = follow()
    made.checked(TOKEN, b"1")
    made.checked(TOKEN, None)
    assert not made.over
    assert made.wants_read()
    made.read([piece(1, b"a")])
    assert made.wants_read()
    made.read([piece(2, end=wire.End(framed=True, tail=b""))])
    assert made.flight.landed is not None


def test_a_read_sent_before_the_beat_stopped_proves_nothing() -> None:
    """Another one is made."""
    made = follow()
    made.read([piece(1, b"a")])
    assert made.wants_read()
    made.checked(TOKEN, b"1")
    made.checked(TOKEN, None)
    made.read([])
    assert not made.over
    assert made.wants_read()
    made.read([])
    assert made.flight.lost
    assert made.flight.error is not None
    assert made.flight.error.code == "stream_truncated"


def test_a_beat_that_was_never_seen_is_looked_for_twice() -> None:
    """Soon."""
    made = follow()
    assert made.wants_check(0.0)
    assert not made.wants_check(CHECK_S)  # is on its way
    made.checked(TOKEN, None)
    made.read([])
    assert made.wants_check(0.01)
    made.checked(TOKEN, None)
    assert not made.wants_check(1.0)
    assert made.wants_read()
    made.read([])
    assert made.flight.lost


@pytest.mark.parametrize("lease", [None, b"other.1"])
def test_a_lease_that_is_gone_is_looked_at_twice(lease: bytes | None) -> None:
    """What the call ended with may be about to be published."""
    made = follow()
    assert made.wants_check(0.0)
    made.checked(lease, b"1")
    made.checked(TOKEN, b"1")
    made.checked(lease, b"1")
    assert not made.wants_check(CHECK_S / 2)
    assert made.wants_check(CHECK_S)
    made.checked(lease, b"1")
    made.wants_read()
    made.read([])
    assert made.flight.lost


def test_one_read_is_under_way_at_a_time() -> None:
    """A slow Redis is not asked again before it has answered."""
    made = follow()
    assert [made.wants_read() for _ in range(2)] == [True, False]
    made.read([piece(1, b"a")])
    assert made.wants_read()
    made.unread(0.0)
    assert made.wants_read()


async def test_no_more_is_fetched_than_readers_take() -> None:
    """The rest waits in Redis."""
    made = follow()
    reader = made.flight.join()
    made.read([piece(1, bytes(AHEAD_BYTES + 1))])
    assert not made.wants_read()
    await reader.next()
    assert made.wants_read()


def test_the_leader_is_told_by_the_clock_and_by_the_amount() -> None:
    """It may be waiting for its followers to have fetched."""
    made = follow()
    assert [made.wants_tell(at) for at in (0.0, TELL_S / 2, TELL_S, TELL_S * 1.5)] == [True, False, True, False]
    made.read([piece(1, bytes(AHEAD_BYTES // 4))])
    assert made.wants_tell(TELL_S * 1.5)
    assert not made.wants_tell(TELL_S * 1.5)


def test_silence_is_borne_for_a_while() -> None:
    """From the first question without an answer; an answer of the same kind ends it."""
    made = follow()
    made.unread(10.0)
    made.unread(9.9 + SILENCE_S)
    made.read([])
    made.unread(20.0)
    assert not made.over
    made.unread(20.1 + SILENCE_S)
    assert made.flight.lost


def test_a_leader_whose_life_cannot_be_asked_for_lives_while_it_writes() -> None:
    """Its beat is at a node that is gone, its stream at another."""
    made = follow()
    made.unchecked(10.0)
    made.read([piece(1, b"a")])
    made.unchecked(10.1 + SILENCE_S)
    made.read([])
    assert not made.over
    made.unchecked(10.3 + 2 * SILENCE_S)
    assert made.flight.lost


def test_a_redis_that_is_not_asked_is_not_waited_for() -> None:
    """Unless content was shown."""
    made, shown = follow(), follow()
    shown.read([piece(1, b"a")])
    for one in (made, shown):
        one.shut_off(1.0)
    assert (made.flight.handover, shown.over) == (True, False)
    shown.shut_off(1.1 + SILENCE_S)
    assert shown.flight.lost

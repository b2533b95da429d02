"""Names, messages and errors as they stand in Redis."""

import pytest

from proxy.cache.entry import CacheEntry
from proxy.cache.sharing import wire
from proxy.core.errors import BadRequest, EdgeError, Forbidden, ProviderRejected, StreamTruncated, Unavailable, UpstreamTimeout

KEY = bytes(range(32))
ENTRY = CacheEntry(dialect="d", kind="sse", body=b"abc", response_id="r", model="m", provider="p", stored_at=1.0)


def test_each_name_has_one_hash_tag_and_the_format() -> None:
    """So that a script runs in one slot of a cluster, and purging the cache (`le1:`) purges no lease."""
    names = wire.Names("x:")
    found = [names.lease(KEY), names.stream(KEY, "a.1"), names.beat("a"), names.inbox("a")]
    assert found == [f"x:fl1:{{{KEY.hex()}}}:lease", f"x:fl1:{{{KEY.hex()}}}:a.1", "x:fl1:{a}:beat", "x:fl1:{a}:inbox"]


def test_a_token_names_its_process() -> None:
    """Which is where wants go."""
    assert wire.process_of("abc.12") == "abc"


def test_pieces_come_back_as_they_were_written() -> None:
    """Frames, head and end, in whichever order."""
    head, end = wire.Head("p", "m", ("tools",)), wire.End(entry=ENTRY.encode(), tail=b"t")
    reply = [[b"1-0", [b"f", b"abc", b"h", wire.encode(head)]], [b"2-0", [b"e", wire.encode(end)]]]
    assert wire.decode_pieces(reply) == [wire.Piece(1, b"abc", head), wire.Piece(2, b"", None, end)]


@pytest.mark.parametrize(
    "reply", [None, 7, [[b"x-0", []]], [[b"1-0", [b"f"]]], [[b"1-0", [b"h", b"\xc1"]]], [[b"1-0", [b"e", b"text"]]], [b"1-0"], [[None, []]]]
)
def test_what_no_leader_wrote_is_unreadable(reply: object) -> None:
    """Another program's stream, or another release's."""
    with pytest.raises(wire.Unreadable):
        wire.decode_pieces(reply)


def test_wants_come_back_and_nonsense_does_not() -> None:
    """A stranger's message is passed over."""
    want = wire.Want(KEY, "a.1", "b", 7, leaving=True)
    assert wire.decode_want(wire.encode(want)) == want
    assert [wire.decode_want(data) for data in (b"", b"\xc1", b"text", None, wire.encode(wire.Head("p", "m")))] == [None] * 5


def test_an_end_gives_the_entry_with_its_body() -> None:
    """From the frames where it is in them."""
    whole = wire.End(entry=ENTRY.encode())
    assert whole.landed(None) == ENTRY
    framed = wire.End(entry=ENTRY.encode(), framed=True)
    found = framed.landed(b"frames")
    assert found is not None
    assert found.body == b"frames"
    assert framed.landed(None) is None
    assert wire.End(framed=True).landed(b"frames") is None
    assert wire.End(entry=b"\xffother format").landed(None) is None


@pytest.mark.parametrize(
    "error",
    [
        StreamTruncated("broke"),
        UpstreamTimeout("late"),
        ProviderRejected(BadRequest("no", param="x").info()),
        Unavailable("later", retry_after_s=3.0),
        Forbidden("no", code="odd", param="model", type="t"),
    ],
)
def test_an_error_means_the_same_at_another_process(error: EdgeError) -> None:
    """Everything that a client or a log can see of it."""
    assert wire.revived(error.info()).info() == error.info()
    assert wire.revived(error.info()).blame == error.info().blame or isinstance(error, ProviderRejected)

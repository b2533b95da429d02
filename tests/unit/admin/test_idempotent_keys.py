"""POSTs that make keys, sent twice (over a socket: test_api_keys.py)."""

import pytest

from proxy.admin.idempotent_keys import Idempotent
from proxy.core.errors import BadRequest, Conflict, IdempotencyMismatch
from proxy.storage.issue import new_key
from proxy.storage.records_memory import MemoryRecords

OLD, NEW = b"o" * 32, b"n" * 32


def once(records: MemoryRecords, *secrets: bytes, body: object = None, owner: str = "a", route: str = "/r") -> Idempotent:
    return Idempotent(records, secrets, owner, route, b"key", body)


async def test_what_was_promised_is_made_again_after_a_crash() -> None:
    """The promise was written, the key was not."""
    records = MemoryRecords()
    assert await once(records, OLD).before(False) is None
    again = once(records, OLD)
    assert await again.before(False) is None
    key, record = new_key(OLD, 0.0, random=again.random)
    await records.create(record)
    assert await once(records, OLD).before(False) == (key, record)


async def test_a_new_signing_secret_does_not_change_the_answer() -> None:
    """While the one before it is still good; afterwards it can't be told any more."""
    records = MemoryRecords()
    first = once(records, OLD)
    await first.before(False)
    key, record = new_key(OLD, 0.0, random=first.random)
    await records.create(record)
    assert await once(records, NEW, OLD).before(False) == (key, record)
    with pytest.raises(Conflict, match="rotate it"):
        await once(records, NEW).before(False)


async def test_a_promise_of_another_secret_is_not_kept() -> None:
    """Its key was never made, and would have another id now."""
    records = MemoryRecords()
    await once(records, OLD).before(False)
    with pytest.raises(Conflict, match="another signing secret"):
        await once(records, NEW).before(False)


async def test_what_sets_them_apart() -> None:
    """The body is part of what was asked, owner and route are part of the name."""
    records = MemoryRecords()
    await once(records, OLD, body={"a": 1, "b": 2}).before(False)
    await once(records, OLD, body={"b": 2, "a": 1}).before(False)
    with pytest.raises(IdempotencyMismatch):
        await once(records, OLD, body={"a": 2}).before(False)
    assert len({once(records, OLD, owner=o, route=r).random for o, r in (("a", "/r"), ("b", "/r"), ("a", "/s"))}) == 3


@pytest.mark.parametrize("header", [b"", b"x" * 256, b"a\x7f", "ä".encode()])
def test_keys_that_are_none(header: bytes) -> None:
    """1 to 255 printable ASCII characters."""
    with pytest.raises(BadRequest):
        Idempotent(MemoryRecords(), (OLD,), "a", "/r", header, None)

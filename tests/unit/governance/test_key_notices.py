"""Who hears of a changed key (over two processes: tests/contract/test_contract_i_revocation.py)."""

import asyncio

from proxy.governance.key_notices import BoardNotices, follow
from proxy.governance.keys import SignedKeys
from proxy.storage.hot.board import LocalBoard
from proxy.storage.issue import new_key
from proxy.storage.records_memory import MemoryRecords
from tests.support.clock import FakeClock

SECRET = b"s" * 32


class World:
    def __init__(self) -> None:
        self.clock, self.records = FakeClock(), MemoryRecords()
        self.board = LocalBoard(self.clock)
        self.notices = BoardNotices(self.board, 10.0)
        self.signed = SignedKeys(SECRET, self.records, 600.0, clock=self.clock)

    async def known(self) -> tuple[str, str]:
        key, record = new_key(SECRET, 0.0)
        await self.records.create(record)
        await self.signed.verify(key)
        return record.key_id, key


async def test_a_notice_drops_its_key_alone() -> None:
    """Each time that it changes."""
    world = World()
    end = follow(world.board, world.signed)
    (key_id, key), (_, other) = await world.known(), await world.known()
    for version in (2, 3):
        world.notices.changed(key_id, version)
        await asyncio.sleep(0)
        assert world.signed.peek(key) is None
        assert world.signed.peek(other) is not None
        await world.signed.verify(key)
    end()
    world.notices.changed(key_id, 4)
    await asyncio.sleep(0)
    assert world.signed.peek(key) is not None
    await world.board.close()


async def test_many_changes_are_one_notice() -> None:
    """It drops all."""
    world = World()
    follow(world.board, world.signed)
    _, key = await world.known()
    world.notices.all_changed(world.clock.time())
    await asyncio.sleep(0)
    assert world.signed.peek(key) is None
    await world.board.close()


async def test_a_gap_drops_all() -> None:
    """Nobody knows what was missed."""
    world = World()
    follow(world.board, world.signed)
    _, key = await world.known()
    world.board._gap()
    await asyncio.sleep(0)
    assert world.signed.peek(key) is None
    await world.board.close()

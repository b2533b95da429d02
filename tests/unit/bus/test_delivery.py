"""What a spool holds arrives, also after outages and for the dead."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from proxy.bus.delivery import AT_ONCE, Delivery
from proxy.bus.spool import Spool
from proxy.core.errors import Unavailable
from proxy.core.tasks import TaskSupervisor
from tests.support.eventually import eventually


class Store:
    def __init__(self) -> None:
        self.down = False
        self.got: list[bytes] = []

    async def deliver(self, payloads: Sequence[bytes]) -> None:
        if self.down:
            raise Unavailable("down")
        self.got += payloads


@asynccontextmanager
async def tasks() -> AsyncIterator[TaskSupervisor]:
    supervisor = TaskSupervisor()
    try:
        yield supervisor
    finally:
        await supervisor.close()


def made(spool: Spool, store: Store, **more: float) -> Delivery:
    return Delivery(spool, store.deliver, **more)


async def test_everything_that_is_there_is_delivered(tmp_path: Path) -> None:
    """Also more than goes at once."""
    spool, store = Spool(tmp_path), Store()
    for n in range(1203):
        spool.end(str(n), b"%d" % n)
    assert await made(spool, store).flush()
    assert store.got == [b"%d" % n for n in range(1203)]
    assert spool.close() == 0


async def test_a_delivery_ends_though_more_comes(tmp_path: Path) -> None:
    """What came while it was under way is for the next one: under load there is always more."""
    spool, counts = Spool(tmp_path), []

    async def deliver(payloads: Sequence[bytes]) -> None:
        counts.append(len(payloads))
        for payload in payloads:
            spool.end("more", b"after " + payload)

    delivery = Delivery(spool, deliver)
    spool.end_all([(str(n), b"%d" % n) for n in range(3)])
    assert await delivery.flush()
    assert counts == [3]
    assert await delivery.flush()
    assert counts == [3, 3]
    batch = spool.recent()
    assert batch is not None
    assert batch.payloads == [b"after after %d" % n for n in range(3)]


async def test_a_delivery_rests_between_its_portions(tmp_path: Path) -> None:
    """Its thread is in the way of the requests; but nobody who flushes waits for that."""
    spool, store = Spool(tmp_path), Store()
    spool.end_all([(str(n), b"%d" % n) for n in range(1203)])
    delivery = made(spool, store, between_s=3600.0)
    async with tasks() as running:
        delivery.start(running)
        await eventually(lambda: len(store.got) == AT_ONCE)
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(store.got) == AT_ONCE
        flushes = [asyncio.ensure_future(delivery.flush()) for _ in range(2)]
        flushes[0].cancel()
        assert await flushes[1]
        assert store.got == [b"%d" % n for n in range(1203)]
        spool.end_all([(str(n), b"%d" % n) for n in range(501)])
        await eventually(lambda: len(store.got) == 1203 + AT_ONCE)
        assert spool.behind


async def test_what_failed_is_delivered_from_the_disk(tmp_path: Path) -> None:
    """In its order, with what came meanwhile behind it."""
    spool, store = Spool(tmp_path), Store()
    store.down = True
    spool.end_all([(str(n), b"%d" % n) for n in range(700)])
    assert not await made(spool, store).flush()
    spool.end("more", b"more")
    store.down = False
    assert await made(spool, store).flush()
    assert store.got == [*(b"%d" % n for n in range(700)), b"more"]
    assert spool.close() == 0


async def test_an_outage_is_waited_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is said once."""
    spool, store = Spool(tmp_path), Store()
    delivery = made(spool, store)
    store.down = True
    spool.end("1", b"one")
    assert not await delivery.flush()
    assert not await delivery.flush()
    assert delivery.waiting
    assert [record.message for record in caplog.records] == ["records wait in the spool"]
    store.down = False
    async with tasks() as running:
        delivery.start(running)
        await eventually(lambda: store.got == [b"one"])
        await eventually(lambda: not delivery.waiting)
        spool.end("2", b"two")
        await eventually(lambda: store.got == [b"one", b"two"])


async def test_the_dead_are_adopted(tmp_path: Path) -> None:
    """Their records first, then what they had begun; not while the store is down."""
    dead, store = Spool(tmp_path), Store()
    dead.end("1", b"one")
    dead.begin("2", b"two")
    assert dead._lock is not None
    os.close(dead._lock)
    delivery = made(Spool(tmp_path), store)
    store.down = True
    assert await delivery.adopt() == 0
    store.down = False
    assert await delivery.adopt() == 1
    assert store.got == [b"one", b"two"]
    assert await delivery.adopt() == 0


async def test_adoption_goes_on(tmp_path: Path) -> None:
    """A process that dies later is found."""
    store = Store()
    async with tasks() as running:
        made(Spool(tmp_path), store, adopt_every_s=0.02).start(running)
        await asyncio.sleep(0)
        dead = Spool(tmp_path)
        dead.end("1", b"one")
        assert dead._lock is not None
        os.close(dead._lock)
        await eventually(lambda: store.got == [b"one"])


async def test_catching_up_is_not_done_while_anything_of_the_dead_is_missing(tmp_path: Path) -> None:
    """They are looked for once; what came later is flushed."""
    dead, store = Spool(tmp_path), Store()
    dead.begin("1", b"one")
    os.close(dead._lock)  # type: ignore[arg-type]
    spool = Spool(tmp_path)
    delivery = made(spool, store)
    store.down = True
    assert not await delivery.catch_up()
    store.down = False
    assert await delivery.catch_up()
    assert store.got == [b"one"]
    spool.end("2", b"two")
    assert await delivery.catch_up()
    assert store.got == [b"one", b"two"]

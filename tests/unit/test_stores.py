"""Opening what the settings name."""

import asyncio
from typing import Any

import pytest

from proxy.cache.marks import PurgeMarks
from proxy.cache.meter import NullMeter
from proxy.core.clock import SystemClock
from proxy.core.errors import Unavailable
from proxy.core.lifecycle import Lifecycle
from proxy.core.tasks import TaskSupervisor
from proxy.settings import Settings
from proxy.storage.hot.board import LocalBoard
from proxy.storage.issue import new_key, signing_secret
from proxy.storage.open import open_records
from proxy.storage.records_memory import MemoryRecords
from proxy.storage.responses import ResponseRecord
from proxy.storage.responses_memory import MemoryResponses
from proxy.storage.shared import outdated
from proxy.stores import (
    Closers,
    await_schema,
    hold_for_schema,
    keep_last_used,
    open_cache,
    open_flights,
    open_keyring,
    purge_responses,
    share_marks,
)
from proxy.telemetry.gauges import StoreSize
from proxy.telemetry.metrics import Metrics
from tests.support.eventually import eventually
from tests.support.valkey import Valkey, free_port


def settings(**sections: Any) -> Settings:
    return Settings.of(
        **{
            "auth": {"static_keys": ["static-key-1"]},
            "providers": {"echo": {"kind": "echo"}},
            "stores": {"records": "memory://"},
            **sections,
        }
    )


async def opened(config: Settings) -> tuple[bool, bool]:
    """(L1 there, L2 there) of the cache that the settings ask for."""
    tasks, closers = TaskSupervisor(), Closers()
    cache = await open_cache(config, clock=SystemClock(), tasks=tasks, meter=NullMeter(), closers=closers)
    status = cache.status()
    for closer in closers:
        await closer()
    await tasks.close()
    return status.l1_enabled, status.l2_configured


async def test_the_tiers_that_are_configured_are_opened() -> None:
    """L2 where there is a Redis; nothing where the cache is off."""
    with Valkey() as valkey:
        there = {"records": "memory://", "redis": valkey.url}
        assert await opened(settings()) == (True, False)
        assert await opened(settings(stores=there)) == (True, True)
        assert await opened(settings(stores=there, cache={"enabled": False})) == (False, False)


@pytest.mark.parametrize(
    ("wanted", "shared"), [({}, True), ({"single_flight": {"shared": False}}, False), ({"l2": {"enabled": False}}, False)]
)
async def test_flights_are_shared_over_the_redis_of_l2(wanted: dict[str, Any], shared: bool) -> None:
    """Unless the settings say otherwise, or there is none."""
    tasks, closers, clock = TaskSupervisor(), Closers(), SystemClock()
    with Valkey() as valkey:
        config = settings(stores={"records": "memory://", "redis": valkey.url}, cache=wanted)
        cache = await open_cache(config, clock=clock, tasks=tasks, meter=NullMeter(), closers=closers)
        flights = open_flights(config, cache, clock=clock, tasks=tasks, meter=Metrics(), closers=closers)
        assert (flights.shared is not None) == shared
        for closer in reversed(closers):
            await closer()
        await tasks.close()


async def test_a_redis_that_is_down_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    """The gateway starts; the address is named without its password."""
    url = f"redis://:hush@127.0.0.1:{free_port()}"
    assert await opened(settings(stores={"records": "memory://", "redis": url})) == (True, True)
    (record,) = [r for r in caplog.records if "L2 cache is not reachable" in r.getMessage()]
    assert "hush" not in str(vars(record))


async def test_static_and_signed_keys_open_the_same_door() -> None:
    """The store's own signing secret is made on first use and stays."""
    records, clock = MemoryRecords(), SystemClock()
    keyring, signed = await open_keyring(settings(), records=records, clock=clock)
    key, record = new_key(await signing_secret(records, None), 0.0)
    await records.create(record)
    assert signed is not None
    assert [await keyring.verify(k) is not None for k in ("static-key-1", key, "nonsense")] == [True, True, False]
    again, _ = await open_keyring(settings(auth={"static_keys": ["other-key-12"]}), records=records, clock=clock)
    assert [await again.verify(k) is not None for k in ("static-key-1", key)] == [False, True]


async def test_last_use_is_written_back_at_the_end() -> None:
    """Of keys signed with a configured secret, too: an older installation's keep working."""
    records, tasks = MemoryRecords(), TaskSupervisor()
    secret = "a-signing-secret-of-32-characters"
    keyring, signed = await open_keyring(settings(auth={"signing_secret": secret}), records=records, clock=SystemClock())
    assert signed is not None
    key, record = new_key(secret.encode(), 0.0)
    await records.create(record)
    tasks.start(keep_last_used(signed), name="keys-last-used", endless=True)
    assert await keyring.verify(key) is not None
    await asyncio.sleep(0)
    await tasks.close()
    stored = await records.get(record.key_id)
    assert stored is not None
    assert stored.last_used is not None


async def test_a_store_that_cannot_give_the_secret_is_said() -> None:
    """Not an empty keyring that answers 401 to everybody."""
    with pytest.raises(Unavailable):
        await open_keyring(settings(), records=open_records("postgresql://db.test/edge"), clock=SystemClock())


async def test_the_size_of_l2_is_kept_up_to_date() -> None:
    """Entries and bytes, as the server counts them."""
    with Valkey() as valkey:
        tasks, closers, size = TaskSupervisor(), Closers(), StoreSize()
        config = settings(stores={"records": "memory://", "redis": valkey.url})
        valkey.command("SET", "x", "y")
        await open_cache(config, clock=SystemClock(), tasks=tasks, meter=NullMeter(), closers=closers, l2_size=size)
        await eventually(lambda: size.entries == 1 and bool(size.bytes))
        await tasks.close()
        for closer in closers:
            await closer()


async def test_expired_answers_are_purged_now_and_then() -> None:
    """A store that is down is asked again the next time."""
    tasks, responses = TaskSupervisor(), MemoryResponses()
    record = ResponseRecord(
        response_id="r", tenant="t", key_id="k", asked="m", provider="p", model="m", at_provider=True, created_at=1.0, expires_at=2.0
    )
    await responses.put(record)
    responses.fail(True)
    tasks.start(purge_responses(responses, SystemClock(), every_s=0.01), name="responses-purge", endless=True)
    await asyncio.sleep(0.05)
    assert len(responses) == 1
    responses.fail(False)
    await eventually(lambda: len(responses) == 0)
    await tasks.close()


async def test_a_purge_of_one_process_is_every_process_s() -> None:
    """By the board; what another version says there is passed over."""
    board = LocalBoard(SystemClock())
    here, there = PurgeMarks(), PurgeMarks()
    share_marks(here, board)
    share_marks(there, board)
    here.mark("tag", "eu", 100.0)
    await eventually(lambda: there.marks == {"tag:eu": 100.0})
    board.put("purge:x", b"nonsense", 5.0)
    await eventually(lambda: board.get("purge:x") is not None)
    assert there.marks == {"tag:eu": 100.0}
    await board.close()


async def test_a_purge_lasts_as_long_as_what_it_hides() -> None:
    """Else purged answers would come back."""
    week = 7 * 86_400
    tasks, closers = TaskSupervisor(), Closers()
    settings = Settings.of(providers={"echo": {"kind": "echo"}}, cache={"l1": {"ttl_s": week}, "stale_s": 60})
    cache = await open_cache(settings, clock=SystemClock(), tasks=tasks, meter=NullMeter(), closers=closers)
    assert cache.marks.keep_s == week + 60
    await tasks.close()


class OldSchema(MemoryRecords):
    """Answers `ping` as a store of an earlier release does, `times` often."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    async def ping(self) -> None:
        self.times -= 1
        if self.times >= 0:
            raise outdated("schema 1", "schema 2")
        await super().ping()


async def test_an_old_schema_is_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    """Said once, with what to run; then it is ready."""
    released: list[bool] = []
    await await_schema(OldSchema(3), lambda: released.append(True), every_s=0.001)
    assert released == [True]
    assert [record.message for record in caplog.records] == ["not ready: the record store must be upgraded"]


async def test_a_store_that_is_down_holds_nobody_back(caplog: pytest.LogCaptureFixture) -> None:
    """Static keys work."""
    records, released = MemoryRecords(), list[bool]()
    records.fail(True)
    await await_schema(records, lambda: released.append(True))
    assert released == [True]
    assert "does not answer" in caplog.text


async def test_only_shared_stores_are_held_for() -> None:
    """The others do it by themselves."""
    for url, waits in (("memory://", 0), ("postgresql://h/x", 1)):
        life, tasks = Lifecycle(), TaskSupervisor()
        config = settings(stores={"records": url}, auth={"static_keys": ["static-key-1"], "signing_secret": "s" * 32})
        hold_for_schema(config, OldSchema(10**6), tasks, life)
        assert (len(life.waits_for), len(tasks)) == (waits, waits)
        life.mark_ready()
        assert life.is_ready is not bool(waits)
        await tasks.close()

"""Shared stores that are killed, stalled, cut off or refuse: always 503 in time, never a missing record, and healed without a restart."""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest

from proxy.core.errors import BadRequest, Unavailable
from proxy.storage.open import open_overlays, open_plans, open_records, open_responses
from proxy.storage.overlays import Overlays
from proxy.storage.plans import Plan
from proxy.storage.records import KeyRecord, KeyRecords
from proxy.storage.responses import ResponseRecord
from proxy.storage.upgrade import upgrade
from tests.support import moto
from tests.support.postgres import Postgres

TIMEOUT_S = 1.5
KEY = KeyRecord(key_id="lek_a", tenant="t", key_hash="0" * 64, created_at=1.0)
PLAN = Plan(usage_id="u", entity_type="USER", entity_id="ann", created_at=1.0)
ANSWER = ResponseRecord(
    response_id="r", tenant="t", key_id="k", asked="m", provider="p", model="m", at_provider=True, created_at=1.0, expires_at=9e9
)

pytestmark = pytest.mark.timeout(180)


class Victim:
    """A server of its own, with an upgraded store."""

    def __init__(self, server: Postgres | moto.Moto) -> None:
        self.server = server
        self.url = server.database(timeout_ms=int(TIMEOUT_S * 1e3)) if isinstance(server, Postgres) else ""
        if isinstance(server, moto.Moto):
            self.url = server.url(timeout_ms=int(TIMEOUT_S * 1e3))

    async def restart(self) -> None:
        self.server.start()
        if isinstance(self.server, moto.Moto):
            await upgrade(self.url)  # its data went with it


@pytest.fixture(scope="module", params=["postgres", "dynamodb"])
def victim(request: pytest.FixtureRequest) -> Iterator[Victim]:
    with pytest.MonkeyPatch.context() as patch, Postgres() if request.param == "postgres" else moto.Moto() as server:
        for name, value in moto.ENVIRONMENT.items():
            patch.setenv(name, value)
        made = Victim(server)
        asyncio.run(upgrade(made.url))
        yield made


@pytest.fixture
async def records(victim: Victim) -> AsyncIterator[KeyRecords]:
    opened = open_records(victim.url)
    if await opened.get("lek_a") is None:
        await opened.create(KEY)
    yield opened
    await opened.aclose()


async def becomes_true(condition: Callable[[], Awaitable[bool]], *, within_s: float) -> None:
    async with asyncio.timeout(within_s):
        while not await condition():
            await asyncio.sleep(0.02)


async def is_there(records: KeyRecords) -> bool:
    try:
        return await records.get("lek_a") is not None
    except Unavailable:
        return False


async def refused_in_time(records: KeyRecords) -> bool:
    """One call's outcome; a missing record would be False."""
    began = time.monotonic()
    try:
        await records.get("lek_a")
    except Unavailable:
        return time.monotonic() - began < TIMEOUT_S + 1.5
    return False


async def test_a_killed_server_is_unavailable_and_comes_back(victim: Victim, records: KeyRecords) -> None:
    """Twenty callers at once, with connections from before; then the same store object serves again."""
    await asyncio.gather(*(records.get("lek_a") for _ in range(5)))
    victim.server.kill()
    assert all(await asyncio.gather(*(refused_in_time(records) for _ in range(20))))
    assert await refused_in_time(records)
    await victim.restart()
    if isinstance(victim.server, moto.Moto):
        await becomes_true(lambda: _made_again(records), within_s=10)
    await becomes_true(lambda: is_there(records), within_s=10)


async def _made_again(records: KeyRecords) -> bool:
    try:
        await records.create(KEY)
    except Unavailable:
        return False
    return True


async def test_a_silent_server_is_unavailable_in_time(victim: Victim, records: KeyRecords) -> None:
    """Connections stay and nothing answers: over old connections and new ones; when it goes on, so does the store."""
    await asyncio.gather(*(records.get("lek_a") for _ in range(3)))
    victim.server.stall()
    try:
        assert all(await asyncio.gather(*(refused_in_time(records) for _ in range(12))))
        assert await refused_in_time(records)
    finally:
        victim.server.resume()
    await becomes_true(lambda: is_there(records), within_s=20)


async def test_a_caller_that_leaves_takes_nothing_with_it(victim: Victim, records: KeyRecords) -> None:
    """A request is cancelled in the middle of a call, often: the store goes on."""
    for delay_s in (0.0, 0.0005, 0.001, 0.002, 0.004) * 6:
        task = asyncio.ensure_future(records.get("lek_a"))
        await asyncio.sleep(delay_s)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def all_at_once() -> bool:
        return all(await asyncio.gather(*(is_there(records) for _ in range(20))))

    await becomes_true(all_at_once, within_s=30)  # a place that was lost with a caller never comes back


async def test_every_store_says_so(victim: Victim) -> None:
    """Reads and writes of each kind: none takes a lost server for an empty one."""
    keys = open_records(victim.url)
    plans, answers, overlays = open_plans(victim.url, keys), open_responses(victim.url, keys), open_overlays(victim.url, keys)
    victim.server.kill()
    calls = [
        *(keys.create(KEY), keys.create_first(KEY), keys.get("a"), keys.list(), keys.set_status("a", "revoked"), keys.by_hash("h")),
        *(keys.replace(KEY, 1), keys.touch({"a": 1.0}), keys.meta("m"), keys.meta_once("m", "v"), keys.ping()),
        *(plans.create(PLAN), plans.get("t", "USER", "a"), plans.get_many([("t", "USER", "a")]), plans.list(), plans.list(tenant="t")),
        *(plans.replace(PLAN, 1), plans.delete("t", "USER", "a")),
        *(answers.put(ANSWER), answers.get("t", "r", 0.0), answers.delete("t", "r")),
        *(overlays.version(), overlays.load(), overlays.replace(Overlays(version=1), 0)),
    ]
    try:
        for outcome in await asyncio.gather(*calls, return_exceptions=True):
            assert isinstance(outcome, Unavailable), repr(outcome)
            assert "\n" not in outcome.message
    finally:
        await victim.restart()
        for store in (overlays, answers, plans, keys):
            await store.aclose()


@pytest.mark.parametrize("rounds", [3])
async def test_of_two_processes_one_makes_the_first_key(victim: Victim, rounds: int) -> None:
    """Atomically, in the store."""
    for n in range(rounds):
        url = victim.server.database() if isinstance(victim.server, Postgres) else victim.server.url()
        await upgrade(url)
        assert sorted(await asyncio.to_thread(_race, url, n)) == ["False", "True"]


def _race(url: str, n: int) -> list[str]:
    command = [sys.executable, "-m", "tests.support.first_key_main", url]
    processes = [
        subprocess.Popen([*command, f"lek_{n}_{place}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for place in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    return [process.communicate(timeout=60)[0].strip() for process in processes]


async def test_what_cannot_be_stored_is_the_callers_fault(victim: Victim, records: KeyRecords) -> None:
    """400, not an outage: text with half a surrogate pair."""
    with pytest.raises(BadRequest):
        await records.create(KeyRecord(key_id="lek_odd", tenant="t", key_hash="h", created_at=1.0, name="\ud800"))
    assert await is_there(records)

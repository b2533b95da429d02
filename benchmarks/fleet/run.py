"""One run of the fleet bench, from the first start to the last sum."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from benchmarks.fleet.bill import expected_nanos
from benchmarks.fleet.books import Killed
from benchmarks.fleet.clients import Crowd, Door
from benchmarks.fleet.gateways import Fleet
from benchmarks.fleet.plan import AFTER_REDIS_S, GATEWAYS, REST_S, Plan
from benchmarks.fleet.results import FleetResults, Phase
from benchmarks.fleet.sums import settle
from benchmarks.fleet.upstream import Provider
from benchmarks.load.__main__ import new_loop
from benchmarks.machine import facts
from benchmarks.processes import Managed
from benchmarks.systems.postgres import Postgres
from benchmarks.systems.valkey import start_valkey
from proxy.core.money import NANOS_PER_USD

SPENDERS = 10
"""Of the clients; the others share one key."""
RUSH = 50
_RUSHES = 12
_RUSH_REQUESTS = 100
"""What the cap of the rushing key pays for, about."""
_VICTIM = 1
_TELL_S = 10.0
_WELL_S = 20.0


class FleetRun:
    def __init__(self, plan: Plan, work: Path, say: Callable[[str], None]) -> None:
        self._plan = plan
        self._work = work
        self._say = say
        self._results = FleetResults(time.strftime("%Y-%m-%d %H:%M:%S"), facts(), msgspec.to_builtins(plan))
        self._begin = 0.0
        self._killed: list[Killed] = []
        self._valkey: Managed | None = None
        self._port = 0

    def go(self) -> FleetResults:
        """Raises Missing, StartError."""
        began = time.monotonic()
        postgres = Postgres()
        try:
            postgres.start()
            self._start_valkey()
            with Provider(self._plan.seed, self._work) as provider:
                fleet = Fleet(self._work, provider.port, f"redis://127.0.0.1:{self._port}/0", postgres.url, GATEWAYS)
                try:
                    self._go(fleet, postgres, provider)
                finally:
                    fleet.stop()
        finally:
            if self._valkey is not None:
                self._valkey.stop()
            postgres.close()
        self._results.seconds = time.monotonic() - began
        self._results.load_after = [round(value, 2) for value in os.getloadavg()]
        return self._results

    def _go(self, fleet: Fleet, postgres: Postgres, provider: Provider) -> None:
        fleet.upgrade()
        for i in range(GATEWAYS):
            self._say(f"gateway {i} ready after {fleet.start(i):.1f} s, port {fleet.ports[i]}")
        plan = self._plan
        spender_cap = round(expected_nanos(plan.spender_rate * plan.spender_s))
        keys = {
            "load": fleet.make_key("load", 100_000 * NANOS_PER_USD, {"rpm": plan.limit}),
            "rush": fleet.make_key("rush", round(expected_nanos(_RUSH_REQUESTS)), {}),
            "spender": fleet.make_key("spender", spender_cap, {}),
        }
        crowd = Crowd(fleet.ports, plan.seed)
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(self._load(fleet, postgres, crowd, {name: Door(name, key.secret) for name, key in keys.items()}))
        self._say("settling: the sums of ledger, counters and bill")
        settle(self._results, self._plan, fleet, list(keys.values()), crowd.asked, provider, self._killed, self._begin)

    async def _load(self, fleet: Fleet, postgres: Postgres, crowd: Crowd, doors: dict[str, Door]) -> None:
        telling = asyncio.ensure_future(self._tell(crowd))
        self._begin = time.time()
        try:
            await self._burst(crowd, doors)
            await self._rest(crowd, doors)
            done = asyncio.Event()
            pacing = asyncio.gather(
                crowd.pace(doors["load"], self._plan.clients - SPENDERS, self._plan.rate, done),
                crowd.pace(doors["spender"], SPENDERS, self._plan.spender_rate, done),
            )
            try:
                await self._phases(fleet, postgres, crowd, doors, pacing)
            finally:
                done.set()
                await asyncio.wait({pacing})
            self._end_phase(crowd)
            pacing.result()
        finally:
            telling.cancel()
            crowd.close()

    async def _burst(self, crowd: Crowd, doors: dict[str, Door]) -> None:
        self._phase(crowd, "burst")
        asked = await crowd.at_once(doors["load"], 2 * self._plan.limit, self._plan.clients)
        admitted = sum(one.status == 200 for one in asked)
        self._results.numbers["burst_share"] = admitted / self._plan.limit
        self._say(
            f"burst: {admitted} of {len(asked)} were let through in {time.time() - self._begin:.1f} s; the limit is {self._plan.limit}"
        )

    async def _rest(self, crowd: Crowd, doors: dict[str, Door]) -> None:
        """No window remembers the burst afterwards. Meanwhile the rushing key reaches its cap."""
        until = time.monotonic() + REST_S
        self._phase(crowd, "rest")
        refused = 0
        for _ in range(_RUSHES):
            refused = sum(one.status == 402 for one in await crowd.at_once(doors["rush"], RUSH, RUSH))
            if refused == RUSH:
                break
        self._say(f"the rushing key's cap is reached: {refused} of its last {RUSH} requests were refused")
        await asyncio.sleep(max(0.0, until - time.monotonic()))

    async def _phases(
        self, fleet: Fleet, postgres: Postgres, crowd: Crowd, doors: dict[str, Door], pacing: "asyncio.Future[tuple[None, None]]"
    ) -> None:
        """While the load goes on. It ends early only with an error."""
        plan = self._plan

        async def wait(seconds: float) -> None:
            await asyncio.wait({pacing}, timeout=seconds)
            if pacing.done():
                pacing.result()

        self._phase(crowd, "overload")
        await wait(plan.overload_s)
        self._phase(crowd, "kill")
        await wait(plan.kill_s / 3)
        await self._kill_one(fleet, wait)
        await wait(plan.kill_s / 2)
        self._phase(crowd, "redis")
        await wait(plan.outage_s / 3)
        self._event("Redis killed")
        await asyncio.to_thread(self._kill_valkey)
        await wait(plan.outage_s)
        await asyncio.to_thread(self._start_valkey)
        self._event("Redis back, empty")
        self._phase(crowd, "redis-back")
        await wait(5)
        await crowd.at_once(doors["rush"], RUSH, RUSH)
        await wait(AFTER_REDIS_S - 5)
        self._phase(crowd, "postgres")
        self._event("Postgres killed")
        await asyncio.to_thread(postgres.kill)
        await wait(plan.outage_s)
        waiting = sum(path.stat().st_size for i in range(GATEWAYS) for path in fleet.spool(i).glob("*/*.log"))
        self._results.numbers["spooled_bytes"] = waiting
        await asyncio.to_thread(postgres.start)
        self._event("Postgres back")
        self._say(f"Postgres is back; {waiting} bytes stood in the spools")
        self._phase(crowd, "postgres-back")
        await wait(plan.outage_s)

    async def _kill_one(self, fleet: Fleet, wait: Callable[[float], Awaitable[None]]) -> None:
        left = set(fleet.spool_folders(_VICTIM))
        at = time.time()
        await asyncio.to_thread(fleet.kill, _VICTIM)
        self._killed.append(Killed(_VICTIM, at, time.time()))
        self._event("gateway killed")
        await wait(self._plan.kill_s / 6)
        await asyncio.to_thread(fleet.start, _VICTIM)
        self._event("gateway restarted")
        began = time.monotonic()
        await asyncio.to_thread(self._until_gone, fleet, left)
        self._results.numbers["adopted_s"] = time.monotonic() - began
        self._say(f"the dead gateway's spool was delivered {time.monotonic() - began:.1f} s after its successor was ready")

    @staticmethod
    def _until_gone(fleet: Fleet, folders: set[str]) -> None:
        deadline = time.monotonic() + _WELL_S
        while folders & set(fleet.spool_folders(_VICTIM)) and time.monotonic() < deadline:
            time.sleep(0.05)

    def _start_valkey(self) -> None:
        self._valkey, url = start_valkey(self._work, (), self._port or None)
        self._port = int(url.rpartition(":")[2].partition("/")[0])

    def _kill_valkey(self) -> None:
        if self._valkey is not None:
            self._valkey.kill()

    def _event(self, name: str) -> None:
        self._results.events[name] = time.time() - self._begin
        self._say(f"{self._results.events[name]:6.0f} s  {name}")

    def _phase(self, crowd: Crowd, name: str) -> None:
        self._end_phase(crowd)
        self._results.phases.append(Phase(name, time.time() - self._begin))
        self._say(f"{time.time() - self._begin:6.0f} s  phase {name}")

    def _end_phase(self, crowd: Crowd) -> None:
        if self._results.phases:
            self._results.phases[-1].end = time.time() - self._begin

    async def _tell(self, crowd: Crowd) -> None:
        while True:
            await asyncio.sleep(_TELL_S)
            counts = ", ".join(f"{count} x {status or 'no answer'}" for status, count in sorted(crowd.statuses.items()))
            self._say(f"{time.time() - self._begin:6.0f} s  {counts}; {crowd.in_flight} under way")

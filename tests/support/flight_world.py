"""Processes that share flights over a Redis in memory, in the test's loop and the test's time: requests, calls, crashes.

A call says `<call.0><call.1>…` and is told by the test when to say more, so that text of two calls would show at once.
"""

import asyncio
from typing import Literal

from proxy.cache.entry import CacheEntry
from proxy.cache.flight import Flight, Flights, HandedOver
from proxy.cache.sharing.flights import SharedFlights
from proxy.core.errors import BadGateway, ClientGone, EdgeError
from proxy.core.tasks import TaskSupervisor
from tests.support.clock import FakeClock
from tests.support.fake_hot import FakeHot, FakeRedis

KEY = b"k" * 32
NEVER_S = 3600.0
"""Turns are the test's."""


class Call:
    """To the provider, by whoever leads."""

    def __init__(self, number: int, process: "Process", flight: Flight) -> None:
        self.number = number
        self.process = process
        self.flight = flight
        self.said: list[str] = []
        self.cancelled = False
        flight.provider, flight.model, flight.dropped = "p", "m", ["tools"]
        flight.on_abandoned = self._abandon

    def say(self) -> None:
        if not self.flight.done:
            self.said.append(f"<{self.number}.{len(self.said)}>")
            self.flight.publish(self.said[-1].encode())

    @property
    def text(self) -> str:
        return "".join(self.said)

    def land(self) -> None:
        if not self.flight.done:
            self.flight.land(self._entry(), b"tail")
            self.end()

    def fail(self, *, handover: bool = False) -> None:
        self.flight.fail(BadGateway("broken"), handover=handover)
        self.end()

    def end(self) -> None:
        self.flight.on_abandoned = None
        self.process.flights.end(KEY, self.flight)

    def _abandon(self) -> None:
        self.cancelled = True
        self.flight.fail(ClientGone("nobody reads"), handover=True)
        self.end()

    def _entry(self) -> CacheEntry:
        return CacheEntry(
            dialect="d", kind="sse", body=self.text.encode(), response_id="r", model="m", provider="p", stored_at=0.0, dropped=("tools",)
        )


class Request:
    def __init__(self, process: "Process", *, whole: bool) -> None:
        self.process = process
        self.whole = whole
        self.shown = ""
        self.joined = 0
        self.end: Literal["", "landed", "error", "gone"] = ""
        self.error: EdgeError | None = None
        self.flight: Flight | None = None


class Process:
    def __init__(self, world: "World") -> None:
        self.world = world
        self.hot = FakeHot(world.redis)
        self.flights = Flights()
        self.tasks = TaskSupervisor()
        self.lost = 0
        self.shared = SharedFlights(self.hot, self.flights, self.tasks, world.clock, self, poll_s=NEVER_S)
        self.flights.shared = self.shared
        self.requests: list[tuple[Request, asyncio.Task[None]]] = []

    def lease_lost(self) -> None:
        self.lost += 1

    @property
    def alive(self) -> bool:
        return not self.hot.dead

    def ask(self, *, whole: bool = False) -> Request:
        request = Request(self, whole=whole)
        self.requests.append((request, asyncio.ensure_future(self._serve(request))))
        return request

    def leave(self, request: Request) -> None:
        for made, task in self.requests:
            if made is request and not request.end:
                request.end = "gone"
                task.cancel()

    def kill(self) -> None:
        self.hot.dies_at = 0
        for _, task in self.requests:
            task.cancel()

    async def _serve(self, request: Request) -> None:
        """As `pipeline.execute` does it."""
        while True:
            flight = self.flights.find(KEY)
            if flight is None:
                claim = self.shared.claim(KEY)
                if claim is not None:
                    try:
                        state = await claim.outcome()
                        flight = self.flights.find(KEY)
                        if flight is None and state == "spent":
                            continue
                        if flight is None:
                            flight = claim.follow()
                        if flight is None:
                            flight = self._lead()
                            claim.lead(flight)
                    finally:
                        claim.drop()
                else:
                    flight = self._lead()
            try:
                await self._read(request, flight)
                return
            except HandedOver:
                assert not request.shown
            except EdgeError as exc:
                request.end, request.error = "error", exc
                return

    def _lead(self) -> Flight:
        flight = self.flights.lead(KEY)
        self.world.calls.append(Call(len(self.world.calls), self, flight))
        return flight

    async def _read(self, request: Request, flight: Flight) -> None:
        reader = flight.join()
        request.flight = flight
        request.joined += 1
        try:
            if request.whole:
                landed = await reader.outcome()
                request.shown = landed.entry.body.decode() if landed.entry is not None else "too large"
            else:
                while (frame := await reader.next()) is not None:
                    request.shown += frame.decode()
            request.end = "landed"
        finally:
            reader.leave()


class World:
    """`async with World(3) as world:`"""

    def __init__(self, processes: int = 2) -> None:
        self.clock = FakeClock()
        self.redis = FakeRedis(self.clock)
        self.calls: list[Call] = []
        self.processes = [Process(self) for _ in range(processes)]

    async def __aenter__(self) -> "World":
        return self

    async def __aexit__(self, *_: object) -> None:
        for process in self.processes:
            for _request, task in process.requests:
                task.cancel()
            await asyncio.gather(*[task for _, task in process.requests], return_exceptions=True)
            await process.shared.close()
            await process.tasks.close()

    async def settle(self) -> None:
        """Whatever can happen without time passing."""
        for _ in range(12):
            await asyncio.sleep(0)

    async def turns(self, seconds: float = 0.02) -> None:
        """Time passes for everybody, `seconds` in all, a turn of each process every 20 ms."""
        for _ in range(max(1, round(seconds / 0.02))):
            self.clock.advance(0.02)
            for process in self.processes:
                if process.alive:
                    process.shared.turn()
            await self.settle()

    def live_calls(self) -> list[Call]:
        return [call for call in self.calls if call.process.alive and not call.flight.done]

    def unanswered(self) -> list[Request]:
        return [request for process in self.processes if process.alive for request, _ in process.requests if not request.end]


async def finished(world: World) -> None:
    """Every call that is made lands, and everybody is answered."""
    for _ in range(200):
        if not world.unanswered():
            return
        for call in world.live_calls():
            call.say()
            call.land()
        await world.turns()
        await asyncio.sleep(0.002)  # writes are tried again in time of their own
    raise AssertionError(f"somebody waits for ever: {world.unanswered()}")


def truthful(world: World) -> None:
    """What each request has shown is the text of one call from its beginning; all of it, where it is said to be."""
    for process in world.processes:
        for request, _ in process.requests:
            texts = [call.text for call in world.calls]
            if request.end == "landed":
                assert request.shown in texts
            else:
                assert any(text.startswith(request.shown) for text in texts)

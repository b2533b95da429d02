"""Contract C, limits toward providers: no target gets more calls at the same time than it may have; others stand in, requests queue for a
while, and are refused with Retry-After. On real sockets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.support.eventually import eventually
from tests.support.gateway import Running, running, settings
from tests.support.upstream import Call, Upstream, chat, json_answer


class Slow:
    """Answers when it is told to, and counts."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.inside = self.most = self.calls = 0

    async def __call__(self, call: Call) -> None:
        self.calls += 1
        self.inside += 1
        self.most = max(self.most, self.inside)
        await self.go.wait()
        self.inside -= 1
        await json_answer(chat("ok"))(call)


@asynccontextmanager
async def bounded(*limits: dict[str, Any]) -> AsyncIterator[tuple[Running, list[Slow]]]:
    """A target for each of the limits, in order of preference."""
    slow = [Slow() for _ in limits]
    async with Upstream() as one, Upstream() as two:
        ups = [one, two][: len(limits)]
        for up, handler in zip(ups, slow, strict=True):
            up.on(handler)
        providers = {f"p{n}": {"kind": "openai_compatible", "base_url": up.url} for n, up in enumerate(ups)}
        targets = [{"provider": f"p{n}", "model": "m", **limit} for n, limit in enumerate(limits)]
        config = settings(providers=providers, models={"m": {"strategy": "failover", "targets": targets}}, cache={"enabled": False})
        async with running(config) as edge:
            yield edge, slow


def asked(edge: Running, count: int) -> list[asyncio.Task[Any]]:
    return [asyncio.create_task(edge.chat(f"q{n}", model="m")) for n in range(count)]


async def test_another_target_with_room_goes_first() -> None:
    """And costs no try."""
    async with bounded({"concurrency": 2}, {}) as (edge, (first, second)):
        tasks = asked(edge, 6)
        await eventually(lambda: (first.inside, second.inside) == (2, 4))
        first.go.set()
        second.go.set()
        answers = await asyncio.gather(*tasks)
        assert {answer.headers["x-llm-edge-attempts"] for answer in answers} == {"1"}
        assert first.most == 2


async def test_without_a_queue_it_is_refused_at_once() -> None:
    """503 with Retry-After, and nothing on the wire; when there is room again it goes."""
    async with bounded({"concurrency": 1}) as (edge, (only,)):
        tasks = asked(edge, 1)
        await eventually(lambda: only.inside == 1)
        refused = await edge.chat("more", model="m")
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "targets_busy")
        assert int(refused.headers["retry-after"]) >= 1
        assert only.calls == 1
        only.go.set()
        await asyncio.gather(*tasks)
        assert (await edge.chat("again", model="m")).status_code == 200


async def test_a_queue_is_bounded_in_length_and_time() -> None:
    """Who waits gets the next place; who comes when it is full, or waits too long, is refused."""
    async with bounded({"concurrency": 1, "queue": 2, "queue_wait_s": 30}) as (edge, (only,)):
        tasks = asked(edge, 1)
        await eventually(lambda: only.inside == 1)
        gate = edge.gateway.state.pipeline.routes.resolve("m").targets[0].gate
        assert gate is not None
        tasks += asked(edge, 2)
        await eventually(lambda: gate.waiting == 2)
        assert (await edge.chat("too many", model="m")).status_code == 503
        only.go.set()
        assert {answer.status_code for answer in await asyncio.gather(*tasks)} == {200}
        assert (only.most, only.calls) == (1, 3)
    async with bounded({"concurrency": 1, "queue": 2, "queue_wait_s": 0.05}) as (edge, (only,)):
        tasks = asked(edge, 1)
        await eventually(lambda: only.inside == 1)
        assert (await edge.chat("too long", model="m")).status_code == 503
        only.go.set()
        await asyncio.gather(*tasks)


async def test_a_client_that_leaves_gives_its_place_back() -> None:
    """While it waits in the queue, and while its call is under way."""
    async with bounded({"concurrency": 1, "queue": 1, "queue_wait_s": 30}) as (edge, (only,)):
        tasks = asked(edge, 1)
        await eventually(lambda: only.inside == 1)
        gate = edge.gateway.state.pipeline.routes.resolve("m").targets[0].gate
        assert gate is not None
        waiting = asked(edge, 1)
        await eventually(lambda: gate.waiting == 1)
        for task in (*waiting, *tasks):
            task.cancel()
        await eventually(lambda: (gate.inside, gate.waiting) == (0, 0))


async def test_calls_a_minute_are_bounded() -> None:
    """The rest goes elsewhere."""
    async with bounded({"rpm": 3}, {}) as (edge, (first, second)):
        first.go.set()
        second.go.set()
        served = [(await edge.chat(f"q{n}", model="m")).headers["x-llm-edge-provider"] for n in range(5)]
        assert served == ["p0", "p0", "p0", "p1", "p1"]

"""Two tries at the same time, whatever happens in whatever order."""

import asyncio
import json
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.app import Gateway, build_app
from proxy.core.context import AttemptRecord, RequestContext
from proxy.core.errors import EdgeError
from proxy.core.route import RouteInfo
from proxy.pipeline.deps import Pipeline
from proxy.pipeline.generate import generate
from proxy.telemetry.metrics import Metrics
from proxy.transport.base import UpstreamRequest
from proxy.transport.scripted import Reply, ScriptedTransport
from tests.support.gateway import chat_body
from tests.support.gateway import settings as config
from tests.support.library import provider, stream_reply
from tests.support.upstream import chat, chat_chunk, chat_stream

ROUTE = RouteInfo(name="/v1/chat/completions", family="openai", dialect="openai_chat")
AFTER_S = 1000.0
QUIET = 12
"""Turns of the loop after which nothing more follows from an event."""


class JumpingLoop(asyncio.SelectorEventLoop):
    """Its clock can be put forward."""

    ahead_s = 0.0

    def time(self) -> float:
        return monotonic() + self.ahead_s


class Counting(Metrics):
    """How often each try was settled, and how hedges ended."""

    def __init__(self) -> None:
        super().__init__()
        self.done: list[AttemptRecord] = []
        self.hedges: list[str] = []

    def attempt_done(self, rec: AttemptRecord) -> None:
        self.done.append(rec)

    def hedged(self, entry: str, result: str) -> None:
        self.hedges.append(result)


class Table:
    """One gateway for all examples. Each example: gates for both targets, and what stands behind them."""

    def __init__(self) -> None:
        self.loop = JumpingLoop()
        self.gates: dict[str, asyncio.Event] = {}
        self.replies: dict[str, Reply] = {}
        self.transports = {name: ScriptedTransport(self._answer(name), sleep=self._gate(name)) for name in "ab"}
        self.gateway: Gateway = self.loop.run_until_complete(self._open())

    def _answer(self, name: str) -> Callable[[UpstreamRequest], Reply]:
        return lambda request: self.replies[name]

    def _gate(self, name: str) -> Callable[[float], Any]:
        return lambda seconds: self.gates[name].wait()

    async def _open(self) -> Gateway:
        targets = [{"provider": "a", "model": "one"}, {"provider": "b", "model": "two"}]
        gateway = build_app(
            config(
                providers={name: {"kind": "openai_compatible", "base_url": "http://upstream.test/v1"} for name in "ab"},
                models={
                    "m": {
                        "strategy": "failover",
                        "targets": targets,
                        "retries": {"attempts": 2},
                        "hedge": {"after_s": AFTER_S, "share": 1, "streams_only": False},
                    }
                },
                prices={"a/one": {"input": 1, "output": 10}, "b/two": {"input": 2, "output": 20}},
                routing={"breaker": {"enabled": False}, "retry_budget": {"floor_per_s": 10_000}},
            ),
            providers={name: provider(transport, name) for name, transport in self.transports.items()},
        )
        self._life = gateway.lifespan()
        await self._life.__aenter__()
        return gateway

    def close(self) -> None:
        self.loop.run_until_complete(self._life.__aexit__(None, None, None))
        self.loop.close()


@pytest.fixture(scope="module")
def table() -> Iterator[Table]:
    made = Table()
    yield made
    made.close()


def reply(name: str, kind: str, stream: bool) -> Reply:
    """Behind a gate: an answer, or a failure before or after the head; content comes with its own gate passed."""
    if kind == "refused":
        return Reply(status=500, head_delay_s=1, chunks=(json.dumps({"error": {"message": name}}).encode(),))
    if kind == "broken":
        return stream_reply([chat_chunk({"role": "assistant"})], head_delay_s=1, fail="body")
    if stream:
        return stream_reply(chat_stream(name * 3, name * 3), head_delay_s=1)
    return Reply(head_delay_s=1, chunks=(json.dumps(chat(name * 6)).encode(),))


class Outcome:
    def __init__(self) -> None:
        self.bytes = b""
        self.error: BaseException | None = None

    @property
    def what(self) -> str:
        """a | b | error | left."""
        if isinstance(self.error, asyncio.CancelledError):
            return "left"
        if isinstance(self.error, EdgeError):
            return "error"
        assert self.error is None, self.error
        (name,) = {name for name in "ab" if (name * 3).encode() in self.bytes}
        return name


async def play(
    table: Table, order: list[str], turns: list[int], kinds: dict[str, str], stream: bool
) -> tuple[Outcome, RequestContext, Counting]:
    table.gates = {name: asyncio.Event() for name in "ab"}
    table.replies = {name: reply(name, kind, stream) for name, kind in kinds.items()}
    meter, outcome = Counting(), Outcome()
    pipe: Pipeline = msgspec.structs.replace(table.gateway.state.pipeline, meter=meter)
    ctx = RequestContext(ROUTE, "t", monotonic())
    ctx.json, ctx.body = chat_body(model="m", stream=stream, seed=len(order)), b"x" * 40
    ctx.headers = {b"cache-control": b"no-store"}

    async def send(message: Any) -> None:
        outcome.bytes += message.get("body", b"")

    async def request() -> None:
        ctx.task = asyncio.current_task()
        try:
            await generate(pipe, ctx, send)
        except (EdgeError, asyncio.CancelledError) as exc:
            outcome.error = exc

    running = asyncio.ensure_future(request())
    await turn(QUIET)
    for event, n in zip(order, turns, strict=True):
        if event == "timer":
            table.loop.ahead_s += AFTER_S + 1
        elif event == "leave":
            if not running.done():
                ctx.client_left()
        else:
            table.gates[event].set()
        await turn(n)
    for gate in table.gates.values():
        gate.set()
    async with asyncio.timeout(AFTER_S * 10):
        await running
    await turn(QUIET)
    check(table, pipe, outcome, ctx, meter)
    return outcome, ctx, meter


async def turn(n: int) -> None:
    for _ in range(n):
        await asyncio.sleep(0)


def check(table: Table, pipe: Pipeline, outcome: Outcome, ctx: RequestContext, meter: Counting) -> None:
    """What always holds."""
    what = outcome.what
    assert len(ctx.attempts) == len({id(record) for record in meter.done}) == len(meter.done) <= 2
    assert all(transport.stats().in_use == 0 for transport in table.transports.values())
    assert all(pipe.health.stats(one).in_flight == 0 for one in ("a/one", "b/two"))
    assert "hedged-try" not in pipe.tasks.names()
    roles = [record.role for record in ctx.attempts]
    assert meter.hedges == [] if "hedge" not in roles and "hedge_loser" not in roles else len(meter.hedges) == 1
    lost = [record for record in ctx.attempts if record.role == "hedge_loser"]
    assert len(lost) <= 1
    if what in ("a", "b"):
        other = b"bbb" if what == "a" else b"aaa"
        assert other not in outcome.bytes
        assert ctx.provider == what
        assert all(record.provider != what and (record.bill is None) == (record.status == 500) for record in lost)
        assert all(record.provider == what or record.error or record in lost for record in ctx.attempts)
        mine = ctx.usage
        assert mine is not None
        assert (mine.input_tokens, mine.output_tokens) == (9, 3)
        cost = {"a": 9 * 1000 + 3 * 10000, "b": 9 * 2000 + 3 * 20000}[what]
        assert ctx.cost_nanos == cost + sum(record.bill.cost.total for record in lost if record.bill is not None)
    else:
        assert outcome.bytes == b"" or what == "left"
        assert not lost


def expected(order: list[str], kinds: dict[str, str]) -> str:
    """The same by a model of it: `b` is asked when the timer fires or `a` has failed; each event is over before the next."""
    open_, asked, failed = set(), {"a"}, set()
    for event in [*order, "a", "b"]:
        if event == "leave":
            return "left"
        if event == "timer":
            asked.add("b")
        else:
            open_.add(event)
        for name in ("a", "b"):
            if name in asked and name in open_ and name not in failed:
                if kinds[name] == "answers":
                    return name
                failed.add(name)
                if name == "a":
                    asked.add("b")
        if "b" in asked and "b" in open_ and "b" not in failed:
            if kinds["b"] == "answers":
                return "b"
            failed.add("b")
        if failed == {"a", "b"}:
            return "error"
    raise AssertionError("somebody answers or all fail")


ORDERS = st.permutations(["a", "b", "timer", "leave"]).flatmap(lambda order: st.integers(1, 4).map(lambda n: list(order)[:n]))
KINDS = st.fixed_dictionaries({name: st.sampled_from(["answers", "refused", "broken"]) for name in "ab"})


@settings(max_examples=150, derandomize=True, deadline=None)
@given(order=ORDERS, kinds=KINDS, stream=st.booleans())
def test_any_order_ends_as_its_model_says(table: Table, order: list[str], kinds: dict[str, str], stream: bool) -> None:
    """One winner or one error, everything closed, each try settled once, and the cost adds up."""
    turns = [QUIET] * len(order)
    outcome, _, _ = table.loop.run_until_complete(play(table, order, turns, kinds, stream))
    assert outcome.what == expected(order, kinds)


@settings(max_examples=250, derandomize=True, deadline=None)
@given(order=ORDERS, kinds=KINDS, stream=st.booleans(), turns=st.lists(st.integers(0, 6), min_size=4, max_size=4))
def test_events_at_the_same_time(table: Table, order: list[str], kinds: dict[str, str], stream: bool, turns: list[int]) -> None:
    """However close together they come: `check` holds."""
    table.loop.run_until_complete(play(table, order, turns[: len(order)], kinds, stream))

"""Contract E over two gateways and one real Redis."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.support.eventually import eventually
from tests.support.gateway import Running, running, settings
from tests.support.money import money
from tests.support.two_edges import connected
from tests.support.upstream import Call, Upstream, chat
from tests.support.valkey import Valkey

IN, OUT = 10_000, 100_000
CAP = 500_000_000


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    with Valkey() as server:
        yield server


class Billing:
    """A provider that counts otherwise than the gateway estimates, within the bound."""

    def __init__(self) -> None:
        self.rng = Random(11)
        self.nanos = 0

    async def __call__(self, call: Call) -> None:
        await asyncio.sleep(self.rng.random() * 0.05)
        prompt = int(len(call.body) / 4 * self.rng.uniform(0.5, 2.0))
        completion = min(int(300 * self.rng.uniform(0.5, 2.0)), call.json["max_tokens"])
        self.nanos += prompt * IN + completion * OUT
        usage = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
        await call.answer(200, {**chat("ok"), "usage": usage})


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as up:
        yield up


def config(up: Upstream, valkey: Valkey, records: Path, **budgets: Any) -> Any:
    return settings(
        up.url,
        stores={"redis": valkey.url, "records": f"sqlite:///{records}"},
        cache={"enabled": False, "l2": {"op_timeout_ms": 5000}},
        routing={"retries": {"attempts": 1}, "breaker": {"enabled": False}},
        prices={"gpt-4o-mini": {"input": 10, "output": 100}},
        budgets={"default_monthly_usd": CAP / 1e9, **budgets},
    )


async def burst(edges: tuple[Running, ...], turn: str, n: int = 50) -> list[int]:
    asked = [edges[i % len(edges)].chat(f"{turn} {i} " + "word " * 40, max_tokens=500) for i in range(n)]
    return [answer.status_code for answer in await asyncio.gather(*asked)]


async def test_together_they_never_spend_past_the_cap(upstream: Upstream, valkey: Valkey, tmp_path: Path) -> None:
    """And the counter is what the provider billed."""
    billing = Billing()
    upstream.on(billing)
    one = config(upstream, valkey, tmp_path / "records.db")
    async with running(one) as a, running(one) as b:
        for edge in (a, b):
            await connected(edge)
        for turn in range(4):
            codes = await burst((a, b), str(turn))
            assert set(codes) <= {200, 402}
            assert billing.nanos <= CAP
        assert 402 in codes
        await b.idle()
        found = await money(a)
        assert (found.used, found.reserved) == (billing.nanos, 0)
        assert billing.nanos > 0.9 * CAP


async def test_a_redis_that_forgot_everything(upstream: Upstream, valkey: Valkey, tmp_path: Path) -> None:
    """The counter is rebuilt from the ledger before anything is let through."""
    billing = Billing()
    upstream.on(billing)
    async with running(config(upstream, valkey, tmp_path / "records.db")) as edge:
        await connected(edge)
        assert set(await burst((edge,), "first", 6)) == {200}
        await edge.idle()
        await edge.gateway.state.hot.execute("FLUSHALL")  # type: ignore[union-attr]
        assert set(await burst((edge,), "again", 2)) == {200}
        await edge.idle()
        found = await money(edge)
        assert (found.used, found.reserved) == (billing.nanos, 0)


@pytest.mark.parametrize(("how", "status"), [("ledger", 200), ("deny", 503), ("allow", 200)])
async def test_without_redis(upstream: Upstream, valkey: Valkey, tmp_path: Path, how: str, status: int) -> None:
    """By the ledger and this process's own reservations, or not at all, or uncounted."""
    billing = Billing()
    upstream.on(billing)
    one = config(upstream, valkey, tmp_path / "records.db", on_redis_loss=how)
    async with running(one) as edge:
        await connected(edge)
        assert set(await burst((edge,), "first", 6)) == {200}
        await edge.idle()
        valkey.kill()
        await eventually(lambda: not edge.gateway.state.hot.connected)  # type: ignore[union-attr]
        codes = await burst((edge,), "gone", 1)
        assert codes == [status]
        if how == "ledger":
            for turn in range(3):
                await burst((edge,), f"gone {turn}", 20)
            assert billing.nanos <= CAP
            assert (await edge.chat("last " + "word " * 40, max_tokens=500)).status_code == 402

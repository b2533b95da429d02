"""Contract C, health: what one gateway finds out about targets and keys, another knows within 1 s, over a Redis Cluster of three nodes,
one of which holds the board; also when that one is lost. (Over one server, and each rest in detail: test_contract_c_health.py.)
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from proxy.storage.hot.slots import slot_of
from proxy.stores import BOARD_KEY
from tests.contract.test_contract_c_health import ask, provider
from tests.support import lag
from tests.support.cluster import Cluster, Node, until
from tests.support.edge_process import EdgeProcess
from tests.support.eventually import eventually
from tests.support.gateway import KEY, Running, chat_body
from tests.support.two_edges import two
from tests.support.two_processes import edge_pair
from tests.support.upstream import Call, Upstream, chat, failing, json_answer

WITHIN_S = 1.0
ONCE: dict[str, Any] = {"retries": {"attempts": 1}}
BACK_S = 30.0
"""For a cluster to find itself again."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster() as servers:
        yield servers


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as up:
        up.on(json_answer(chat()))
        yield up


def holder(servers: Cluster) -> Node:
    """The node that has the board."""
    return servers.owner(slot_of(f"llm-edge:{BOARD_KEY}"))


async def resting(edge: EdgeProcess) -> dict[str, str]:
    """Target → why, as `/health` has it."""
    async with httpx2.AsyncClient(trust_env=False, timeout=20) as http:
        facts = (await http.get(f"http://127.0.0.1:{edge.port}/health")).json()
    return {rest["target"]: rest["reason"] for rest in facts["resting"]}


async def heard(edge: EdgeProcess, target: str, why: str | None, within_s: float = WITHIN_S) -> None:
    """Within the time promised, on top of what the machine held this loop up (the other processes are held up as well)."""
    began = time.monotonic()
    async with lag.watched() as machine:
        while (await resting(edge)).get(target) != why:
            assert time.monotonic() - began < within_s + 2 * machine.worst_s, await resting(edge)
            await asyncio.sleep(0.02)


async def test_two_processes_know_of_each_other_within_a_second(upstream: Upstream, cluster: Cluster, tmp_path: Path) -> None:
    """An opening, the recovery after it, a cool-down by Retry-After and a key's rest: found out by one, kept to by the other without a call
    of its own."""
    providers = {"openai": provider(upstream), "pool": provider(upstream, "sk-first-00001", "sk-other-00002")}
    routing = {**ONCE, "breaker": {"open_s": 2}}
    cluster.flush()
    async with edge_pair(upstream, cluster.url, tmp_path, providers=providers, routing=routing) as (first, second):
        upstream.on(failing(500))
        for i in range(5):
            assert (await ask(first.port, f"failing {i}")).status_code == 500
        await heard(second, "openai/gpt-4o-mini", "breaker open")
        assert (await ask(second.port, "no call")).status_code == 503
        assert len(upstream.calls) == 5

        upstream.on(json_answer(chat()))
        await heard(second, "openai/gpt-4o-mini", None, within_s=3.0)
        for i in range(2):
            assert (await ask(second.port, f"probe {i}")).status_code == 200
        await asyncio.to_thread(first.wait_for, "breaker closed", within_s=2.0)

        upstream.on(failing(429, "slow", {"retry-after": "50"}))
        assert (await ask(second.port, "throttled")).status_code == 429
        await heard(first, "openai/gpt-4o-mini", "cooling down")
        calls = len(upstream.calls)
        answer = await ask(first.port, "no call either")
        assert (answer.status_code, answer.json()["error"]["code"]) == (429, "provider_cooling_down")
        assert 47 <= int(answer.headers["retry-after"]) <= 50
        assert len(upstream.calls) == calls

        seen: list[str] = []

        async def picky(call: Call) -> None:
            seen.append(call.headers["authorization"][-5:])
            await (failing(401) if seen[-1] == "00001" else json_answer(chat()))(call)

        upstream.on(picky)
        for i in range(20):
            await asked(first, f"question {i}", "pool/x")
            if "00001" in seen:
                break
        assert seen.count("00001") == 1
        await asyncio.to_thread(until, lambda: b"health:key:" in b" ".join(holder(cluster).command("HKEYS", f"llm-edge:{BOARD_KEY}")))
        await asyncio.sleep(WITHIN_S)  # the promise: by then the other knows
        for i in range(20):
            assert (await asked(second, f"other {i}", "pool/x")).status_code == 200
        assert seen.count("00001") == 1


async def asked(edge: EdgeProcess, text: str, model: str) -> httpx2.Response:
    async with httpx2.AsyncClient(headers={"authorization": f"Bearer {KEY}"}, timeout=20, trust_env=False) as client:
        return await client.post(f"http://127.0.0.1:{edge.port}/v1/chat/completions", json=chat_body(text, model=model))


def opened(edge: Running, model: str) -> bool:
    stats = edge.gateway.state.pipeline.health.find(f"openai/{model}")
    return stats is not None and stats.breaker.state == "open"


async def break_(edge: Running, upstream: Upstream, model: str) -> None:
    """Five failures, then the upstream is well again."""
    upstream.on(failing(500))
    for i in range(5):
        assert (await edge.chat(f"failing {i}", model=f"openai/{model}")).status_code == 500
    upstream.on(json_answer(chat()))
    assert opened(edge, model)


NO_CACHE: dict[str, Any] = {"routing": {**ONCE, "breaker": {"open_s": 120}}, "cache": {"enabled": False, "l2": {"op_timeout_ms": 500}}}


async def test_while_the_boards_node_is_gone_each_keeps_its_own(upstream: Upstream) -> None:
    """Nothing fails and nothing waits; when the node is back, empty, all of it is shared: what was known before, and what was found out
    meanwhile."""
    with Cluster() as own:
        async with two(upstream, own.url, **NO_CACHE) as (one, other):
            await break_(one, upstream, "before")
            await eventually(lambda: opened(other, "before"), within_s=WITHIN_S + 1)
            await asyncio.to_thread(holder(own).kill)

            await break_(one, upstream, "meanwhile")
            assert (await one.chat("no call", model="openai/meanwhile")).status_code == 503
            calls = len(upstream.calls)
            assert [(await other.chat(f"{i}", model="openai/meanwhile")).status_code for i in range(5)] == [200] * 5
            assert [(await edge.chat("well", model="openai/well")).status_code for edge in (one, other)] == [200, 200]
            assert len(upstream.calls) == calls + 7
            assert (await other.chat("no call", model="openai/before")).status_code == 503
            assert not opened(other, "meanwhile")

            await asyncio.to_thread(holder(own).start)
            await eventually(lambda: opened(other, "meanwhile"), within_s=BACK_S)
            await break_(other, upstream, "after")
            await eventually(lambda: opened(one, "after"), within_s=BACK_S)
            held = holder(own).command("HKEYS", f"llm-edge:{BOARD_KEY}")
            assert {f"health:breaker:openai/{name}".encode() for name in ("before", "meanwhile", "after")} <= set(held)


async def test_a_replica_takes_the_board_over(upstream: Upstream) -> None:
    """The cluster's own failover: what was shared stays, and sharing goes on over the new node."""
    with Cluster(replicas=1) as own:
        async with two(upstream, own.url, **NO_CACHE) as (one, other):
            await break_(one, upstream, "before")
            await eventually(lambda: opened(other, "before"), within_s=WITHIN_S + 1)
            lost = holder(own)
            await asyncio.to_thread(lost.kill)
            await break_(one, upstream, "meanwhile")
            assert (await other.chat("goes on", model="openai/well")).status_code == 200
            await eventually(lambda: opened(other, "meanwhile"), within_s=BACK_S)
            heir = own.nodes[len(own.masters) + own.nodes.index(lost)]
            assert heir.command("ROLE")[0] == b"master"
            held = heir.command("HKEYS", f"llm-edge:{BOARD_KEY}")
            assert {f"health:breaker:openai/{name}".encode() for name in ("before", "meanwhile")} <= set(held)
            await break_(other, upstream, "after")
            await eventually(lambda: opened(one, "after"), within_s=BACK_S)
            assert opened(one, "before")

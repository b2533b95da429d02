"""Contract H of gateways that share a Redis Cluster of three nodes: what the admin API lays over the configuration, and its purges, reach
the second process within 5 s, also while the node that holds the board is gone. (Files, reloads, restarts: test_contract_h_reload.py.)
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from proxy.storage.hot.slots import slot_of
from proxy.stores import BOARD_KEY
from tests.contract.test_contract_h_reload import AUTH, WITHIN_S, admin, health, moved
from tests.support.cluster import Cluster
from tests.support.edge_process import EdgeProcess
from tests.support.gateway import ADMIN_KEY
from tests.support.two_edges import two
from tests.support.upstream import Upstream, chat, json_answer

TARGETS = [{"provider": "p", "model": "old", "weight": 1}, {"provider": "other", "model": "new", "weight": 0}]


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with Cluster() as servers:
        yield servers


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as up:
        up.on(json_answer(chat()))
        yield up


def configured(cluster: Cluster) -> dict[str, Any]:
    """Nothing is cached, so that every request is routed."""
    return {
        "auth": AUTH,
        "stores": {"redis": cluster.url},
        "cache": {"enabled": False},
        "providers": {"p": {"kind": "echo"}, "other": {"kind": "echo"}},
        "models": {"canary": {"strategy": "weighted", "targets": TARGETS}},
    }


async def rests(edge: EdgeProcess, target: str, *, resting: bool) -> None:
    """Within the time promised, in `/health`."""
    began = time.monotonic()
    while (target in [rest["target"] for rest in (await health(edge))["resting"]]) != resting:
        assert time.monotonic() - began < WITHIN_S
        await asyncio.sleep(0.05)


async def test_overlays_reach_the_second_process(cluster: Cluster, tmp_path: Path) -> None:
    """Canary weights and a drained target, set at one and in force at the other; the same with a node of the cluster gone."""
    values = configured(cluster)
    one, other = EdgeProcess(tmp_path / "one.yaml", **values), EdgeProcess(tmp_path / "two.yaml", **values)
    with one, other:
        for edge in (one, other):
            await asyncio.to_thread(edge.wait_for, "ready")
        await moved(other, "p")
        put = await admin(one, "PUT", "/routes/canary/weights", {"weights": {"p/old": 0, "other/new": 1}})
        assert put.status_code == 200, put.text
        await moved(other, "other")
        await asyncio.to_thread(cluster.owner(slot_of(f"llm-edge:{BOARD_KEY}")).kill)
        assert (await admin(other, "DELETE", "/routes/canary/weights")).status_code == 200
        await moved(one, "p")
        assert (await admin(one, "POST", "/targets/p/old/drain")).status_code == 200
        await rests(other, "p/old", resting=True)
        assert (await admin(other, "DELETE", "/targets/p/old/drain")).status_code == 200
        await rests(one, "p/old", resting=False)


async def test_a_purge_reaches_what_the_other_gateway_has(upstream: Upstream, cluster: Cluster) -> None:
    """In its own memory as well as at the nodes; what is asked afterwards is a call, and is stored again."""
    async with two(upstream, cluster.url) as (one, other):
        questions = [f"question {n}" for n in range(9)]
        for question in questions:
            await one.chat(question)
            await other.chat(question)
        assert len(upstream.calls) == 9
        assert {(await other.chat(question)).headers["x-llm-edge-cache-tier"] for question in questions} == {"l1"}
        admin_key = {"authorization": f"Bearer {ADMIN_KEY}"}
        purged = await one.client.post("/v1/admin/cache/purge", json={"model": "gpt-4o-mini"}, headers=admin_key)
        assert purged.status_code == 200, purged.text
        async with asyncio.timeout(WITHIN_S):
            while (await other.chat(questions[0])).headers["x-llm-edge-cache"] == "hit":
                await asyncio.sleep(0.02)
        for question in questions[1:]:
            assert (await other.chat(question)).headers["x-llm-edge-cache"] == "miss"
        for question in questions:
            assert (await one.chat(question)).headers["x-llm-edge-cache-tier"] == "l2"
        assert len(upstream.calls) == 18

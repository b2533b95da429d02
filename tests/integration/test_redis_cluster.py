"""Gateways whose `stores.redis` is a Redis Cluster of three masters: L2 between processes, a node lost under load, the board."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import httpx2
import pytest

from proxy.storage.hot.cluster import RedisClusterHot
from tests.support.cluster import Cluster
from tests.support.edge_process import EdgeProcess
from tests.support.eventually import eventually
from tests.support.gateway import KEY, chat_body, running, settings
from tests.support.load import load


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster() as started:
        yield started


def tier_of(port: int, text: str) -> str:
    answer = httpx2.post(
        f"http://127.0.0.1:{port}/v1/chat/completions",
        json=chat_body(text, model="echo"),
        headers={"authorization": f"Bearer {KEY}"},
        trust_env=False,
        timeout=20,
    )
    assert answer.status_code == 200
    return answer.headers.get("x-llm-edge-cache-tier", answer.headers["x-llm-edge-cache"])


def test_two_gateway_processes_share_l2(cluster: Cluster, tmp_path: Path) -> None:
    """What one answered the other has from the cluster, whichever node it is on; the dump of each node holds some of it."""
    cluster.flush()
    values = {"stores": {"redis": cluster.url}, "providers": {"echo": {"kind": "echo"}}}
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    with EdgeProcess(tmp_path / "one" / "edge.json", **values) as one, EdgeProcess(tmp_path / "two" / "edge.json", **values) as two:
        questions = [f"question {n}" for n in range(24)]
        assert {tier_of(one.port, question) for question in questions} == {"miss"}
        assert {tier_of(two.port, question) for question in questions} == {"l2"}
        health = httpx2.get(f"http://127.0.0.1:{two.port}/health", trust_env=False).json()
        assert health["cache"]["l2_healthy"] is True
    assert all(node.command("DBSIZE") > 0 for node in cluster.masters)


async def test_a_node_lost_under_load_costs_no_request(cluster: Cluster) -> None:
    """Its entries are misses, those of the others stay hits; `/health` tells, and it heals when the node is back."""
    cluster.flush()
    numbers = count()

    def repeated() -> tuple[str, dict[str, object]]:
        return "repeat", chat_body(f"repeat {next(numbers) % 40}", model="echo")

    config = settings(stores={"redis": cluster.url}, cache={"l1": {"max_entries": 1}})
    async with running(config) as edge:
        state = edge.gateway.state
        assert isinstance(state.hot, RedisClusterHot)
        async with load(edge.url, repeated, clients=8) as steady:
            await steady.more(300)
            await asyncio.to_thread(cluster.nodes[0].kill)
            try:
                async with asyncio.timeout(30):
                    while (await edge.client.get("/health")).json()["cache"]["l2_healthy"]:
                        await asyncio.sleep(0.02)
                during = Counter(outcome.tier for outcome in await steady.more(400))
                assert during["l2"] > 0
            finally:
                await asyncio.to_thread(cluster.nodes[0].start)
            await eventually(lambda: state.hot is not None and state.hot.connected, within_s=30)
            await steady.more(200)
        assert Counter(outcome.status for outcome in steady.outcomes).keys() == {200}
        assert (await edge.client.get("/health")).json()["cache"]["l2_healthy"] is True


async def test_gateways_share_a_board_without_a_cache(cluster: Cluster) -> None:
    """The hot store is there for it alone, and closes with the gateway."""
    config = settings(stores={"redis": cluster.url}, cache={"enabled": False})
    async with running(config) as one, running(config) as two:
        one.gateway.state.board.put("test:a", b"1", 60)
        await eventually(lambda: two.gateway.state.board.get("test:a") == b"1", within_s=2)
        assert two.gateway.state.pipeline.board is two.gateway.state.board
        assert json.loads((await two.client.get("/health")).text)["cache"]["l2_configured"] is False

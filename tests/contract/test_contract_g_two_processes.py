"""Contract G over two real gateway processes and one real Valkey: a burst gets exactly the limit, also when one of them is killed in it."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx2
import pytest

from tests.support.edge_process import EdgeProcess
from tests.support.gateway import KEY, chat_body
from tests.support.upstream import Upstream, chat, json_answer
from tests.support.valkey import Valkey

pytestmark = pytest.mark.allow_tasks("the gateways' connections to the upstream, which outlive a test")

RPM = 40


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    with Valkey() as server:
        yield server


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as up:
        up.on(json_answer(chat("hello")))
        yield up


async def status(client: httpx2.AsyncClient, edge: EdgeProcess, n: int) -> int:
    """0: the process was killed."""
    try:
        answer = await client.post(f"http://127.0.0.1:{edge.port}/v1/chat/completions", json=chat_body(f"{n}"))
    except httpx2.HTTPError:
        return 0
    return answer.status_code


async def test_a_burst_gets_exactly_the_limit_and_a_kill_gives_nothing_back(upstream: Upstream, valkey: Valkey, tmp_path: Path) -> None:
    """What the killed one let through has been let through; the other goes on with the rest."""
    edges = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        edges.append(
            EdgeProcess(
                tmp_path / name / "edge.yaml",
                providers={"openai": {"kind": "openai", "base_url": f"{upstream.url}/v1", "api_keys": ["sk-up"]}},
                stores={"redis": valkey.url},
                cache={"enabled": False, "l2": {"op_timeout_ms": 5000}},
                limits={"default": {"rpm": RPM}},
            )
        )
    with edges[0], edges[1]:
        for edge in edges:
            await asyncio.to_thread(edge.wait_for, "ready")
        async with httpx2.AsyncClient(headers={"authorization": f"Bearer {KEY}"}, timeout=30, trust_env=False) as client:
            first = await asyncio.gather(*(status(client, edges[n % 2], n) for n in range(30)))
            assert first == [200] * 30
            asking = [asyncio.ensure_future(status(client, edges[n % 2], n)) for n in range(100, 160)]
            await upstream.received(32)
            edges[0].process.send_signal(signal.SIGKILL)
            codes = await asyncio.gather(*asking)
            codes += await asyncio.gather(*(status(client, edges[1], n) for n in range(200, 220)))
            assert codes.count(200) <= RPM - 30
            assert set(codes) <= {0, 200, 429}
            assert RPM - codes.count(0) <= len(upstream.calls) <= RPM
            assert await status(client, edges[1], 300) == 429

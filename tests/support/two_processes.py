"""Two `llm-edge serve` processes with one scripted upstream and one Redis, each with configuration and records of its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2

from tests.support.edge_process import EdgeProcess
from tests.support.eventually import PATIENT_S
from tests.support.upstream import Upstream


@asynccontextmanager
async def edge_pair(upstream: Upstream, redis_url: str, folder: Path, **values: Any) -> AsyncIterator[tuple[EdgeProcess, EdgeProcess]]:
    """`values`: more sections of both configurations. Patient with Redis: the machine is slow, not the server."""
    edges = []
    for name in ("one", "other"):
        (folder / name).mkdir()
        sections: dict[str, Any] = {
            "providers": {"openai": {"kind": "openai", "base_url": f"{upstream.url}/v1", "api_keys": ["sk-up"]}},
            "stores": {"redis": redis_url},
            "cache": {"l2": {"op_timeout_ms": 5000}},
            **values,
        }
        edges.append(EdgeProcess(folder / name / "edge.yaml", **sections))
    with edges[0], edges[1]:
        for edge in edges:
            await asyncio.to_thread(edge.wait_for, "ready")
            await connected(edge)
        yield edges[0], edges[1]


async def connected(edge: EdgeProcess) -> None:
    """To Redis: on a busy machine the start has gone on without it, and nothing is shared before."""
    async with asyncio.timeout(PATIENT_S), httpx2.AsyncClient(trust_env=False) as http:
        while not (await http.get(f"http://127.0.0.1:{edge.port}/health")).json()["cache"]["l2_healthy"]:
            await asyncio.sleep(0.02)


async def followed(edge: EdgeProcess, n: int) -> None:
    """Until so many requests of this process have joined the other's calls."""
    async with asyncio.timeout(PATIENT_S):
        while await scraped(edge.port, "llm_edge_single_flight_remote_joins_total") < n:
            await asyncio.sleep(0.01)


async def scraped(port: int, family: str) -> float:
    """The sum of a family's samples."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        text = (await reader.read()).decode()
    finally:
        writer.close()
        await writer.wait_closed()
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(family))

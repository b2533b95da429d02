"""Contracts F and R over two gateway processes, one Redis and one record store: after a SIGKILL under load, records, reports, counters and
the provider's bill say the same; what was under way is bounded by its unknown records. The long one: `python -m benchmarks fleet`."""

import asyncio
import json
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest

from benchmarks.fleet.bill import INPUT_NANOS, MAX_TOKENS, OUTPUT_NANOS
from benchmarks.fleet.books import Entry, Killed, by_key, compare, entry_of
from benchmarks.fleet.clients import Crowd, Door
from benchmarks.fleet.gateways import nanos_of
from benchmarks.fleet.upstream import Books, Connection
from tests.support.edge_process import EdgeProcess
from tests.support.eventually import eventually
from tests.support.gateway import KEY
from tests.support.two_processes import connected
from tests.support.valkey import Valkey

pytestmark = pytest.mark.allow_tasks("the gateways' connections to the upstream, which outlive a test")

ADMIN = "admin-key-of-the-bill-test"
UNDER_WAY = 4
CLIENTS = 16
RESERVED_AT_MOST = MAX_TOKENS * OUTPUT_NANOS + 1000 * INPUT_NANOS


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    with Valkey() as server:
        yield server


class Provider:
    def __init__(self, books: Books, port: int) -> None:
        self.books = books
        self.port = port


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    books = Books(seed=1, fastest_s=0.1, slowest_s=0.4)
    server = await asyncio.get_running_loop().create_server(lambda: Connection(books), "127.0.0.1", 0)
    yield Provider(books, server.sockets[0].getsockname()[1])
    server.close()


def edge_of(folder: Path, name: str, provider: Provider, valkey: Valkey) -> EdgeProcess:
    place = folder / name
    place.mkdir(exist_ok=True)
    return EdgeProcess(
        place / "edge.yaml",
        auth={"static_keys": [KEY], "admin_key": ADMIN},
        providers={"up": {"kind": "openai", "base_url": f"http://127.0.0.1:{provider.port}/v1", "api_keys": ["sk-up"]}},
        models={"bench": {"targets": [{"provider": "up"}], "retries": {"attempts": 1}}},
        prices={"bench": {"input": INPUT_NANOS / 1000, "output": OUTPUT_NANOS / 1000}},
        budgets={"default_monthly_usd": 1000},
        stores={"redis": valkey.url, "records": f"sqlite:///{folder}/records.db"},
        usage={"spool": str(place / "spool")},
        cache={"l2": {"op_timeout_ms": 5000}},
    )


def entries_of(folder: Path) -> list[Entry]:
    with closing(sqlite3.connect(f"file:{folder}/records.db?mode=ro", uri=True)) as connection, connection:
        return [entry_of(json.loads(row[0])) for row in connection.execute("SELECT body FROM usage_records")]


async def ready(edge: EdgeProcess) -> None:
    await asyncio.to_thread(edge.wait_for, "ready")
    await connected(edge)


async def get(port: int, path: str, key: str) -> Any:
    async with httpx2.AsyncClient(headers={"authorization": f"Bearer {key}"}, timeout=30, trust_env=False) as client:
        answer = await client.get(f"http://127.0.0.1:{port}{path}")
        assert answer.status_code == 200, answer.text
        return answer.json()


def counted(valkey: Valkey) -> int:
    """Settled and reserved, of the only counter of money."""
    name = next(word for word in valkey.command("KEYS", "*:m:API_KEY:*").split(b"\r\n") if word.startswith(b"le1:"))
    return sum(int(word) for word in valkey.command("HMGET", name, "s", "r").split(b"\r\n") if word.isdigit())


async def killed_under_load(victim: EdgeProcess, crowd: Crowd, provider: Provider) -> Killed:
    """80 requests at both; the first gateway dies while the provider works on at least four of its."""

    def under_way() -> bool:
        there = {charge.mark for charge in provider.books.charges}
        return sum(one.gateway == 0 and not one.ended and one.mark in there for one in crowd.asked) >= UNDER_WAY

    load = asyncio.ensure_future(crowd.at_once(Door("load", KEY), 80, CLIENTS))
    await eventually(lambda: len(provider.books.charges) >= 24 and under_way())
    at = time.time()
    victim.process.kill()
    await asyncio.to_thread(victim.process.wait)
    killed = Killed(0, at, time.time())
    await load
    return killed


async def test_after_a_sigkill_everybody_says_the_same(provider: Provider, valkey: Valkey, tmp_path: Path) -> None:
    victim, other = (edge_of(tmp_path, name, provider, valkey) for name in ("one", "other"))
    with other:
        with victim:
            await asyncio.gather(ready(victim), ready(other))
            crowd = Crowd([victim.port, other.port], seed=1)
            killed = await killed_under_load(victim, crowd, provider)
        successor = edge_of(tmp_path, "one", provider, valkey)
        with successor:
            await ready(successor)
            crowd.ports[0] = successor.port
            await crowd.at_once(Door("load", KEY), 20, 8)
            crowd.close()
            await asyncio.to_thread(successor.wait_for, "a gateway died with calls under way: they are kept as unknown")
            reports = [await get(edge.port, "/v1/admin/usage?by=key&since=24h", ADMIN) for _ in (1, 2) for edge in (successor, other)]
            own = await get(other.port, "/v1/usage", KEY)
            found = compare(crowd.asked, entries := entries_of(tmp_path), provider.books.charges, [killed])
            assert (found.wrong, found.examples) == ({}, [])
            assert found.known_nanos == found.billed_known_nanos > 0
            assert found.unknown >= UNDER_WAY
            assert 0 < found.billed_unknown_nanos <= found.reserved_nanos
            ((requests, nanos),) = by_key(entries).values()
            for row in (report["rows"] for report in reports[2:]):
                assert [(one["requests"], nanos_of(one["cost_usd"])) for one in row] == [(requests, nanos)]
            assert (own["total_requests"], round(own["total_cost_usd"] * 1e9)) == (requests, nanos)
            # of what was ending just then, counter and ledger may have one the cost and the other the reservation, never less than the bill
            assert found.billed_nanos <= counted(valkey) <= nanos + CLIENTS * RESERVED_AT_MOST

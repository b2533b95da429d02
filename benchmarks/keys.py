"""`python -m benchmarks.keys`: what 100 000 keys and 10 000 usage plans in SQLite cost: cold look-ups, start, memory.

Cold: the gateway has not seen the key since it started, so that signature, record, principal and plans are all read or made (the file is in
the system's cache, as it is on any machine that serves). Start and memory are those of a process of its own over an empty and over the full
store.
"""

import argparse
import asyncio
import json
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

from benchmarks.stats import quantile
from proxy.app import build_app
from proxy.core.clock import SystemClock
from proxy.core.entities import Caps, EntityType, Limits
from proxy.core.identity import Principal
from proxy.core.keys import sha256_hex
from proxy.core.tasks import TaskSupervisor
from proxy.governance.keys import Keyring, SignedKeys, StaticKeys
from proxy.governance.plans.book import PlanBook
from proxy.governance.plans.keys import PlanKeys
from proxy.serving import garbage
from proxy.settings import Settings
from proxy.storage import plan_rows, sqlite_plans, sqlite_rows
from proxy.storage.issue import new_agent_key, new_key
from proxy.storage.plans import Plan, PlanRecords
from proxy.storage.records import KeyRecord
from proxy.storage.sqlite import SqliteRecords
from proxy.storage.sqlite_plans import SqlitePlans

SECRET = b"a-signing-secret-for-measurements-only"
STARTS = 5
TENANTS = 1000
LooksUp = Callable[[str], Awaitable[Any]]
"""Of a key; None: it is nobody's."""


async def fill(path: Path, count: int) -> list[str]:
    """As many keys with limits and a budget each, every tenth an opaque one; the keys."""
    records = SqliteRecords(path)
    made: list[tuple[str, KeyRecord]] = []
    for n in range(count):
        more: dict[str, Any] = {
            "tenant": f"tenant-{n % TENANTS}",
            "user": f"user-{n}",
            "limits": Limits(rpm=60),
            "caps": Caps(monthly=10**11),
        }
        made.append(new_agent_key(1.8e9, **more) if n % 10 == 0 else new_key(SECRET, 1.8e9, **more))
    rows = [sqlite_rows.to_row(record) for _, record in made]

    def insert(connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(sqlite_rows.INSERT, rows)
        connection.execute("COMMIT")

    await records._run(insert)
    await records.aclose()
    return [key for key, _ in made]


async def fill_plans(path: Path, count: int) -> list[str]:
    """As many plans: of up to 1000 tenants, and half of the others of users, half of the AWS lab's hashed keys; these keys."""
    plans = SqlitePlans(path)
    lab_keys: list[str] = []
    rows = []
    for n in range(count):
        kind: EntityType = "TENANT" if n < TENANTS else "USER" if n % 2 else "API_KEY"
        entity_id = f"tenant-{n}" if kind == "TENANT" else f"user-{n}"
        if kind == "API_KEY":
            lab_keys.append(f"lab-key-{n:032d}")
            entity_id = sha256_hex(lab_keys[-1])
        plan = Plan(
            usage_id=f"usage-{n}",
            entity_type=kind,
            entity_id=entity_id,
            tenant=f"tenant-{n % TENANTS}",
            default_limits=Limits(input_tpm=40_000, output_tpm=10_000, rpm=60),
            model_limits={"gpt-4o": Limits(rpm=10)},
            caps=Caps(monthly=10**11),
            created_at=1.8e9,
        )
        rows.append(plan_rows.to_row(plan))

    def insert(connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(sqlite_plans.INSERT, rows)
        connection.execute("COMMIT")

    await plans._run(insert)
    await plans.aclose()
    return lab_keys


async def look_ups(path: Path, keys: list[str], at_once: int) -> list[float]:
    """Seconds of each, `at_once` of them at the same time."""
    async with aclosing(SqliteRecords(path)) as records:
        await records.ping()
        return await _timed(SignedKeys(SECRET, records).verify, keys, at_once)


async def look_ups_with_plans(path: Path, keys: list[str], at_once: int) -> list[float]:
    """As `look_ups`, and the plans of all that the key counts for."""
    async with aclosing(SqliteRecords(path)) as records, aclosing(SqlitePlans(path)) as plans:
        await records.ping()
        return await _timed(_with_plans(SignedKeys(SECRET, records).verify, plans), keys, at_once)


async def look_ups_of_plan_keys(path: Path, keys: list[str], at_once: int) -> list[float]:
    """Of the AWS lab's keys, with all their plans."""
    async with aclosing(SqlitePlans(path)) as plans:
        lab = PlanKeys(Keyring(StaticKeys()), plans, SystemClock(), 600.0, len(keys) + 1)
        return await _timed(_with_plans(lab.verify, plans), keys, at_once)


def _with_plans(verify: Callable[[str], Awaitable[Principal | None]], plans: PlanRecords) -> LooksUp:
    book = PlanBook(plans, SystemClock(), TaskSupervisor())

    async def look_up(key: str) -> Any:
        principal = await verify(key)
        return await book.load(principal) if principal is not None else None

    return look_up


async def _timed(look_up: LooksUp, keys: list[str], at_once: int) -> list[float]:
    waiting = list(keys)
    found: list[float] = []

    async def work() -> None:
        while waiting:
            key = waiting.pop()
            began = time.perf_counter()
            assert await look_up(key) is not None
            found.append(time.perf_counter() - began)

    await asyncio.gather(*(work() for _ in range(at_once)))
    return sorted(found)


async def start(path: Path) -> dict[str, float]:
    """Of a gateway over this store: seconds to readiness, and MB at its end."""
    config = Settings.of(
        stores={"records": f"sqlite:///{path}"}, auth={"signing_secret": SECRET.decode()}, providers={"echo": {"kind": "echo"}}
    )
    gateway = build_app(config)
    began = time.perf_counter()
    async with gateway.lifespan():
        took = time.perf_counter() - began
    return {"start_s": took, "rss_mb": _peak_mb()}


def _peak_mb() -> float:
    """Not by getrusage: a process that was begun by a larger one has that one's peak there."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))


def started(path: Path) -> dict[str, float]:
    """The best of a few."""
    runs = [json.loads(subprocess.check_output([sys.executable, "-m", "benchmarks.keys", "--start", str(path)])) for _ in range(STARTS)]
    return {name: min(run[name] for run in runs) for name in ("start_s", "rss_mb")}


async def measure(count: int, plans: int, sample: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="llm-edge-keys-") as directory:
        empty, full = Path(directory) / "empty.db", Path(directory) / "full.db"
        await fill(empty, 1)
        keys, lab_keys = await fill(full, count), await fill_plans(full, plans)
        chance = random.Random(1)
        picked = chance.sample(keys, sample)
        garbage.settle()  # as a gateway does at its start
        alone, crowded = await look_ups(full, picked, 1), await look_ups(full, picked, 8)
        planned, planned_crowded = await look_ups_with_plans(full, picked, 1), await look_ups_with_plans(full, picked, 8)
        lab = await look_ups_of_plan_keys(full, chance.sample(lab_keys, min(sample, len(lab_keys))), 1)
        before, after = started(empty), started(full)
        return {
            "keys": count,
            "plans": plans,
            **_quantiles("look_up", alone),
            "look_up_of_8_p99_ms": quantile(crowded, 0.99) * 1e3,
            **_quantiles("with_plans", planned),
            "with_plans_of_8_p99_ms": quantile(planned_crowded, 0.99) * 1e3,
            **(_quantiles("plan_key", lab) if lab else {}),
            "start_more_ms": (after["start_s"] - before["start_s"]) * 1e3,
            "rss_more_mb": after["rss_mb"] - before["rss_mb"],
            "file_mb": full.stat().st_size / 1e6,
        }


def _quantiles(name: str, found: list[float]) -> dict[str, float]:
    return {f"{name}_p50_ms": quantile(found, 0.5) * 1e3, f"{name}_p99_ms": quantile(found, 0.99) * 1e3}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.keys", description=__doc__)
    parser.add_argument("--keys", type=int, default=100_000, metavar="N")
    parser.add_argument("--plans", type=int, default=10_000, metavar="N")
    parser.add_argument("--sample", type=int, default=5_000, metavar="N", help="keys that are looked up")
    parser.add_argument("--start", type=Path, metavar="FILE", help=argparse.SUPPRESS)
    args = parser.parse_args()
    found = asyncio.run(start(args.start) if args.start else measure(args.keys, args.plans, args.sample))
    print(json.dumps({name: round(value, 3) for name, value in found.items()}))


if __name__ == "__main__":
    main()

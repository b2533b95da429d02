"""`python -m benchmarks.keys`: what 100 000 keys in SQLite cost: cold look-ups, start, memory.

Cold: the gateway has not seen the key since it started, so that signature, record and principal are all made (the file is in the system's
cache, as it is on any machine that serves). Start and memory are those of a process of its own over an empty and over the full store.
"""

import argparse
import asyncio
import json
import random
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.stats import quantile
from proxy.app import build_app
from proxy.core.entities import Caps, Limits
from proxy.governance.keys import SignedKeys
from proxy.settings import Settings
from proxy.storage import sqlite_rows
from proxy.storage.issue import new_agent_key, new_key
from proxy.storage.records import KeyRecord
from proxy.storage.sqlite import SqliteRecords

SECRET = b"a-signing-secret-for-measurements-only"
STARTS = 5


async def fill(path: Path, count: int) -> list[str]:
    """As many keys with limits and a budget each, every tenth an opaque one; the keys."""
    records = SqliteRecords(path)
    made: list[tuple[str, KeyRecord]] = []
    for n in range(count):
        more: dict[str, Any] = {"tenant": f"tenant-{n % 1000}", "user": f"user-{n}", "limits": Limits(rpm=60), "caps": Caps(monthly=10**11)}
        made.append(new_agent_key(1.8e9, **more) if n % 10 == 0 else new_key(SECRET, 1.8e9, **more))
    rows = [sqlite_rows.to_row(record) for _, record in made]

    def insert(connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(sqlite_rows.INSERT, rows)
        connection.execute("COMMIT")

    await records._run(insert)
    await records.aclose()
    return [key for key, _ in made]


async def look_ups(path: Path, keys: list[str], at_once: int) -> list[float]:
    """Seconds of each, `at_once` of them at the same time."""
    records = SqliteRecords(path)
    await records.ping()
    signed = SignedKeys(SECRET, records)
    waiting = list(keys)
    found: list[float] = []

    async def work() -> None:
        while waiting:
            key = waiting.pop()
            began = time.perf_counter()
            assert await signed.verify(key) is not None
            found.append(time.perf_counter() - began)

    await asyncio.gather(*(work() for _ in range(at_once)))
    await records.aclose()
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
    return {"start_s": took, "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def started(path: Path) -> dict[str, float]:
    """The best of a few."""
    runs = [json.loads(subprocess.check_output([sys.executable, "-m", "benchmarks.keys", "--start", str(path)])) for _ in range(STARTS)]
    return {name: min(run[name] for run in runs) for name in ("start_s", "rss_mb")}


async def measure(count: int, sample: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="llm-edge-keys-") as directory:
        empty, full = Path(directory) / "empty.db", Path(directory) / "full.db"
        await fill(empty, 1)
        keys = await fill(full, count)
        picked = random.Random(1).sample(keys, sample)
        alone, crowded = await look_ups(full, picked, 1), await look_ups(full, picked, 8)
        before, after = started(empty), started(full)
        return {
            "keys": count,
            "look_up_p50_ms": quantile(alone, 0.5) * 1e3,
            "look_up_p99_ms": quantile(alone, 0.99) * 1e3,
            "look_up_of_8_p99_ms": quantile(crowded, 0.99) * 1e3,
            "start_more_ms": (after["start_s"] - before["start_s"]) * 1e3,
            "rss_more_mb": after["rss_mb"] - before["rss_mb"],
            "file_mb": full.stat().st_size / 1e6,
        }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.keys", description=__doc__)
    parser.add_argument("--keys", type=int, default=100_000, metavar="N")
    parser.add_argument("--sample", type=int, default=5_000, metavar="N", help="keys that are looked up")
    parser.add_argument("--start", type=Path, metavar="FILE", help=argparse.SUPPRESS)
    args = parser.parse_args()
    found = asyncio.run(start(args.start) if args.start else measure(args.keys, args.sample))
    print(json.dumps({name: round(value, 3) for name, value in found.items()}))


if __name__ == "__main__":
    main()

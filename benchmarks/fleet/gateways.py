"""The gateways of the fleet bench, as three hosts would run them: `serve --config`, one Redis, one record store, a spool each."""

import http.client
import json
import os
import secrets
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.fleet.bill import INPUT_NANOS, OUTPUT_NANOS
from benchmarks.fleet.books import Entry, entry_of
from benchmarks.processes import Managed, StartError, free_port
from benchmarks.systems.gateway import clean_environment, launch_gateway, write_config
from proxy.core.money import NANOS_PER_USD

_PAGE = 1000
_SINCE = "24h"
"""The record store is as old as the run."""
ROOT = Path(__file__).parents[2]
_KEY_TTL_S = 3600
"""Longer than any outage of the record store here."""


class Key(msgspec.Struct, frozen=True):
    """As the admin API made it."""

    name: str
    id: str
    secret: str
    cap_nanos: int


class Fleet:
    def __init__(self, work: Path, upstream_port: int, redis_url: str, records_url: str, count: int) -> None:
        self.ports = [free_port() for _ in range(count)]
        self._work = work
        self._admin = "admin-" + secrets.token_hex(16)
        self._processes: list[Managed | None] = [None] * count
        self._starts = [0] * count
        secret = secrets.token_hex(32)
        self._configs = [self._config(i, upstream_port, redis_url, records_url, secret) for i in range(count)]

    def _config(self, i: int, upstream_port: int, redis_url: str, records_url: str, secret: str) -> dict[str, Any]:
        price = {"input": INPUT_NANOS / 1000, "output": OUTPUT_NANOS / 1000}
        return {
            "server": {"host": "127.0.0.1", "port": self.ports[i], "metrics_port": None, "drain_delay_s": 0, "grace_s": 5},
            "auth": {"admin_key": self._admin, "signing_secret": secret, "key_cache_ttl_s": _KEY_TTL_S},
            "stores": {"records": records_url, "redis": redis_url},
            "usage": {"spool": str(self.spool(i))},
            "providers": {"up": {"kind": "openai", "base_url": f"http://127.0.0.1:{upstream_port}/v1", "api_keys": ["sk-upstream"]}},
            "models": {"bench": {"targets": [{"provider": "up"}], "retries": {"attempts": 1}}},
            "prices": {"bench": price},
            "cache": {"enabled": False},
        }

    def spool(self, i: int) -> Path:
        return self._work / f"spool-{i}"

    def upgrade(self) -> None:
        """Raises StartError."""
        self._run("db", "upgrade", "--config", str(write_config(self._work, "upgrade", self._configs[0])))

    def start(self, i: int) -> float:
        """Seconds until it was ready. Raises StartError."""
        self._starts[i] += 1
        name = f"gateway-{i}-{self._starts[i]}"
        self._processes[i], ready_s = launch_gateway(self._work, (), name, self.ports[i], self._configs[i])
        return ready_s

    def kill(self, i: int) -> None:
        """`kill -9`."""
        process = self._processes[i]
        if process is not None:
            process.kill()
            self._processes[i] = None

    def stop(self) -> None:
        for process in self._processes:
            if process is not None:
                process.stop()
        self._processes = [None] * len(self._processes)

    def log_errors(self) -> list[str]:
        """Lines that tell of our own failure."""
        words = (
            "background task failed",
            "internal_error",
            "Traceback",
            "was never retrieved",
            "was destroyed but it is pending",
            "records lost",
        )
        found = []
        for log in sorted(self._work.glob("gateway-*.log")):
            with log.open(encoding="utf-8", errors="replace") as text:
                found += [f"{log.stem}: {line.strip()[:300]}" for line in text if any(word in line for word in words)]
        return found

    def spool_folders(self, i: int) -> list[str]:
        """One for each writer that lives, or has left something behind."""
        return [folder.name for folder in self.spool(i).iterdir()] if self.spool(i).exists() else []

    def make_key(self, name: str, cap_nanos: int, limits: dict[str, int]) -> Key:
        fields = {"role": "client", "name": name, "monthly_budget_usd": cap_nanos / NANOS_PER_USD, "limits": limits}
        made = self.call(0, "POST", "/v1/admin/api-keys", fields)
        return Key(name, made["key_id"], made["api_key"], cap_nanos)

    def records(self, i: int) -> list[Entry]:
        """All, page by page, as one gateway tells them."""
        found: list[Entry] = []
        after = ""
        while True:
            page = self.call(i, "GET", f"/v1/admin/usage/records?since={_SINCE}&limit={_PAGE}" + (f"&after={after}" if after else ""))
            found += [entry_of(one) for one in page["records"]]
            after = page["next"]
            if not after:
                return found

    def report(self, i: int) -> dict[str, tuple[int, int]]:
        """Key id → (requests, nano-USD), as `/v1/admin/usage` has them."""
        rows = self.call(i, "GET", f"/v1/admin/usage?by=key&since={_SINCE}")["rows"]
        return {row["key"]: (row["requests"], nanos_of(row["cost_usd"])) for row in rows}

    def own_usage(self, i: int, key: Key) -> tuple[int, int]:
        """(requests, nano-USD) of `/v1/usage`, with the key itself."""
        found = self.call(
            i, "GET", "/v1/usage", key=key.secret, patience_s=90.0
        )  # it counts as a request of the key, which is at its limit
        return found["total_requests"], round(found["total_cost_usd"] * NANOS_PER_USD)

    def counter(self, key: Key) -> int:
        """Nano-USD, settled and reserved, that the shared counter of its budget holds, as `plans explain` tells it."""
        config = str(write_config(self._work, "explain", self._configs[0]))
        rows = json.loads(self._run("plans", "explain", key.id, "bench", "--json", "--config", config))
        return next(int(row["used"] or 0) for row in rows if row["dimension"] == "nano_usd")

    def call(self, i: int, method: str, path: str, fields: dict[str, Any] | None = None, key: str = "", patience_s: float = 0.0) -> Any:
        """JSON of an answer; after 429 it is asked for again for so long. Raises StartError for one that is no success."""
        connection = http.client.HTTPConnection("127.0.0.1", self.ports[i], timeout=60)
        try:
            body = None if fields is None else json.dumps(fields)
            connection.request(method, path, body, {"authorization": f"Bearer {key or self._admin}", "content-type": "application/json"})
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.status == 429 and patience_s > 0:
            time.sleep(1.0)
            return self.call(i, method, path, fields, key, patience_s - 1.0)
        if answer.status != 200:
            raise StartError(f"{method} {path}: {answer.status} {content[:300]!r}")
        return json.loads(content)

    def _run(self, *words: str) -> str:
        environment = clean_environment() | {"PYTHONPATH": os.pathsep.join((str(ROOT), os.environ.get("PYTHONPATH", "")))}
        done = subprocess.run(
            [sys.executable, "-m", "proxy", *words],
            env=environment,
            cwd=self._work,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        if done.returncode:
            raise StartError(f"{' '.join(words[:2])} ended with {done.returncode}:\n{done.stderr[-2000:]}{done.stdout[-500:]}")
        return done.stdout


def nanos_of(usd: str) -> int:
    """Of a text with nine decimals."""
    whole, _, rest = usd.partition(".")
    return int(whole) * NANOS_PER_USD + int((rest + "0" * 9)[:9])

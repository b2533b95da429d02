"""What `doctor` looks at. Each check yields findings and changes nothing but an SQLite store's own schema."""

import asyncio
import errno
import os
import re
import socket
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Literal, NamedTuple

from proxy.cli.price_checks import price_lines
from proxy.core.clock import SystemClock
from proxy.core.errors import Unavailable
from proxy.core.tasks import TaskSupervisor
from proxy.settings import Settings, SettingsError, load_settings, redact_url
from proxy.storage.hot.address import is_cluster
from proxy.storage.hot.base import RedisDown
from proxy.storage.hot.cluster import RedisClusterHot
from proxy.storage.open import open_records, sqlite_path

MIN_PYTHON = (3, 11)
_PROBE_TIMEOUT_S = 2.0


class Finding(NamedTuple):
    check: str
    verdict: Literal["ok", "warn", "fail"]
    text: str


def examine(config: str | None, *, now: float | None = None) -> list[Finding]:
    """All checks; those that need a configuration are left out when there is none that loads. `now`: Unix seconds; None: the clock's."""
    findings = [*_python(), *packages("llm-edge")]
    try:
        settings = load_settings(config)
    except SettingsError as exc:
        return [*findings, Finding("config", "fail", str(exc))]
    findings += [Finding("config", "ok", f"digest {settings.digest()}")]
    findings += [Finding("config", "warn", line) for line in settings.not_yet()]
    return [
        *findings,
        *_prices(settings, SystemClock.time() if now is None else now),
        *_records(settings),
        *_redis(settings),
        *_ports(settings),
    ]


def _python() -> Iterator[Finding]:
    text = ".".join(str(part) for part in sys.version_info[:3])
    yield Finding("python", "ok" if sys.version_info >= MIN_PYTHON else "fail", text)


def packages(distribution: str) -> Iterator[Finding]:
    """Whether what an installed distribution needs is installed, too."""
    try:
        needed = [line for line in requires(distribution) or [] if "extra ==" not in line]
    except PackageNotFoundError:
        yield Finding("packages", "warn", f"{distribution} runs from a source tree and is not installed; its dependencies are not checked")
        return
    missing = [name for name in map(_name_of, needed) if not _installed(name)]
    if missing:
        yield Finding("packages", "fail", f"missing: {', '.join(missing)}; reinstall with pip install {distribution}")
    else:
        yield Finding("packages", "ok", f"{distribution} {version(distribution)} and its {len(needed)} dependencies")


def _name_of(requirement: str) -> str:
    """`uvloop>=0.21; sys_platform != 'win32'` → `uvloop`."""
    end = next((index for index, char in enumerate(requirement) if not (char.isalnum() or char in "-_.")), len(requirement))
    return requirement[:end]


def _installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return name == "uvloop"
    return True


def _prices(settings: Settings, now: float) -> Iterator[Finding]:
    text, wrong = price_lines(settings, now)
    yield Finding("prices", "ok", text)
    yield from (Finding("prices", "warn", line) for line in wrong)


def _records(settings: Settings) -> Iterator[Finding]:
    url = settings.stores.records_url
    path = sqlite_path(url)
    if path is None or path.exists():
        yield asyncio.run(_ping_records(url))
        if path is not None and path.exists() and path.stat().st_mode & 0o077:
            yield Finding("records", "warn", f"{path} can be read by others: chmod 600 {path}")
        return
    folder = _existing(path.absolute().parent)
    if os.access(folder, os.W_OK | os.X_OK):
        yield Finding("records", "ok", f"{path} will be made at the first start")
    else:
        yield Finding("records", "fail", f"{path} can't be made: {folder} is not writable")


async def _ping_records(url: str) -> Finding:
    records = open_records(url)
    try:
        await records.ping()
    except Unavailable as exc:
        return Finding("records", "fail", exc.message)
    finally:
        await records.aclose()
    return Finding("records", "ok", f"{redact_url(url)} is writable")


def _existing(folder: Path) -> Path:
    return folder if folder.is_dir() else _existing(folder.parent)


def _redis(settings: Settings) -> Iterator[Finding]:
    urls = {settings.stores.redis_url, settings.l2_url} - {None, "embedded"}
    for url in sorted(url for url in urls if url is not None):
        yield from _ping_redis(url, shared=url == settings.stores.redis_url and settings.cache.l2.redis is None)


def _ping_redis(url: str, *, shared: bool) -> Iterator[Finding]:
    import redis

    try:
        policies = asyncio.run(_cluster_policies(url)) if is_cluster(url) else _policies(url)
    except (redis.RedisError, OSError, ValueError, Unavailable) as exc:
        yield Finding("redis", "fail", f"{redact_url(url)}: {type(exc).__name__}; the gateway would run with its L1 cache alone")
        return
    yield Finding("redis", "ok", f"{redact_url(url)} answers")
    for policy in sorted(policies - {"noeviction"}) if shared else ():
        advice = "set noeviction, or give the cache its own cache.l2.redis"
        yield Finding("redis", "warn", f"maxmemory-policy is {policy}: limits could be evicted; {advice}")


def _policies(url: str) -> set[str]:
    import redis

    with redis.Redis.from_url(url, socket_timeout=_PROBE_TIMEOUT_S, socket_connect_timeout=_PROBE_TIMEOUT_S) as client:
        client.ping()
        return {client.info("memory").get("maxmemory_policy", "noeviction")}


async def _cluster_policies(url: str) -> set[str]:
    """Of all masters. Raises RedisDown where one cannot be asked or a slot is nobody's."""
    tasks = TaskSupervisor()
    hot = RedisClusterHot(url, tasks, op_timeout_s=_PROBE_TIMEOUT_S, connect_timeout_s=_PROBE_TIMEOUT_S)
    try:
        if not await hot.open(_PROBE_TIMEOUT_S):
            raise RedisDown("not every slot has a master that answers")
        return {found.decode() for found in re.findall(rb"maxmemory_policy:(\w[\w-]*)", await hot.execute("INFO", "memory"))}
    finally:
        await hot.close()
        await tasks.close()


def _ports(settings: Settings) -> Iterator[Finding]:
    server = settings.server
    for name, port in (("port", server.port), ("metrics_port", server.metrics_port)):
        if port:
            yield _bindable(f"server.{name} {port}", server.host, port)


def _bindable(label: str, host: str, port: int) -> Finding:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as exc:
        if exc.errno == errno.EADDRINUSE:
            return Finding("ports", "warn", f"{label} is in use (by a running gateway?)")
        return Finding("ports", "fail", f"{label} can't be bound on {host}: {exc.strerror or exc}")
    return Finding("ports", "ok", f"{label} is free")

"""A reload of all processes of a machine: one at a time, in two steps, with its outcome logged, counted and answered.

    prepare   every process reads and builds; whatever can fail, fails here    → Plan | Refused
    commit    every process puts it in force

What the first process has read is what all others are given, so that there cannot be two versions.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import msgspec

from proxy.admin.reload import Reload, Reloaded, ReloadRefused
from proxy.core.errors import Unavailable
from proxy.serving.watch import FileWatch
from proxy.settings import Problem
from proxy.settings.sources import Sources
from proxy.telemetry.metrics import Metrics

LOGGED_PATHS = 50


class Plan(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A configuration that a process is ready to take."""

    version: str
    previous: str = ""
    changed: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    sources: Sources = Sources()


class Refused(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """`sources`: as far as they were read."""

    problems: tuple[Problem, ...]
    sources: Sources = Sources()


class ReadRefused(ReloadRefused):
    """With what was read, so that it is known which change to wait for."""

    def __init__(self, *problems: Problem, sources: Sources | None = None) -> None:
        super().__init__(*problems)
        self.sources = sources or Sources()


class Reloader:
    """`carry_out`: both steps, over all processes; what was planned, and how many took it. Raises ReloadRefused. `watch`: is told what was
    read."""

    def __init__(self, carry_out: Callable[[], Awaitable[tuple[Plan, int]]], metrics: Metrics, watch: FileWatch | None = None) -> None:
        self._carry_out = carry_out
        self._metrics = metrics
        self._watch = watch
        self._one_at_a_time = asyncio.Lock()
        self._log = logging.getLogger("llm_edge")

    async def reload(self) -> Reloaded:
        """Raises ReloadRefused."""
        async with self._one_at_a_time:
            try:
                plan, workers = await self._carry_out()
            except ReloadRefused as exc:
                self._metrics.config_refused()
                self._log.error("configuration not reloaded, the old one stays in force", extra={"error": str(exc)})
                if isinstance(exc, ReadRefused):
                    self._follow(exc.sources)
                raise
            self._metrics.config_agrees()
            self._follow(plan.sources)
            self._log.info(
                "configuration reloaded",
                extra={
                    "version": plan.version,
                    "previous": plan.previous,
                    "changed": list(plan.changed[:LOGGED_PATHS]),
                    "workers": workers,
                },
            )
            for warning in plan.warnings:
                self._log.warning(warning)
            return Reloaded(version=plan.version, previous=plan.previous, changed=plan.changed, warnings=plan.warnings, workers=workers)

    async def quietly(self) -> None:
        """For signals and watchers: the outcome is in the log."""
        try:
            await self.reload()
        except ReloadRefused:
            return

    def _follow(self, sources: Sources) -> None:
        if self._watch is not None:
            self._watch.follow(sources)


class ReloadDoor:
    """What the admin API calls: the process's own reloader, or the way to the supervisor's."""

    def __init__(self) -> None:
        self.behind: Reload | None = None

    async def __call__(self) -> Reloaded:
        """Raises ReloadRefused, Unavailable."""
        if self.behind is None:
            raise Unavailable("the process is starting")
        return await self.behind()


def refused(exc: ReloadRefused) -> Refused:
    return Refused(problems=exc.problems, sources=exc.sources if isinstance(exc, ReadRefused) else Sources())


class Done(msgspec.Struct, frozen=True, tag=True):
    """The supervisor's answer to a worker."""

    reloaded: Reloaded


encode = msgspec.msgpack.Encoder().encode


def decode_plan(raw: bytes) -> Plan | Refused:
    """Raises msgspec.DecodeError, as the others."""
    return msgspec.msgpack.decode(raw, type=Plan | Refused)


def decode_sources(raw: bytes) -> Sources:
    return msgspec.msgpack.decode(raw, type=Sources)


def decode_done(raw: bytes) -> Done | Refused:
    return msgspec.msgpack.decode(raw, type=Done | Refused)

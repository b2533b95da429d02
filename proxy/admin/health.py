"""`GET /v1/admin/health`: agenthub's `{status, role}`, and beside it what an operator asks first when something is wrong."""

import os
from collections.abc import Callable
from time import perf_counter
from typing import Literal

import msgspec
from starlette.types import Receive, Scope, Send

from proxy.admin.answer import answer, context
from proxy.core.clock import utc_iso
from proxy.core.errors import EdgeError
from proxy.core.lifecycle import State
from proxy.core.version import __version__
from proxy.governance.keys import SignedKeys
from proxy.governance.metering.ledger import UsageLedger
from proxy.state import AppState
from proxy.storage.hot.base import LinkState, OwnedHotStore


class ConfigFacts(msgspec.Struct, frozen=True, kw_only=True):
    version: str
    loaded_at: str
    file: str | None
    drift_version: int
    """Of what is laid over it."""


class RecordsFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The record store, just asked whether it can be written."""

    kind: str
    ok: bool
    latency_ms: float
    error: str | None


class HotFacts(msgspec.Struct, frozen=True, kw_only=True):
    kind: Literal["memory", "redis"]
    """`memory`: the process's own, there is no `stores.redis`."""
    ok: bool
    address: str | None
    breaker: LinkState | None


class SpoolFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Usage records on their way to the record store."""

    enabled: bool
    delivering: bool
    """False: the record store does not take them now; they wait."""
    backlog_bytes: int
    """On the disk, intents of calls under way among it."""
    unwritten: int
    """Lines that wait in memory because the disk is full or gone."""
    written: int
    """Records since the start."""
    lost: int
    """Since the start."""


class CacheFacts(msgspec.Struct, frozen=True, kw_only=True):
    cached: int
    ttl_s: float
    """So long an entry is believed where nobody tells of a change."""


class AdminHealthView(msgspec.Struct, frozen=True, kw_only=True):
    status: Literal["healthy", "degraded"]
    role: str
    """The caller's."""
    problems: list[str]
    """Why it is degraded."""
    version: str
    state: State
    pid: int
    config: ConfigFacts
    records: RecordsFacts
    hot: HotFacts
    spool: SpoolFacts
    keys: CacheFacts
    plans: CacheFacts


class AdminHealth:
    """Of the process that answers."""

    def __init__(
        self,
        state: Callable[[], AppState],
        signed: Callable[[], SignedKeys | None],
        loaded_at: Callable[[], float],
        drift_version: Callable[[], int],
    ) -> None:
        """`signed`: keys of the record store as they are known; None: none are served."""
        self._state = state
        self._signed = signed
        self._loaded_at = loaded_at
        self._drift_version = drift_version

    async def show(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Always 200: probes ask `/health/ready`."""
        principal = context(scope).principal
        state, signed = self._state(), self._signed()
        records, hot, spool = await _records(state), _hot(state.hot), _spool(state.ledger)
        problems = _problems(records, hot, spool)
        ttl_s = state.settings.auth.key_cache_ttl_s
        view = AdminHealthView(
            status="degraded" if problems else "healthy",
            role=principal.role if principal is not None else "",
            problems=problems,
            version=__version__,
            state=state.lifecycle.state,
            pid=os.getpid(),
            config=ConfigFacts(
                version=state.settings.digest(),
                loaded_at=utc_iso(self._loaded_at()),
                file=state.settings.file,
                drift_version=self._drift_version(),
            ),
            records=records,
            hot=hot,
            spool=spool,
            keys=CacheFacts(cached=signed.cached if signed is not None else 0, ttl_s=ttl_s),
            plans=CacheFacts(cached=state.plans.cached, ttl_s=state.plans.ttl_s),
        )
        await answer(send, view)


async def _records(state: AppState) -> RecordsFacts:
    kind = state.settings.stores.records_url.partition(":")[0].partition("+")[0]
    began, error = perf_counter(), None
    try:
        await state.records.ping()
    except EdgeError as exc:
        error = exc.message
    return RecordsFacts(kind=kind, ok=error is None, latency_ms=round((perf_counter() - began) * 1e3, 3), error=error)


def _hot(hot: OwnedHotStore | None) -> HotFacts:
    if hot is None:
        return HotFacts(kind="memory", ok=True, address=None, breaker=None)
    return HotFacts(kind="redis", ok=hot.connected and hot.state == "closed", address=hot.label, breaker=hot.state)


def _spool(ledger: UsageLedger | None) -> SpoolFacts:
    if ledger is None:
        return SpoolFacts(enabled=False, delivering=True, backlog_bytes=0, unwritten=0, written=0, lost=0)
    spool = ledger.spool
    return SpoolFacts(
        enabled=True,
        delivering=not ledger.waiting,
        backlog_bytes=spool.backlog_bytes if spool is not None else 0,
        unwritten=spool.unwritten if spool is not None else 0,
        written=ledger.written,
        lost=ledger.lost + (spool.lost if spool is not None else 0),
    )


def _problems(records: RecordsFacts, hot: HotFacts, spool: SpoolFacts) -> list[str]:
    found = []
    if records.error is not None:
        found.append(f"record store: {records.error}")
    if not hot.ok:
        found.append(f"hot store: {hot.address} does not answer")
    if not spool.delivering:
        found.append("spool: the record store takes no usage records; they wait on the disk")
    if spool.unwritten:
        found.append(f"spool: {spool.unwritten} lines wait in memory for the disk")
    return found

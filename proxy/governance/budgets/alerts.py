"""Warnings: said once, by the settlement with which a counter crosses a line. Whoever settles it, of whatever process, sees it cross: the
counters are shared, so the warnings need not be."""

import logging
import uuid
from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol

import msgspec

from proxy.core.claims import Reading, Spend
from proxy.core.clock import utc_iso
from proxy.core.entities import Entity
from proxy.core.money import usd
from proxy.governance.budgets.periods import Period
from proxy.governance.budgets.refusals import approaching, said

Kind = Literal["warning", "exceeded"]
MAX_WATCHED = 20_000
"""Counters whose lines are known; then those of periods that are over are let go."""
_log = logging.getLogger("llm_edge")


class Watched(msgspec.Struct, frozen=True):
    """A counter and its lines, in nano-USD."""

    entity: Entity
    period: Period
    key: str
    cap: int
    warn_at: int
    soft: bool
    ends_at: float | None


class Meter(Protocol):
    def budget_alert(self, kind: str, entity: str, period: str) -> None: ...


class Hook(Protocol):
    def tell(self, event: dict[str, Any]) -> None:
        """Returns at once."""
        ...


class Alerts:
    def __init__(self, *, unix: Callable[[], float] | None = None, meter: Meter | None = None, hook: Hook | None = None) -> None:
        self._unix = unix or (lambda: 0.0)
        self._meter = meter
        self.hook = hook
        self._watched: dict[tuple[str, str], Watched] = {}
        self._said: dict[tuple[str, str, Kind], int] = {}
        """The line that was crossed: a cap that was raised can be crossed again."""

    def watch(self, watched: Watched) -> None:
        if len(self._watched) >= MAX_WATCHED:
            self._forget()
        self._watched[watched.entity.tenant, watched.key] = watched

    def settled(self, tenant: str, readings: Sequence[Reading], nanos: int) -> None:
        """`readings`: after `nanos` were settled."""
        for reading in readings:
            claim = reading.claim
            watched = self._watched.get((claim.tenant or tenant, claim.key)) if type(claim) is Spend else None
            if watched is None:
                continue
            spent = reading.used - reading.reserved
            if spent < watched.warn_at and spent < watched.cap:
                continue
            if spent >= watched.warn_at > spent - nanos:
                self._say("warning", watched, watched.warn_at, spent)
            if spent >= watched.cap > spent - nanos:
                self._say("exceeded", watched, watched.cap, spent)

    def _say(self, kind: Kind, watched: Watched, line: int, spent: int) -> None:
        name = (watched.entity.tenant, watched.key, kind)
        if self._said.get(name) == line:
            return
        self._said[name] = line
        entity = watched.entity
        text = (approaching if kind == "warning" else said)(watched.period, spent, watched.cap)
        event = {
            "id": str(uuid.uuid4()),
            "type": f"budget.{kind}",
            "at": utc_iso(self._unix()),
            "message": text,
            "tenant": entity.tenant,
            "entity_type": entity.type,
            "entity_id": entity.id,
            "period": watched.period,
            "period_ends_at": None if watched.ends_at is None else utc_iso(watched.ends_at),
            "budget_usd": usd(watched.cap),
            "spent_usd": usd(spent),
            "soft": watched.soft,
        }
        _log.warning(text, extra={"event": event["type"], **{k: v for k, v in event.items() if k not in ("type", "message", "id", "at")}})
        if self._meter is not None:
            self._meter.budget_alert(kind, entity.type.lower(), watched.period)
        if self.hook is not None:
            self.hook.tell(event)

    def _forget(self) -> None:
        now = self._unix()
        gone = [name for name, one in self._watched.items() if one.ends_at is not None and one.ends_at < now]
        for name in gone or list(self._watched):
            del self._watched[name]
        self._said = {name: line for name, line in self._said.items() if name[:2] in self._watched}

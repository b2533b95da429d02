"""What administrators changed: one event a change, emitted when it has been stored."""

import logging
from typing import Any, Protocol

import msgspec


class AdminEvent(msgspec.Struct, frozen=True, kw_only=True):
    action: str
    """What was done, as `api_key.created`."""
    subject: str
    """To what: a key id, a tenant, a plan."""
    tenant: str
    """Whose that is."""
    actor: str
    """Key id of who did it; `cli`: somebody with the record store at hand."""
    at: float
    """Unix seconds."""
    trace_id: str = ""
    changes: dict[str, Any] = {}
    """Fields that changed with what they are now; never a secret."""


class AdminEvents(Protocol):
    def emit(self, event: AdminEvent) -> None:
        """Does not raise, and does not wait."""
        ...


class LoggedEvents:
    """One line each in the gateway's log."""

    def __init__(self) -> None:
        self._log = logging.getLogger("llm_edge")

    def emit(self, event: AdminEvent) -> None:
        facts = {"subject": event.subject, "tenant": event.tenant, "actor": event.actor, "trace_id": event.trace_id}
        self._log.info(event.action, extra=facts | {"changed": sorted(event.changes)})


class KeptEvents:
    """For tests: in a list."""

    def __init__(self) -> None:
        self.events: list[AdminEvent] = []

    def emit(self, event: AdminEvent) -> None:
        self.events.append(event)


_: type[AdminEvents] = LoggedEvents
__: type[AdminEvents] = KeptEvents

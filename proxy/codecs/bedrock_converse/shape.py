"""What a client's request says beyond the canonical types, kept so that the same dialect writes it back as it came.

Places of parts are the canonical ones (`messages[0].content[1]`, `system[0]`), which count no cache points: those are hints on the part
before them.
"""

from typing import Any

from proxy.core.request import ChatRequest


class WireRequest(ChatRequest, frozen=True, kw_only=True):
    """A request decoded from this dialect."""

    kept: dict[str, dict[str, Any]] = {}
    """Place of a part or tool → its block as sent, where the canonical form does not carry all of it. Should a policy have changed the
    part, its new content is written into the old block."""
    spelled: frozenset[str] = frozenset()
    """Paths of objects and arrays that were sent, though perhaps empty."""


class Shape:
    """Collects the above while a request is decoded."""

    def __init__(self) -> None:
        self.kept: dict[str, dict[str, Any]] = {}
        self.spelled: set[str] = set()
        self.places: dict[str, str] = {}
        self.telling: dict[str, Any] = {}
        """Canonical path → value of what no other dialect carries, though the part around it is carried."""

    def told_of(self, place: str) -> dict[str, Any]:
        """The telling fields below one message, keyed relative to it."""
        prefix = f"{place}."
        return {path[len(prefix) :]: value for path, value in self.telling.items() if path.startswith(prefix)}

"""How many calls each key of a provider may have: the same number for each, over all targets of the provider in this process.

A call takes its place at the target (`routing/gate.py`) and at a key in one step, or at neither. When a key has room again, the targets
that have requests waiting take turns.
"""

from collections.abc import Callable, Iterable, Sequence
from time import monotonic
from typing import Protocol

from proxy.routing.room import Bounds, Room

Wanted = Callable[[float], Sequence[str]]
"""By fingerprint: the keys that a call may have at a time (monotonic seconds), the best first."""


def no_keys(_: float) -> Sequence[str]:
    return ()


class Line(Protocol):
    """A target's queue."""

    @property
    def waiting(self) -> int: ...
    def serve(self) -> bool:
        """Whether anybody was."""
        ...


class KeyRooms:
    def __init__(self, rules: Bounds, accounts: Iterable[str]) -> None:
        """`accounts`: fingerprints; "" stands for an upstream without credentials."""
        self._rules = rules
        self._rooms: dict[str, Room] = {}
        self._lines: dict[Line, None] = {}
        """Those that had somebody waiting, whose turn it is first."""
        self.configure(rules, accounts)

    def configure(self, rules: Bounds, accounts: Iterable[str]) -> None:
        """Another configuration. Calls under way go on to count; so do those of keys that are gone, until they are over."""
        self._rules = rules
        busy = {account: room for account, room in self._rooms.items() if room.inside}
        self._rooms = {account: self._rooms.get(account) or Room(rules) for account in accounts} | busy
        for room in self._rooms.values():
            room.rules = rules

    def enter(self, accounts: Iterable[str], now: float) -> str | None:
        """The first of these that has room has one call more; None: none has."""
        for account in accounts:
            room = self._rooms.get(account)
            if room is None:  # of a configuration that is not in force any more
                room = self._rooms[account] = Room(self._rules)
            if room.has(now):
                room.take(now)
                return account
        return None

    def more(self, account: str, calls: int, at_once: int, now: float, *, together: bool) -> int:
        """`Room.take_more`, of a key at which the caller has its place."""
        return self._rooms[account].take_more(calls, at_once, now, together=together)

    def leave(self, account: str, places: int = 1) -> None:
        """To be followed by `serve`, once all that the call had is given back."""
        self._rooms[account].inside -= places

    def has(self, now: float) -> bool:
        """Whether any key has room."""
        return any(room.has(now) for room in self._rooms.values())

    def free_at(self, now: float) -> float | None:
        """When time alone makes room; None: nowhere is the minute full."""
        return min((at for room in self._rooms.values() if (at := room.free_at(now)) is not None), default=None)

    def queue(self, line: Line) -> None:
        """It has somebody waiting."""
        self._lines.setdefault(line)

    def serve(self) -> None:
        """Those who wait, before anybody new."""
        for line in tuple(self._lines):
            if not self.has(monotonic()):
                return
            served = line.serve()
            if served or not line.waiting:
                self._lines.pop(line, None)
            if line.waiting:
                self._lines.setdefault(line)

    def calls(self) -> dict[str, int]:
        """Under way, by fingerprint; empty while nothing is bounded."""
        return {account: room.inside for account, room in self._rooms.items()} if self._rules.bind else {}

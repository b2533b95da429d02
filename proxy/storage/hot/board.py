"""The board: small facts that every process of a deployment should know within a second (breaker states, cool-downs, overlays).

A field is a name such as `health:openai/gpt-4o` with bytes and a lifetime. The last writer wins; `put_longer` only ever lengthens.
`LocalBoard` is one process's own; `RedisBoard` (redis_board.py) is the same, kept equal with everybody else's. Meant for hundreds of
fields that change now and then: what changes with every request does not belong here.

A field that was dropped, or that was replaced by a shorter-lived one, leaves a dead entry until the longest life that it had would be
over, so that an older write which comes late (after an outage) cannot bring it back.
"""

import asyncio
import secrets
from collections.abc import Callable
from typing import Protocol

import msgspec

from proxy.core.clock import Clock

MAX_FIELD_BYTES = 512
MAX_VALUE_BYTES = 64 * 1024
GUARD_S = 60.0
"""How long a dropped field that nobody here knew refuses older writes."""

Callback = Callable[[str, bytes | None], None]


class Board(Protocol):
    """To be used on the event loop. Callbacks come from the loop, one after the other in the order of the changes, never from within a
    method; what a callback raises is logged by the loop and stops nobody."""

    def put(self, field: str, value: bytes, ttl_s: float) -> None:
        """Known here at once. Raises ValueError for a lifetime that is not above 0, an empty or too long name, a name that begins with
        `@`, and a value over 64 KiB."""
        ...

    def put_longer(self, field: str, value: bytes, ttl_s: float) -> bool:
        """The same, unless what is there lasts longer or as long: False. Of several from several processes the longest stays."""
        ...

    def drop(self, field: str) -> None: ...

    def get(self, field: str) -> bytes | None:
        """As known here; None: never put, dropped, or its lifetime is over."""
        ...

    def items(self, prefix: str) -> dict[str, bytes]:
        """Living fields whose names begin with it."""
        ...

    def watch(self, prefix: str, callback: Callback) -> Callable[[], None]:
        """`callback(field, value)` for what is there now and for each change of a value (own writes, too); None: dropped or its lifetime
        is over. Returns what ends it."""
        ...

    def on_gap(self, callback: Callable[[], None]) -> Callable[[], None]:
        """`callback()` whenever writes of other processes may have been missed: after each outage. Returns what ends it."""
        ...


class Entry(msgspec.Struct, frozen=True):
    value: bytes
    deadline: float
    """In monotonic seconds; a dropped field's is in the past."""
    keep: float
    """Until when an older write is refused; not before `deadline`."""
    version: int
    """Milliseconds of the writer's clock, above every version that it had seen."""
    writer: str
    floor: int
    """Version of the last plain write of the field: lengthening ones that are not above it have been overruled. Its own in a plain one."""

    @property
    def longer(self) -> bool:
        """From `put_longer`."""
        return self.floor < self.version


class LocalBoard:
    """Without Redis: this process's own."""

    def __init__(self, clock: Clock, *, writer: str | None = None) -> None:
        """`writer`: a name of this process, without blanks; None: a random one."""
        self._now = clock.monotonic
        self._unix = clock.time
        self._writer = writer or secrets.token_hex(6)
        self._version = 0
        self._ahead_s = 0.0
        """Of the common clock (the Redis server's) before this process's."""
        self._entries: dict[str, Entry] = {}
        self._told: dict[str, bytes] = {}
        """What the watchers take for the living fields."""
        self._watchers: dict[object, tuple[str, Callback]] = {}
        self._gap_callbacks: dict[object, Callable[[], None]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0

    async def open(self) -> None:
        """Nothing, here."""

    async def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._watchers.clear()
        self._gap_callbacks.clear()

    def put(self, field: str, value: bytes, ttl_s: float) -> None:
        _check(field, value, ttl_s)
        self._write(field, value, self._now() + ttl_s, longer=False)

    def put_longer(self, field: str, value: bytes, ttl_s: float) -> bool:
        _check(field, value, ttl_s)
        deadline = self._now() + ttl_s
        before = self._entries.get(field)
        if before is not None and before.deadline >= deadline:
            return False
        self._write(field, value, deadline, longer=True)
        return True

    def drop(self, field: str) -> None:
        now = self._now()
        self._write(field, b"", now, longer=False, keep=now + GUARD_S)

    def get(self, field: str) -> bytes | None:
        entry = self._entries.get(field)
        return entry.value if entry is not None and entry.deadline > self._now() else None

    def items(self, prefix: str) -> dict[str, bytes]:
        now = self._now()
        return {name: e.value for name, e in self._entries.items() if e.deadline > now and name.startswith(prefix)}

    def watch(self, prefix: str, callback: Callback) -> Callable[[], None]:
        watcher = object()
        self._watchers[watcher] = (prefix, callback)
        loop = asyncio.get_running_loop()
        for name, value in self._told.items():
            if name.startswith(prefix):
                loop.call_soon(self._call, watcher, name, value)
        return lambda: self._forget(watcher)

    def on_gap(self, callback: Callable[[], None]) -> Callable[[], None]:
        waiting = object()
        self._gap_callbacks[waiting] = callback
        return lambda: self._no_gap(waiting)

    def _no_gap(self, waiting: object) -> None:
        self._gap_callbacks.pop(waiting, None)

    def _gap(self) -> None:
        loop = asyncio.get_running_loop()
        for callback in self._gap_callbacks.values():
            loop.call_soon(callback)

    def _forget(self, watcher: object) -> None:
        self._watchers.pop(watcher, None)

    def _write(self, field: str, value: bytes, deadline: float, *, longer: bool, keep: float = 0.0) -> None:
        before = self._entries.get(field)
        keep = max(deadline, keep, before.keep if before is not None else 0.0)
        self._version = max(self._version + 1, int((self._unix() + self._ahead_s) * 1000))
        floor = self._version if not longer else before.floor if before is not None else 0
        entry = Entry(value, deadline, keep, self._version, self._writer, floor)
        self._store(field, entry)
        self._written(field, entry)

    def _written(self, field: str, entry: Entry) -> None:
        """By this process."""

    def _store(self, field: str, entry: Entry) -> None:
        """It takes the place of whatever was there."""
        self._entries[field] = entry
        now = self._now()
        self._tell(field, entry.value if entry.deadline > now else None)
        self._arm(entry.deadline if entry.deadline > now else entry.keep)

    def _tell(self, field: str, value: bytes | None) -> None:
        if self._told.get(field) == value:
            return
        if value is None:
            del self._told[field]
        else:
            self._told[field] = value
        loop = asyncio.get_running_loop()
        for watcher, (prefix, _) in self._watchers.items():
            if field.startswith(prefix):
                loop.call_soon(self._call, watcher, field, value)

    def _call(self, watcher: object, field: str, value: bytes | None) -> None:
        if (found := self._watchers.get(watcher)) is not None:
            found[1](field, value)

    def _arm(self, at: float) -> None:
        """One timer, for the first that ends."""
        if self._timer is not None:
            if self._timer_at <= at:
                return
            self._timer.cancel()
        self._timer_at = at
        self._timer = asyncio.get_running_loop().call_later(max(0.0, at - self._now()), self._wake)

    def _wake(self) -> None:
        self._timer = None
        now, following = self._now(), float("inf")
        for name, entry in list(self._entries.items()):
            if entry.deadline > now:
                following = min(following, entry.deadline)
                continue
            self._tell(name, None)
            if entry.keep > now:
                following = min(following, entry.keep)
            else:
                del self._entries[name]
        if self._entries:
            self._arm(following)


def _check(field: str, value: bytes, ttl_s: float) -> None:
    if not field or field[0] == "@" or len(field.encode()) > MAX_FIELD_BYTES:
        raise ValueError(f"a field of the board has a name of 1 to {MAX_FIELD_BYTES} bytes that does not begin with @")
    if len(value) > MAX_VALUE_BYTES:
        raise ValueError(f"a value of the board has at most {MAX_VALUE_BYTES} bytes")
    if not ttl_s > 0:
        raise ValueError("a lifetime on the board is above 0 s")


_: type[Board] = LocalBoard

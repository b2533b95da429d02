"""The board of all processes of a deployment: one hash in Redis, polled by its head.

Every `POLL_S` a process asks for the number of the last write (HGET of 40 bytes, and nothing more while nothing changes); when it moved,
one script brings the fields written since. With 300 fields that is 1.5 ms of CPU a second (measured 2026-11-26), everything read anew now
and then included. A process sends its own writes at once, all of a loop tick in one script. Redis decides what stands (board_write.lua), on
its own clock; everybody takes that over.

Loss: what is known stays until its lifetime is over, own writes count here and are sent when Redis answers again. Numbers belong to a
history, which a flushed or empty Redis begins anew: then, after any failed poll, when the number went back (a failover to a replica that
lacked the last writes), and every `WHOLE_EVERY_S` anyway, a process reads everything and sends what it knows and Redis lacks. Others'
fields too: that is harmless, as a write that stands already or is older changes nothing, and the author may be gone.

Clocks: lifetimes go to Redis and come from there as what is left of them; versions are milliseconds of the Redis server's clock as this
process knows it, above every version seen.
"""

import asyncio
import logging
import secrets
from importlib.resources import files
from typing import Any

from proxy.core.clock import Clock
from proxy.core.tasks import TaskSupervisor
from proxy.storage.hot.base import HotStore, RedisDown, RedisRefused
from proxy.storage.hot.board import Board, Entry, LocalBoard

POLL_S = 0.25
WHOLE_EVERY_S = 10.0
AT_ONCE = 200
"""Writes in one script: below what a server's 100 ms and a slow log take notice of."""

SLACK_S = 0.5
"""Two lengthening writes count as equally long within it: what is left of a lifetime is told anew with every trip."""

_log = logging.getLogger("llm_edge")


class RedisBoard(LocalBoard):
    """`key`: of the hash. `open` takes the first look and goes on polling until `close`."""

    def __init__(
        self, hot: HotStore, clock: Clock, tasks: TaskSupervisor, *, key: str = "llm-edge:{board}:le1", writer: str | None = None
    ) -> None:
        super().__init__(clock, writer=writer)
        self._hot = hot
        self._tasks = tasks
        self._key = key
        self._read_script = _script("board_read.lua")
        self._write_script = _script("board_write.lua")
        self._history = b""
        self._number = 0
        self._missed = False
        """The last look failed."""
        self._whole_at = 0.0
        """When everything is to be read again, in monotonic seconds."""
        self._pending: dict[str, list[Entry]] = {}
        """Not yet taken by Redis, oldest first. A plain write makes earlier ones of its field pointless, a lengthening one does not."""
        self._flush_due = False
        self._sending: asyncio.Future[Any] | None = None
        self._complained = False
        self._poller: asyncio.Task[Any] | None = None

    async def open(self) -> None:
        await self.sync()
        self._poller = self._tasks.start(self._poll(), name="board", endless=True)

    async def close(self) -> None:
        """What was written goes out if Redis takes it within a command's time-out."""
        if self._poller is not None:
            self._poller.cancel()
            await asyncio.wait({self._poller})
        self._flush()
        if self._sending is not None:
            await asyncio.wait({self._sending})
        await super().close()

    async def sync(self) -> bool:
        """One look at Redis. False: it did not answer."""
        now = self._now()
        try:
            if now < self._whole_at:
                if await self._hot.execute("HGET", self._key, "@") != self._head():
                    self._take(await self._read(self._history, self._number))
            else:
                self._take(await self._read(b"", 0))
                self._whole_at = now + WHOLE_EVERY_S
        except RedisDown:
            self._whole_at = now
            self._missed = True
            return False
        except RedisRefused as refused:
            self._whole_at = now
            self._missed = True
            self._complain(refused.message)
            return False
        if self._missed:
            self._missed = False
            self._gap()
        self._flush()
        return True

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(POLL_S)
            await self.sync()

    def _head(self) -> bytes | None:
        return b"%s %d" % (self._history, self._number) if self._history else None

    def _read(self, history: bytes, number: int) -> "asyncio.Future[Any]":
        return self._hot.eval(self._read_script, (self._key,), (history, number))

    def _take(self, answer: list[Any]) -> None:
        """An answer of board_read.lua."""
        history, number, server_ms, whole, *pairs = answer
        now = self._now()
        self._ahead_s = server_ms / 1000 - self._unix()
        there = set()
        for field, record in zip(pairs[::2], pairs[1::2], strict=True):
            name, entry = field.decode(errors="replace"), _entry(record, server_ms, now)
            there.add(name)
            if entry is None:
                self._complain(f"field {name!r} is of an unknown form")
            elif name not in self._pending:
                known = self._entries.get(name)
                if whole and known is not None and _outdoes(known, entry):
                    self._pending[name] = [known]
                else:
                    self._adopt(name, entry)
        if whole:
            for name, known in self._entries.items():
                if name not in there and name not in self._pending and known.keep > now:
                    self._pending[name] = [known]
        if self._history and (history != self._history or number < self._number):
            self._missed = True
        self._history, self._number = history, number

    def _adopt(self, field: str, entry: Entry) -> None:
        self._version = max(self._version, entry.version)
        self._store(field, entry)

    def _written(self, field: str, entry: Entry) -> None:
        waiting = self._pending.get(field)
        if waiting is None or not entry.longer:
            self._pending[field] = [entry]
        elif waiting[-1].longer:
            waiting[-1] = entry
        else:
            waiting.append(entry)
        if not self._flush_due and self._hot.available:
            self._flush_due = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_due = False
        if self._sending is not None or not self._pending:
            return
        now = self._now()
        sent: list[tuple[str, Entry]] = []
        args: list[str | bytes | int] = [secrets.token_hex(8)]
        for field, waiting in self._pending.items():
            for entry in waiting:
                sent.append((field, entry))
                left_ms, keep_ms = _ms(entry.deadline - now), _ms(entry.keep - now)
                args += [field, entry.version, entry.writer, entry.floor, left_ms, keep_ms, entry.value]
            if len(sent) >= AT_ONCE:
                break
        self._sending = self._hot.eval(self._write_script, (self._key,), tuple(args))
        self._sending.add_done_callback(lambda future: self._settle(sent, future))

    def _settle(self, sent: list[tuple[str, Entry]], future: "asyncio.Future[Any]") -> None:
        """What failed stays pending for the next poll that is answered."""
        self._sending = None
        error = None if future.cancelled() else future.exception()
        if isinstance(error, RedisRefused):
            self._complain(error.message)
            return
        if error is not None or future.cancelled():
            self._whole_at = 0.0
            return
        history, before, after, server_ms, *records = future.result()
        now = self._now()
        for (field, entry), record in zip(sent, records, strict=True):
            waiting = self._pending.get(field, [])
            if entry in waiting:
                waiting.remove(entry)
            if not waiting:
                self._pending.pop(field, None)
                if (standing := _entry(record, server_ms, now)) is not None:
                    self._adopt(field, standing)
        if history != self._history:
            self._whole_at = 0.0
        elif before == self._number:
            self._number = after
        self._flush()

    def _complain(self, reason: str) -> None:
        """Once: the next poll would say the same."""
        if not self._complained:
            self._complained = True
            _log.warning("the shared board is not whole", extra={"key": self._key, "reason": reason})


def _entry(record: bytes, server_ms: int, now: float) -> Entry | None:
    """As board_write.lua makes it; None for any other form."""
    try:
        _, version, writer, floor, expires, keep, value = record.split(b" ", 6)
        left_s, keep_s = (int(expires) - server_ms) / 1000, (int(keep) - server_ms) / 1000
        return Entry(value, now + left_s, now + keep_s, int(version), writer.decode(), int(floor))
    except ValueError:
        return None


def _outdoes(known: Entry, entry: Entry) -> bool:
    """Whether Redis has gone back behind what it once had."""
    if known.longer:
        return known.version > entry.floor and known.deadline > entry.deadline + SLACK_S
    return (known.version, known.writer) > (entry.version, entry.writer)


def _ms(seconds: float) -> int:
    return max(0, int(seconds * 1000))


def _script(name: str) -> str:
    return files("proxy.storage.hot").joinpath(name).read_text()


_: type[Board] = RedisBoard

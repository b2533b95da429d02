"""A flight that this process leads under a lease, as other processes follow it.

Nothing is published until somebody elsewhere wants it: a stream that nobody shares costs nothing a chunk. From then on one more
reader of the flight writes all of it, from its beginning, to the call's stream, as fast as the follower that keeps up best takes it
(`AHEAD_BYTES`). While one piece is on its way the frames that come gather into the next. A write that gets no answer is made again:
its number says whether it was done.

    idle ──want──▶ publishing ──flight landed or failed──▶ end published ──▶ lease given back
      ▲                │ └──────writes fail──▶ broken: lease given back at once, by which the followers know
      └──all left──────┘
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from proxy.cache.flight import KEPT_BYTES, Flight, FlightReader, HandedOver, Landed
from proxy.cache.sharing import wire
from proxy.core.errors import EdgeError
from proxy.storage.hot.base import HotStore, RedisDown, RedisRefused

if TYPE_CHECKING:
    from proxy.core.tasks import TaskSupervisor

PIECE_BYTES = 256 * 1024
"""Frames gather up to here."""
AHEAD_BYTES = 1024 * 1024
"""Published and not fetched by any follower: more waits, so that upstream is read at the pace of whoever reads fastest anywhere."""
STREAM_LIFE_S = 30.0
"""After the last piece; renewed with the lease while the call goes on."""
TRIES = 4
TRY_GAP_S = 0.05
"""Between tries of one write: a connection made anew is seen, and followers still wait (`follow.SILENCE_S`)."""
INTEREST_S = 0.8
"""A follower that has not been heard for so long is gone."""


class Lead:
    """`name`: of its stream. `on_over(lead)` is called when nothing more will be published."""

    __slots__ = (
        "_first_kept",
        "_followers",
        "_heard",
        "_hot",
        "_index",
        "_name",
        "_on_over",
        "_reader",
        "_sizes",
        "_taken",
        "_task",
        "flight",
        "key",
        "over",
        "published",
        "renewed_at",
        "replaced",
        "token",
        "told",
    )  # fmt: skip

    def __init__(
        self, key: bytes, token: str, flight: Flight, hot: HotStore, name: str, on_over: "Callable[[Lead], None]", now: float
    ) -> None:
        self.key = key
        self.token = token
        self.flight = flight
        self.renewed_at = now
        self.over = False
        self.told = False
        """Its end has been published."""
        self.replaced = False
        """Its lease has become another call's."""
        self.published = 0
        """Number of the last piece."""
        self._hot = hot
        self._name = name
        self._on_over = on_over
        self._followers: dict[str, tuple[float, int]] = {}
        """When each was last heard, and the last piece that it has."""
        self._task: asyncio.Task[None] | None = None
        self._reader: FlightReader | None = None
        self._index = 0
        self._taken = 0
        self._sizes: list[int] = [0]
        """Bytes up to and including each piece."""
        self._first_kept = 1
        self._heard: asyncio.Future[None] | None = None

    @property
    def wanted(self) -> bool:
        return bool(self._followers)

    @property
    def publishing(self) -> bool:
        return self._task is not None

    def want(self, follower: str, fetched: int, now: float, tasks: "TaskSupervisor") -> None:
        self._followers[follower] = (now, max(0, min(fetched, self.published)))
        if self._heard is not None and not self._heard.done():
            self._heard.set_result(None)
        if self._task is None:
            self._reader = reader = self.flight.join()
            reader.index, reader.taken = self._index, self._taken  # where the publishing before, if any, has stopped
            self._task = tasks.start(self._publish(reader), name="flight-publish")

    def leave(self, follower: str) -> None:
        if self._followers.pop(follower, None) is not None and not self._followers:
            self.stop()
            if self.flight.done:  # its end was being published
                self._on_over(self)

    def expire(self, now: float) -> None:
        """Drops followers that went without a word."""
        for follower in [name for name, (heard, _) in self._followers.items() if now - heard > INTEREST_S]:
            self.leave(follower)

    def stop(self) -> None:
        """No more is published, for now; the call may end by that, if nobody here reads it."""
        task, self._task = self._task, None
        reader, self._reader = self._reader, None
        if task is not None and reader is not None:
            task.cancel()
            reader.leave()

    async def _publish(self, reader: FlightReader) -> None:
        with contextlib.suppress(RedisDown, RedisRefused):  # the lease goes back all the same, by which the followers know
            await self._write(await self._all_frames(reader))
            self.told = True
        self._task = self._reader = None
        reader.leave()
        self._on_over(self)

    async def _all_frames(self, reader: FlightReader) -> list[bytes]:
        """Publishes until the flight ends; returns the last piece. Raises RedisDown, RedisRefused."""
        head = not self.published
        if head and self.flight.started and not self.flight.joinable:
            return [wire.END, wire.encode(wire.End(handover=True))]  # its beginning is gone, or it has broken off: the next one is to lead
        try:
            while (frame := await reader.next()) is not None:
                frames, size = [frame], len(frame)
                while size < PIECE_BYTES and (more := self.flight.frame_for(reader)) is not None:
                    frames.append(more)
                    size += len(more)
                fields = [wire.FRAMES, b"".join(frames)]
                if head:
                    fields += [wire.HEAD, wire.encode(self._head())]
                    head = False
                self._index, self._taken = reader.index, reader.taken
                await self._write(fields)
                await self._paced()
        except HandedOver:
            return [wire.END, wire.encode(wire.End(handover=True))]
        except (RedisDown, RedisRefused):
            raise
        except EdgeError as exc:
            return [wire.END, wire.encode(wire.End(error=exc.info(), handover=self.flight.handover, lost=self.flight.leaving))]
        return [wire.END, wire.encode(self._landing())]

    def _head(self) -> wire.Head:
        return wire.Head(self.flight.provider, self.flight.model, tuple(self.flight.dropped or ()))

    def _landing(self) -> wire.End:
        landed = self.flight.landed or Landed(None, b"")
        entry, framed = landed.entry, self.flight.started
        if entry is None:
            return wire.End(framed=framed, tail=landed.tail, handover=not framed)
        if not framed and len(entry.body) > KEPT_BYTES:
            return wire.End(handover=True)
        small = msgspec.structs.replace(entry, body=b"") if framed else entry
        return wire.End(entry=small.encode(), framed=framed, tail=landed.tail)

    async def _write(self, fields: list[bytes]) -> None:
        size = sum(map(len, fields))
        self.published = number = self.published + 1
        self._sizes.append(self._sizes[-1] + size)
        while self._sizes[-1] - self._sizes[self._first_kept - 1] > KEPT_BYTES and self._first_kept < number:
            self._first_kept += 1
        args: tuple[str | bytes | int, ...] = (number - self._first_kept + 1, f"{number}-0", int(STREAM_LIFE_S * 1000), *fields)
        for tries_left in range(TRIES - 1, -1, -1):
            try:
                await self._hot.eval(wire.PUBLISH, (self._name,), args)
                return
            except RedisRefused as exc:
                if tries_left < TRIES - 1 and "equal or smaller" in exc.message:
                    return  # the try before had been done
                raise
            except RedisDown:
                if not tries_left or not self._hot.available:
                    raise
            await asyncio.sleep(TRY_GAP_S)

    async def _paced(self) -> None:
        while self._followers and self._sizes[-1] - self._sizes[max(at for _, at in self._followers.values())] > AHEAD_BYTES:
            self._heard = asyncio.get_running_loop().create_future()
            await self._heard

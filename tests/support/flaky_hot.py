"""A hot store whose answers a test withholds."""

import asyncio
from typing import Any, Literal

from proxy.storage.hot.base import HotStore, LinkState, RedisDown

Arg = str | bytes | int | float


class FlakyHot:
    """`fault`: None, `down` (nothing is sent), or `deaf` (commands run and their answers are lost)."""

    def __init__(self, inner: HotStore) -> None:
        self._inner = inner
        self.fault: Literal["down", "deaf"] | None = None
        self.commands: list[tuple[Arg, ...]] = []
        """All that were issued."""
        self._running: set[asyncio.Future[Any]] = set()

    @property
    def available(self) -> bool:
        return self.fault != "down"

    @property
    def connected(self) -> bool:
        return self.fault is None

    @property
    def state(self) -> LinkState:
        return "closed" if self.fault is None else "open"

    def execute(self, *args: Arg) -> "asyncio.Future[Any]":
        self.commands.append(args)
        if self.fault is None:
            return self._inner.execute(*args)
        failed: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if self.fault == "down":
            failed.set_exception(RedisDown("down"))
            return failed
        running = self._inner.execute(*args)
        self._running.add(running)
        running.add_done_callback(lambda future: self._lose(future, failed))
        return failed

    def _lose(self, future: "asyncio.Future[Any]", failed: "asyncio.Future[Any]") -> None:
        self._running.discard(future)
        future.exception()
        failed.set_exception(RedisDown("deaf"))

    def get(self, key: str | bytes) -> "asyncio.Future[bytes | None]":
        return self.execute("GET", key)

    def set(self, key: str | bytes, value: str | bytes, ttl_s: float | None = None) -> "asyncio.Future[Any]":
        return self.execute("SET", key, value, *(() if ttl_s is None else ("PX", int(ttl_s * 1000))))

    def delete(self, *keys: str | bytes) -> "asyncio.Future[int]":
        return self.execute("UNLINK", *keys)

    def eval(self, script: str | bytes, keys: tuple[str | bytes, ...] = (), args: tuple[Arg, ...] = ()) -> "asyncio.Future[Any]":
        return self.execute("EVAL", script, len(keys), *keys, *args)


_: type[HotStore] = FlakyHot

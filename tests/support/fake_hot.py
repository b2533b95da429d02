"""A Redis in memory that processes of one test share, with time that the test owns and a link a process that the test cuts."""

import asyncio
from collections.abc import Callable
from typing import Any

from proxy.cache.sharing import wire
from proxy.storage.hot.base import HotStore, LinkState, RedisDown, RedisRefused
from tests.support.clock import FakeClock

Value = bytes | list[bytes] | dict[int, list[bytes]]
"""A string, a list, or a stream by number."""


class FakeRedis:
    """The commands and scripts of shared flights."""

    def __init__(self, clock: FakeClock) -> None:
        self._now = clock.monotonic
        self._values: dict[str, tuple[Value, float]] = {}
        self.commands: list[tuple[Any, ...]] = []
        """All that ran, in order; scripts by name."""

    def keys(self, ending: str = "") -> list[str]:
        return [key for key in list(self._values) if key.endswith(ending) and self._get(key) is not None]

    def run(self, *args: Any) -> Any:
        name, *rest = args
        if name == "EVAL":
            script, _, key, *rest = rest
            name, rest = _SCRIPTS[script], [key, *rest]
        self.commands.append((name, *rest))
        return getattr(self, f"_{name.lower()}")(*rest)

    def set(self, key: str, value: Value, ttl_s: float = 3600) -> None:
        self._values[key] = (value, self._now() + ttl_s)

    def _get(self, key: str) -> Any:
        value, until = self._values.get(key, (None, 0.0))
        return value if until > self._now() else None

    def _set(self, key: str, value: Any, _px: str, ttl_ms: int) -> bytes:
        self.set(key, _bytes(value), ttl_ms / 1000)
        return b"OK"

    def _pexpire(self, key: str, ttl_ms: int) -> int:
        value = self._get(key)
        if value is None:
            return 0
        self.set(key, value, ttl_ms / 1000)
        return 1

    def _lpop(self, key: str, count: int) -> list[bytes] | None:
        messages = self._get(key)
        if not messages:
            return None
        popped, messages[:] = messages[:count], messages[count:]
        return list(popped)

    def _xrange(self, key: str, start: str, _end: str, _count: str, count: int) -> list[Any]:
        stream = self._get(key) or {}
        numbers = sorted(n for n in stream if n >= int(start))[:count]
        return [[b"%d-0" % n, stream[n]] for n in numbers]

    def _claim(self, key: str, token: str, ttl_ms: int, replaceable: str) -> bytes | None:
        held: bytes | None = self._get(key)
        if held is not None and held != replaceable.encode():
            return held
        self.set(key, token.encode(), ttl_ms / 1000)
        return None

    def _release(self, key: str, token: str) -> int:
        if self._get(key) != token.encode():
            return 0
        del self._values[key]
        return 1

    def _publish(self, key: str, kept: int, ident: str, ttl_ms: int, *fields: bytes) -> int:
        stream = self._get(key) or {}
        number = int(ident.partition("-")[0])
        if stream and number <= max(stream):
            raise RedisRefused("ERR The ID specified in XADD is equal or smaller than the target stream top item")
        stream[number] = list(fields)
        self.set(key, {n: stream[n] for n in sorted(stream)[-kept:]}, ttl_ms / 1000)
        return 1

    def _post(self, key: str, ttl_ms: int, *messages: bytes) -> int:
        self.set(key, [*(self._get(key) or []), *messages], ttl_ms / 1000)
        return 1


_SCRIPTS = {wire.CLAIM: "CLAIM", wire.RELEASE: "RELEASE", wire.PUBLISH: "PUBLISH", wire.POST: "POST"}


class FakeHot:
    """One process's way there. Answers are in before the next turn of the loop."""

    def __init__(self, redis: FakeRedis) -> None:
        self.redis = redis
        self.up = True
        """False: every command fails at once, and is said to."""
        self.sent = 0
        self.dies_at: int | None = None
        """The process is killed before its so manieth command: nothing that it sends arrives any more."""
        self.cut_at: int | None = None
        """The same of a link that breaks while the process lives, and does not know yet."""
        self.refuses: str | None = None
        """Name of a command or script that is refused."""
        self.silent: Callable[[str], bool] = lambda name: False
        """Of which commands the answer is lost, though they ran."""

    @property
    def dead(self) -> bool:
        return self.dies_at is not None and self.sent >= self.dies_at

    @property
    def available(self) -> bool:
        return self.up

    @property
    def connected(self) -> bool:
        return self.up

    @property
    def state(self) -> LinkState:
        return "closed" if self.up else "open"

    def execute(self, *args: str | bytes | int | float) -> "asyncio.Future[Any]":
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        name = _SCRIPTS[str(args[1])] if args[0] == "EVAL" else str(args[0])
        if self.dead or not self.up or (self.cut_at is not None and self.sent >= self.cut_at):
            future.set_exception(RedisDown("gone"))
            return future
        self.sent += 1
        if name == self.refuses:
            future.set_exception(RedisRefused(f"NOPERM {name}"))
            return future
        try:
            reply, error = self.redis.run(*args), None
        except RedisRefused as exc:
            reply, error = None, exc
        if self.silent(name):
            future.set_exception(RedisDown("no answer"))
        elif error is not None:
            future.set_exception(error)
        else:
            future.set_result(reply)
        return future

    def get(self, key: str | bytes) -> "asyncio.Future[bytes | None]":
        return self.execute("GET", key)

    def set(self, key: str | bytes, value: str | bytes, ttl_s: float | None = None) -> "asyncio.Future[Any]":
        return self.execute("SET", key, value, "PX", int((ttl_s or 1e6) * 1000))

    def delete(self, *keys: str | bytes) -> "asyncio.Future[int]":
        return self.execute("UNLINK", *keys)

    def eval(
        self, script: str | bytes, keys: tuple[str | bytes, ...] = (), args: tuple[str | bytes | int | float, ...] = ()
    ) -> "asyncio.Future[Any]":
        return self.execute("EVAL", script, len(keys), *keys, *args)


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


_: type[HotStore] = FakeHot

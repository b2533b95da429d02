"""Whose a call is (leases), and that its owner lives (one beat a process): the commands, and what is made good of lost ones."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Protocol

from proxy.cache.sharing import wire
from proxy.core.ids import secret_hex
from proxy.storage.hot.base import HotStore, RedisRefused

LEASE_S = 10.0
"""Long, for it costs a command each time it is renewed: a dead owner is told by its beat."""
BEAT_S = 0.2
BEAT_LIFE_S = 0.7
"""A killed leader is noticed within this and one look more (`follow.CHECK_S`)."""
REST_S = 10.0
"""After a refusal (an ACL, an older server, no memory): it would be refused again."""

_log = logging.getLogger("llm_edge")


class LeaseMeter(Protocol):
    def lease_lost(self) -> None:
        """A call went on whose lease was no longer this process's: somebody may have made it a second time."""
        ...


class Leases:
    """`now`: monotonic seconds."""

    def __init__(self, hot: HotStore, names: wire.Names, now: Callable[[], float], meter: LeaseMeter) -> None:
        self.process = secret_hex(8)
        self.hot = hot
        self.names = names
        self.now = now
        self._meter = meter
        self._count = 0
        self._beat_at = float("-inf")
        self._rest_until = float("-inf")
        self._retry_at = 0.0
        self._unreleased: dict[str, tuple[str, float]] = {}
        """Leases that may still stand in Redis though nobody leads: token, and when they end by themselves."""
        self.on_refused: Callable[[], None] = _nothing

    @property
    def usable(self) -> bool:
        return self.hot.available and self.now() >= self._rest_until

    @property
    def owing(self) -> bool:
        return bool(self._unreleased)

    def new_token(self) -> str:
        self._count += 1
        return f"{self.process}.{self._count}"

    def claim(self, key: bytes, token: str, replaceable: str) -> "asyncio.Future[bytes | None]":
        """None: it is ours. `replaceable`: the token whose lease may be taken over, "" for none; our own, to renew."""
        return self.hot.eval(wire.CLAIM, (self.names.lease(key),), (token, int(LEASE_S * 1000), replaceable))

    def release(self, key: bytes, token: str, *, held: bool = True) -> None:
        """`held`: it should be ours still, and is counted as lost if it is not."""
        name = self.names.lease(key)

        def done(future: "asyncio.Future[int]") -> None:
            if failed(future):
                self._unreleased[name] = (token, self.now() + LEASE_S)
            elif held and not future.result():
                self._meter.lease_lost()

        self.hot.eval(wire.RELEASE, (name,), (token,)).add_done_callback(done)

    def doubtful(self, key: bytes, token: str) -> None:
        """A claim without an answer: it may have run."""
        self._unreleased[self.names.lease(key)] = (token, self.now() + LEASE_S)

    def release_late(self) -> None:
        """What could not be given back, again."""
        now = self.now()
        if now < self._retry_at:
            return
        self._retry_at = now + BEAT_S
        for name, (token, until) in list(self._unreleased.items()):
            if now >= until:
                del self._unreleased[name]
            else:
                self.hot.eval(wire.RELEASE, (name,), (token,)).add_done_callback(self._released(name, token))

    def _released(self, name: str, token: str) -> Callable[["asyncio.Future[Any]"], None]:
        def done(future: "asyncio.Future[Any]") -> None:
            if not failed(future) and self._unreleased.get(name, ("",))[0] == token:
                del self._unreleased[name]

        return done

    def beat(self) -> None:
        """When it is due."""
        now = self.now()
        if now - self._beat_at >= BEAT_S:
            self._beat_at = now
            self.hot.execute("SET", self.names.beat(self.process), "1", "PX", int(BEAT_LIFE_S * 1000)).add_done_callback(take)

    def lost(self) -> None:
        self._meter.lease_lost()

    def refused(self, error: BaseException | None) -> None:
        """Nothing is shared for a while, if this is a refusal: `on_refused` gives up what is."""
        if isinstance(error, RedisRefused):
            if self.now() >= self._rest_until:
                _log.warning("calls are not shared with other processes for a while: Redis refuses", extra={"error": error.message})
            self._rest_until = self.now() + REST_S
            self.on_refused()


def failed(future: "asyncio.Future[Any]") -> bool:
    return future.cancelled() or future.exception() is not None


def take(future: "asyncio.Future[Any]") -> None:
    """The outcome of what nobody waits for: losing it is made good by the next turn."""
    failed(future)


def _nothing() -> None:
    return

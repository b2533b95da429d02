"""What the users of a hot store see: commands that answer by futures, and two ways to fail."""

import asyncio
from typing import Any, Literal, Protocol

from proxy.core.errors import Unavailable

LinkState = Literal["closed", "half_open", "open"]
"""Of the breaker: commands pass, a probe is under way, commands fail at once."""


class RedisDown(Unavailable):
    """No answer: not connected, timed out, connection lost, breaker open, too much queued. The command may or may not have run."""

    code = "redis_unavailable"


class RedisRefused(Unavailable):
    """The server answered this one command with an error; `reply` is the error's first word (READONLY, OOM, NOPERM, WRONGTYPE …)."""

    code = "redis_refused"

    def __init__(self, message: str) -> None:
        super().__init__(f"Redis refused a command: {message}")
        self.text = message
        """As the server put it."""
        self.reply = message.partition(" ")[0]


class HotStore(Protocol):
    """Methods return futures that end with the server's answer (RESP2: bytes, int, list, None), RedisDown or RedisRefused. The
    command is on its way without anybody awaiting it; who does not await must still take the outcome (`add_done_callback`).
    Arguments: str (sent as UTF-8), bytes, int, float; anything else is a TypeError at once."""

    @property
    def available(self) -> bool:
        """False: commands would fail at once."""
        ...

    @property
    def connected(self) -> bool:
        """There is a connection now."""
        ...

    @property
    def state(self) -> LinkState: ...

    def execute(self, *args: str | bytes | int | float) -> "asyncio.Future[Any]": ...

    def get(self, key: str | bytes) -> "asyncio.Future[bytes | None]": ...

    def set(self, key: str | bytes, value: str | bytes, ttl_s: float | None = None) -> "asyncio.Future[Any]":
        """`ttl_s` None: for ever."""
        ...

    def delete(self, *keys: str | bytes) -> "asyncio.Future[int]": ...

    def eval(
        self, script: str | bytes, keys: tuple[str | bytes, ...] = (), args: tuple[str | bytes | int | float, ...] = ()
    ) -> "asyncio.Future[Any]": ...


class OwnedHotStore(HotStore, Protocol):
    """As its owner sees it, who opens and closes it."""

    @property
    def label(self) -> str:
        """Its address for logs, without credentials."""
        ...

    async def open(self, wait_s: float = 0.2) -> bool:
        """Start connecting and wait a moment for the outcome: True when connected. False is no failure, it goes on trying."""
        ...

    async def close(self) -> None:
        """Commands already issued still get their time-out, new ones fail."""
        ...

"""The keys of one issuer, kept fresh.

They are fetched at the start, then every `refresh_s` seconds, and at once when a token names a key that is not known, at most every
`min_refresh_s` seconds however many such tokens come; all of them wait for the one fetch. While the issuer is down the keys that are
known stay good for as long as it takes. A token with a key that is not known is then 503 and not 401: it may be one of a new key, and a
client that is told 401 throws its token away.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from proxy.core.clock import Clock
from proxy.core.tasks import TaskSupervisor
from proxy.governance.jwt.keyset import KeySet, PublicKey, parse_jwks
from proxy.governance.jwt.refusal import IssuerUnavailable, TokenRefused


class FetchFailed(Exception):
    """The message is for the log."""


class Fetch(Protocol):
    async def jwks(self) -> bytes:
        """Raises FetchFailed."""
        ...

    async def aclose(self) -> None: ...


class Jwks:
    def __init__(
        self,
        issuer: str,
        fetch: Fetch,
        clock: Clock,
        tasks: TaskSupervisor,
        *,
        refresh_s: float = 300.0,
        min_refresh_s: float = 10.0,
        keys: KeySet | None = None,
    ) -> None:
        """`keys`: known from before."""
        self._issuer = issuer
        self._fetch = fetch
        self._clock = clock
        self._tasks = tasks
        self._refresh_s = refresh_s
        self._min_refresh_s = min_refresh_s
        self.keys = keys or KeySet()
        self._fetching: asyncio.Task[None] | None = None
        self._asked_at: float | None = None
        """When a fetch for the sake of an unknown key began or ended last, monotonic."""
        self._failed: str | None = "its keys have not been fetched yet"
        self.on_taken_back: Callable[[], None] = lambda: None
        """Called when a key that was known is the issuer's no more."""

    async def find(self, kid: str | None, algorithm: str) -> tuple[PublicKey, ...]:
        """Not empty. Raises TokenRefused, IssuerUnavailable."""
        if not self.keys.knows(kid):
            await self._ask()
        found = self.keys.find(kid, algorithm)
        if found:
            return found
        if not self.keys.knows(kid) and self._failed is not None:
            raise IssuerUnavailable(
                "The signing key of this token is not known yet, and its issuer cannot be reached to ask for it. Try again shortly.",
                retry_after_s=self._min_refresh_s,
            )
        raise TokenRefused("it names no key (`kid`) and several fit" if kid is None else "its issuer has no such key for this algorithm")

    async def keep(self) -> None:
        """For a background task: fetches now and from time to time, after a failure sooner."""
        failures = 0
        while True:
            await _ended(self._begin())
            failures = 0 if self._failed is None else failures + 1
            soon_s = self._min_refresh_s * 2 ** min(failures, 20)
            await asyncio.sleep(min(soon_s, self._refresh_s) if failures else self._refresh_s)

    async def aclose(self) -> None:
        await self._fetch.aclose()

    async def _ask(self) -> None:
        task = self._fetching
        if task is None:
            now = self._clock.monotonic()
            if self._asked_at is not None and now - self._asked_at < self._min_refresh_s:
                return
            self._asked_at = now
            task = self._begin()
            task.add_done_callback(self._answered)
        await _ended(task)

    def _begin(self) -> asyncio.Task[None]:
        if self._fetching is None:
            self._fetching = self._tasks.start(self._refresh(), name="jwks-fetch")
        return self._fetching

    def _answered(self, _: asyncio.Task[None]) -> None:
        self._asked_at = self._clock.monotonic()

    async def _refresh(self) -> None:
        try:
            keys = parse_jwks(await self._fetch.jwks())
        except (FetchFailed, ValueError) as exc:
            self._failed = str(exc)
            logging.getLogger("llm_edge").warning(
                "signing keys of an issuer could not be fetched; those that are known stay good",
                extra={"issuer": self._issuer, "error": self._failed, "keys": len(self.keys)},
            )
        else:
            self._failed = None
            if keys.lacks(self.keys):
                self.on_taken_back()
            self.keys = keys
        finally:
            self._fetching = None


async def _ended(task: asyncio.Task[None]) -> None:
    """Whoever waits may be cancelled; the others' fetch goes on."""
    await asyncio.wait([task])

"""Idempotency keys of one process: nothing survives it. Answers together take at most `max_bytes`; the oldest go first."""

from proxy.core.clock import Clock
from proxy.storage.hot.idempotency import Answer, Claim, IdempotencyStore, Name

MAX_BYTES = 64 * 1024 * 1024
OVERHEAD = 512
"""Bytes that an entry takes besides its answer's body, about."""


class _Entry:
    __slots__ = ("answer", "expires", "fingerprint", "leased", "token")

    def __init__(self, fingerprint: bytes, token: str, leased: float, expires: float) -> None:
        self.fingerprint = fingerprint
        self.token = token
        self.leased = leased
        self.expires = expires
        self.answer: Answer | None = None


class MemoryIdempotency:
    def __init__(self, clock: Clock, *, max_bytes: int = MAX_BYTES) -> None:
        self._now = clock.monotonic
        self._max_bytes = max_bytes
        self._running: dict[Name, _Entry] = {}
        self._kept: dict[Name, _Entry] = {}
        """By age, the oldest first."""
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._running) + len(self._kept)

    async def claim(self, name: Name, fingerprint: bytes, token: str, *, lease_s: float, ttl_s: float) -> Claim:
        now = self._now()
        self._purge(now)
        entry = self._kept.get(name) or self._running.get(name)
        if entry is not None and entry.expires <= now:
            self._drop(name)
            entry = None
        if entry is None:
            self._running[name] = _Entry(fingerprint, token, now + lease_s, now + ttl_s)
            return Claim("lead")
        if entry.fingerprint != fingerprint:
            return Claim("mismatch")
        if entry.answer is not None:
            return Claim("kept", entry.answer)
        if entry.leased > now:
            return Claim("busy", left_s=entry.leased - now)
        entry.token, entry.leased, entry.expires = token, now + lease_s, now + ttl_s
        return Claim("taken")

    async def renew(self, name: Name, token: str, *, lease_s: float) -> bool:
        entry = self._running.get(name)
        if entry is None or entry.token != token:
            return False
        entry.leased = self._now() + lease_s
        return True

    async def finish(self, name: Name, token: str, answer: Answer, *, ttl_s: float) -> bool:
        entry = self._running.get(name)
        if entry is None or entry.token != token or len(answer.body) + OVERHEAD > self._max_bytes:
            return False
        del self._running[name]
        entry.answer, entry.expires = answer, self._now() + ttl_s
        self._kept[name] = entry
        self.bytes += len(answer.body) + OVERHEAD
        while self.bytes > self._max_bytes:
            self._drop(next(iter(self._kept)))
        return True

    async def release(self, name: Name, token: str) -> bool:
        entry = self._running.get(name)
        if entry is None or entry.token != token:
            return False
        del self._running[name]
        return True

    def _purge(self, now: float) -> None:
        while self._kept:
            name, entry = next(iter(self._kept.items()))
            if entry.expires > now:
                return
            self._drop(name)

    def _drop(self, name: Name) -> None:
        self._running.pop(name, None)
        entry = self._kept.pop(name, None)
        if entry is not None and entry.answer is not None:
            self.bytes -= len(entry.answer.body) + OVERHEAD


_: type[IdempotencyStore] = MemoryIdempotency

"""Which target is tried next, and when: the retry and fallback state machine (contract C).

    order = candidates, best first          tries left = retries.attempts
    next()  → Try(target, delay_s)          while tries are left, the deadline allows and a candidate is usable
            → Stop(error)                   else
    failed(failure) moves on:
        final                               → Stop with that error
        fall over, another untried target   → it, at once
        retryable                           → the same list again from its start, after full-jitter back-off (uniform(0, cap),
                                              as the AWS Builders' Library names it) or Retry-After

Pure: told the time, owns no clock; the caller sleeps, sends and reports.
"""

from collections.abc import Callable, Sequence
from random import Random

import msgspec

from proxy.core.context import Verdict
from proxy.core.cooldown import Cooldowns
from proxy.core.errors import EdgeError, ModelNotFound, Unavailable
from proxy.routing.candidate import Candidate

BACKOFF_BASE_S = 0.1
BACKOFF_MAX_S = 10.0
WAIT_MAX_S = 10.0
"""A Retry-After beyond this is the client's to wait for: it gets the error and the header."""

_SAME_TARGET = frozenset({408, 409, 425, 429})
_OTHER_TARGET = frozenset({401, 402, 403, 404})


class Try(msgspec.Struct, frozen=True):
    target: Candidate
    delay_s: float = 0.0


class Stop(msgspec.Struct, frozen=True):
    error: EdgeError


class Attempts:
    """One request's way through its candidates."""

    __slots__ = ("_allowed", "_at", "_cooldowns", "_deadline", "_order", "_rng", "_round", "last", "left")

    def __init__(
        self,
        order: Sequence[Candidate],
        attempts: int,
        deadline: float | None,
        cooldowns: Cooldowns,
        permit: Callable[[str, str], Verdict],
        rng: Random,
    ) -> None:
        self._order = order
        self._allowed = permit
        self._cooldowns = cooldowns
        self._deadline = deadline
        self._rng = rng
        self._at = 0
        self._round = 0
        self.left = attempts
        self.last: EdgeError | None = None

    def next(self, now: float) -> Try | Stop:
        """The next try. Targets that may not be used are passed over without costing a try."""
        if self.left <= 0:
            return Stop(self.last or Unavailable("no attempt is configured for this model"))
        if self._at < len(self._order) and not self._cooldowns.pending:
            target = self._order[self._at]
            if self._allowed(target.provider, target.model).error is None:
                self._at += 1
                self.left -= 1
                return Try(target)  # as good as always
        return self._search(now)

    def _search(self, now: float) -> Try | Stop:
        found, denied, cooling = self._scan(now)
        delay = 0.0
        if found is None and self._round > 0:
            delay = self._rng.uniform(0.0, min(BACKOFF_MAX_S, BACKOFF_BASE_S * 2**self._round))
            if self._deadline is not None and now + delay >= self._deadline:
                return Stop(self.last or Unavailable("the deadline leaves no time for another try"))
            self._at = 0
            found, denied, cooling = self._scan(now + delay)
        if found is not None:
            self.left -= 1
            return Try(found, delay)
        if cooling is not None:
            return self._wait(cooling[0], cooling[1], now)
        return Stop(self.last or denied or ModelNotFound("no target is configured for this model", param="model"))

    def _scan(self, now: float) -> tuple[Candidate | None, EdgeError | None, tuple[float, Candidate] | None]:
        """From the current place: the first usable target; else the first denial, and the target that is free first."""
        denied: EdgeError | None = None
        cooling: tuple[float, Candidate] | None = None
        while self._at < len(self._order):
            target = self._order[self._at]
            self._at += 1
            verdict = self._allowed(target.provider, target.model)
            if verdict.error is not None:
                denied = denied or verdict.error
                continue
            until = self._cooldowns.until(target.id, now)
            if until <= now:
                return target, denied, cooling
            if cooling is None or until < cooling[0]:
                cooling = (until, target)
        return None, denied, cooling

    def failed(self, target: Candidate, error: EdgeError, now: float) -> None:
        """Report the outcome of the last try."""
        self.last = error
        if error.retry_after_s is not None and error.retry_after_s > 0:
            self._cooldowns.extend(target.id, now + error.retry_after_s)
        if not falls_over(error):
            self.left = 0
            return
        if not same_target_may_help(error):
            self._order = [t for t in self._order if t != target]
            self._at = max(0, self._at - 1)
        if not self._order:
            self.left = 0
        elif self._at >= len(self._order):
            self._round += 1

    def _wait(self, until: float, target: Candidate, now: float) -> Try | Stop:
        """Every usable target asked for rest: wait for the first, if that is soon enough."""
        if until - now > WAIT_MAX_S or (self._deadline is not None and until >= self._deadline):
            if self.last is not None:
                return Stop(self.last)
            return Stop(
                Unavailable(
                    "every target of this model is cooling down at its provider's request",
                    status=429,
                    code="provider_cooling_down",
                    retry_after_s=until - now,
                )
            )
        self.left -= 1
        return Try(target, until - now)


def falls_over(error: EdgeError) -> bool:
    """Whether another target, or the same one later, may do better."""
    if error.blame == "client":
        return False
    return error.retryable or error.status in _OTHER_TARGET or error.status in _SAME_TARGET or error.status >= 500


def same_target_may_help(error: EdgeError) -> bool:
    return error.retryable or error.status in _SAME_TARGET or (error.status >= 500 and error.status != 501)

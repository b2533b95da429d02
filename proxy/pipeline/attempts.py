"""Which target is tried next, and when: the retry and fallback state machine (contract C).

    order = candidates, best first          tries left = retries.attempts
    next()  → Try(target, delay_s)          while tries are left, the deadline allows and a candidate is usable
            → Stop(error)                   else
    failed(failure) moves on:
        final                               → Stop with that error
        fall over, another untried target   → it, at once
        retryable                           → the same list again from its start, after full-jitter back-off (uniform(0, cap),
                                              as the AWS Builders' Library names it) or Retry-After

Targets that rest (`routing/stats.py`) cost no try: those that are barred are passed over, those that are only away go behind the others.
When all are barred nothing is sent: a cool-down that ends soon is waited for, else it is 429 or 503.

Pure: told the time, owns no clock; the caller sleeps, sends and reports.
"""

from collections.abc import Callable, Sequence
from random import Random

import msgspec

from proxy.core.context import Verdict
from proxy.core.errors import EdgeError, ModelNotFound, Unavailable
from proxy.routing.candidate import Candidate
from proxy.routing.stats import COOLING, FOREVER

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

    __slots__ = ("_allowed", "_at", "_deadline", "_deferred", "_order", "_rng", "_round", "last", "left")

    def __init__(
        self,
        order: Sequence[Candidate],
        attempts: int,
        deadline: float | None,
        permit: Callable[[str, str], Verdict],
        rng: Random,
    ) -> None:
        self._order = order
        self._allowed = permit
        self._deadline = deadline
        self._rng = rng
        self._at = 0
        self._deferred = 0
        """Of the order's end: targets that were put there because they are away."""
        self._round = 0
        self.left = attempts
        self.last: EdgeError | None = None

    def next(self, now: float) -> Try | Stop:
        """The next try. Targets that may not be used are passed over without costing a try."""
        if self.left <= 0:
            return Stop(self.last or Unavailable("no attempt is configured for this model"))
        if self._at < len(self._order):
            target = self._order[self._at]
            if not target.stats.blocked and self._allowed(target.provider, target.model).error is None:
                self._at += 1
                self.left -= 1
                return Try(target)  # as good as always
        return self._search(now)

    def _search(self, now: float) -> Try | Stop:
        scan = self._scan(now)
        delay = 0.0
        if scan.found is None and self.last is not None:
            self._round += 1
            delay = self._rng.uniform(0.0, min(BACKOFF_MAX_S, BACKOFF_BASE_S * 2**self._round))
            if self._deadline is not None and now + delay >= self._deadline:
                return Stop(self.last)
            self._at = 0
            scan = self._scan(now + delay)
        if scan.found is not None:
            self.left -= 1
            return Try(scan.found, delay)
        if scan.barred is not None:
            return self._barred(scan.barred, now)
        return Stop(self.last or scan.denied or ModelNotFound("no target is configured for this model", param="model"))

    def _scan(self, now: float) -> "_Scan":
        """From the current place: the first target to use, and what was met on the way."""
        scan = _Scan()
        while self._at < len(self._order):
            target = self._order[self._at]
            verdict = self._allowed(target.provider, target.model)
            if verdict.error is None and target.stats.barred(now) is None:
                if self._at >= len(self._order) - self._deferred or target.stats.rest(now) is None:
                    self._at += 1
                    scan.found = target
                    return scan
                self._order = [*self._order[: self._at], *self._order[self._at + 1 :], target]
                self._deferred += 1
                continue
            self._at += 1
            if verdict.error is not None:
                scan.denied = scan.denied or verdict.error
            elif scan.barred is None or target.stats.free_at(now) < scan.barred.stats.free_at(now):
                scan.barred = target
        return scan

    def failed(self, target: Candidate, error: EdgeError, now: float) -> None:
        """Report the outcome of the last try, of which the target's statistics have been told."""
        self.last = error
        if not falls_over(error):
            self.left = 0
            return
        if not same_target_may_help(error):
            self._order = [t for t in self._order if t != target]
            self._at = max(0, self._at - 1)
            self._deferred = min(self._deferred, len(self._order) - self._at)
        if not self._order:
            self.left = 0

    def not_begun(self, step: Try) -> None:
        """The target came to rest while the try's delay passed: nothing was sent, so it was none."""
        self.left += 1
        self._at = 0

    def _barred(self, target: Candidate, now: float) -> Try | Stop:
        """None may be used: wait for the first, if it is a cool-down that ends soon enough."""
        until = target.stats.free_at(now)
        cooling = target.stats.barred(now) == COOLING
        if cooling and until - now <= WAIT_MAX_S and (self._deadline is None or until < self._deadline):
            self.left -= 1
            return Try(target, until - now)
        return Stop(self.last or _resting(None if until == FOREVER else until - now, cooling=cooling))


class _Scan:
    """What a look at the candidates found: the target to use; else the first denial, and of those that are barred the first to be free."""

    __slots__ = ("barred", "denied", "found")

    def __init__(self) -> None:
        self.found: Candidate | None = None
        self.denied: EdgeError | None = None
        self.barred: Candidate | None = None


def _resting(wait_s: float | None, *, cooling: bool) -> Unavailable:
    if cooling:
        text = "every target of this model is cooling down at its provider's request"
        return Unavailable(text, status=429, code="provider_cooling_down", retry_after_s=wait_s)
    return Unavailable("every target of this model failed lately and is left alone for now", code="targets_resting", retry_after_s=wait_s)


def falls_over(error: EdgeError) -> bool:
    """Whether another target, or the same one later, may do better."""
    if error.blame == "client":
        return False
    return error.retryable or error.status in _OTHER_TARGET or error.status in _SAME_TARGET or error.status >= 500


def same_target_may_help(error: EdgeError) -> bool:
    return error.retryable or error.status in _SAME_TARGET or (error.status >= 500 and error.status != 501)

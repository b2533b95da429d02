"""Which target is tried next, and when: the retry and fallback state machine (contract C).

    order = candidates, best first          tries left = retries.attempts
    next()  → Try(target, delay_s)          while tries are left, the deadline allows and a candidate is usable
            → Stop(error, reason)           else
    failed(failure) moves on, as the failure's class says (routing/failures.py):
        final                               → Stop with that error
        fall over, another untried target   → it, at once
        retryable                           → the same list again from its start, after full-jitter back-off (uniform(0, cap),
                                              as the AWS Builders' Library names it) or Retry-After
        nobody of the list is left          → the targets of `fallbacks`, behind the own ones, before any of those is tried again
        a class with a list of its own      → its targets and those known to do better, in place of all others

A try that follows one which load may have caused to fail, and which reached the wire, costs a token of the retry budget. Falling over
from a refused key, an unknown model or a prompt that is too long costs none: that doubles nobody's load, and happens to all requests.

Targets that rest (`routing/stats.py`) cost no try: those that are barred are passed over, those that are only away go behind the others.
When all are barred nothing is sent: a cool-down that ends soon is waited for, else it is 429 or 503.

Pure: told the time, owns no clock; the caller sleeps, sends and reports.
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import Literal

import msgspec

from proxy.core.context import Verdict
from proxy.core.errors import EdgeError, ModelNotFound, Unavailable
from proxy.routing.candidate import Candidate
from proxy.routing.failures import TABLE, FailureClass, classify, same_target_may_help
from proxy.routing.gate import Place
from proxy.routing.retry_budget import RetryBudget
from proxy.routing.rules import FallbackList, RetryRules
from proxy.routing.stats import COOLING, FOREVER

WAIT_MAX_S = 10.0
"""A Retry-After beyond this is the client's to wait for: it gets the error and the header."""

StopReason = Literal["final", "attempts", "deadline", "retry_budget", "no_target"]
"""final: nobody could do better · attempts: all used up · deadline: no time is left · retry_budget: too many retries of other requests ·
no_target: all that may be used were dropped, or rest for longer than a request should be held."""
Fallbacks = Callable[[FallbackList], Sequence[Candidate]]
"""Further targets that the request may use, best first; asked for when they are needed."""
_COSTS = frozenset({"failed", "throttled"})
"""Outcomes that load may be the cause of."""


class NotAdmitted(Exception):
    """`top_up` refuses the target of a try, which is not made then; `error` says why."""

    def __init__(self, error: EdgeError) -> None:
        super().__init__(error.message)
        self.error = error


class Try(msgspec.Struct, frozen=True):
    target: Candidate
    delay_s: float = 0.0
    place: Place | None = None
    """At a target whose calls are bounded, once it has been taken."""


class Stop(msgspec.Struct, frozen=True):
    error: EdgeError
    reason: StopReason


class Attempts:
    """One request's way through its candidates."""

    __slots__ = (
        "_allowed", "_at", "_budget", "_deadline", "_deferred", "_dropped", "_extended", "_instead", "_more", "_order", "_paid",
        "_reason", "_rng", "_round", "_rules", "failure", "last", "left",
    )  # fmt: skip

    def __init__(
        self,
        order: Sequence[Candidate],
        rules: RetryRules,
        deadline: float | None,
        permit: Callable[[str, str], Verdict],
        rng: Random,
        budget: RetryBudget | None = None,
        more: Fallbacks | None = None,
        instead: FallbackList = "fallbacks",
    ) -> None:
        """`deadline`: monotonic seconds. `budget` None: retries are free. `more` None: there are no fallbacks; else `instead` says which
        follow the `order`."""
        self._order = order
        self._allowed = permit
        self._deadline = deadline
        self._rng = rng
        self._rules = rules
        self._budget = budget
        self._more = more
        self._instead: FallbackList = instead
        self._dropped: set[str] | None = None
        """Ids that cannot help this request."""
        self._extended = more is None
        """`fallbacks` have been added, or may not be."""
        self._at = 0
        self._deferred = 0
        """Of the order's end: targets that were put there because they are away."""
        self._round = 0
        self._paid = False
        """A token was taken for the try that is next."""
        self._reason: StopReason = "attempts"
        self.left = rules.attempts
        self.failure: FailureClass | None = None
        """Of the last try that failed."""
        self.last: EdgeError | None = None

    def begun(self) -> None:
        """The first of the order was tried before anybody asked here."""
        self._at = 1
        self.left -= 1

    def next(self, now: float) -> Try | Stop:
        """The next try. Targets that may not be used are passed over without costing a try."""
        if self.left <= 0:
            return Stop(self.last or Unavailable("no attempt is configured for this model"), self._reason)
        if self._at < len(self._order):
            target = self._order[self._at]
            if not target.stats.blocked and self._allowed(target.provider, target.model).error is None:
                self._at += 1
                self.left -= 1
                return Try(target)  # as good as always
        return self._search(now)

    def put_back(self, targets: Sequence[Candidate]) -> None:
        """They were given out, but no try of theirs was made: they are next, in this order. The caller gives back what they took of
        `left`."""
        ids = {target.id for target in targets}
        before = [target for target in self._order[: self._at] if target.id not in ids]
        self._order = [*before, *targets, *self._order[self._at :]]
        self._at = len(before)

    def failed(self, target: Candidate, error: EdgeError, now: float, *, sent: bool = True) -> None:
        """Report the outcome of the last try, of which the target's statistics have been told. `sent`: it reached the wire."""
        self._paid = False
        self.last = error
        self.failure = name = classify(error)
        row = TABLE[name]
        same = same_target_may_help(error, name)
        if row.fallbacks is not None:
            self._turn_to(row.fallbacks, target)
        elif not same:
            self._drop(target)
        if not (row.other or same or (row.fallbacks is not None and self._order)):
            self._end("final")
        elif self.left <= 0:
            self._end("attempts")
        elif self._deadline is not None and now >= self._deadline:
            self._end("deadline")
        elif not self._order and not self._extend():
            self._end("no_target")
        elif sent and row.outcome in _COSTS and self._budget is not None:
            self._paid = self._budget.take(now)
            if not self._paid:
                self._end("retry_budget")

    def refused(self, target: Candidate, error: EdgeError) -> None:
        """The last try may not be made, for want of money or the like: it was none (contract D)."""
        self.left += 1
        self._drop(target)
        self.last = self.last or error

    def not_begun(self, step: Try) -> None:
        """The target came to rest while the try's delay passed: nothing was sent, so it was none."""
        self.left += 1
        self._at = 0

    def _search(self, now: float) -> Try | Stop:
        scan = self._scan(now)
        if scan.found is None and self._extend():
            scan = self._scan(now, scan)
        delay = 0.0
        if scan.found is None and self.failure is not None and self._order:  # from the start again
            self._round += 1
            rules = self._rules
            delay = self._rng.uniform(0.0, min(rules.backoff_max_s, rules.backoff_base_s * 2**self._round))
            if self._deadline is not None and now + delay >= self._deadline:
                return self._stop(self.last or Unavailable("the deadline leaves no time for another try"), "deadline")
            self._at = 0
            scan = self._scan(now + delay)
        if scan.found is not None:
            self.left -= 1
            return Try(scan.found, delay)
        if scan.barred is not None:
            return self._barred(scan.barred, now)
        return self._stop(self.last or scan.denied or ModelNotFound("no target is configured for this model", param="model"), "no_target")

    def _scan(self, now: float, scan: "_Scan | None" = None) -> "_Scan":
        """From the current place: the first target to use, and what was met on the way."""
        scan = scan or _Scan()
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

    def spare(self, now: float) -> Candidate | None:
        """Whom to ask while the last try's target is silent: the next of the list that may be asked and needs no rest; it costs a try, and
        those that are passed over stay for later. None: nobody."""
        if self.left <= 0:
            return None
        for i in range(self._at, len(self._order)):
            target = self._order[i]
            if target.stats.rest(now) is None and self._allowed(target.provider, target.model).error is None:
                if i >= len(self._order) - self._deferred:
                    self._deferred -= 1
                self._order = [*self._order[: self._at], target, *self._order[self._at : i], *self._order[i + 1 :]]
                self._at += 1
                self.left -= 1
                return target
        return None

    def _barred(self, target: Candidate, now: float) -> Try | Stop:
        """None may be used: wait for the first, if it is a cool-down that ends soon enough."""
        until = target.stats.free_at(now)
        cooling = target.stats.barred(now) == COOLING
        late = self._deadline is not None and until >= self._deadline
        if cooling and until - now <= WAIT_MAX_S and not late:
            self.left -= 1
            return Try(target, until - now)
        error = self.last or _resting(None if until == FOREVER else until - now, cooling=cooling)
        return self._stop(error, "deadline" if late and cooling else "no_target")

    def _extend(self) -> bool:
        """The targets of `fallbacks`, once, behind those that are there. Whether there were any."""
        if self._extended or self._more is None:
            return False
        self._extended = True
        new = self._unknown(self._more(self._instead))
        self._order = [*self._order, *new]
        self._deferred = 0
        return bool(new)

    def _turn_to(self, name: FallbackList, target: Candidate) -> None:
        """Nobody else but those who may do what this one cannot: targets whose context window is known to be larger than its, and those of
        the list for such failures."""
        self._drop(target)
        own = [other for other in self._order if name == "context_window_fallbacks" and _is_larger(other, target)]
        listed: Sequence[Candidate] = ()
        general: Sequence[Candidate] = ()
        if self._more is not None:
            listed = self._more(name)
            if name == "context_window_fallbacks" and not self._extended:
                general = [other for other in self._more("fallbacks") if _is_larger(other, target)]
        self._order = []
        self._order = self._unknown([*own, *listed, *general])
        self._at = self._deferred = 0
        self._extended = True

    def _unknown(self, targets: Sequence[Candidate]) -> list[Candidate]:
        """Those that are not in the order and were not dropped, each once."""
        known = {target.id for target in self._order} | (self._dropped or set())
        return list({target.id: target for target in targets if target.id not in known}.values())

    def _drop(self, *targets: Candidate) -> None:
        gone = {target.id for target in targets}
        self._dropped = (self._dropped or set()) | gone
        self._at -= sum(1 for target in self._order[: self._at] if target.id in gone)
        self._order = [target for target in self._order if target.id not in gone]
        self._deferred = min(self._deferred, len(self._order) - self._at)

    def _end(self, reason: StopReason) -> None:
        self.left = 0
        self._reason = reason

    def _stop(self, error: EdgeError, reason: StopReason) -> Stop:
        if self._paid and self._budget is not None:
            self._budget.give_back()
        self._end(reason)
        self.last = error
        return Stop(error, reason)


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


def _is_larger(other: Candidate, than: Candidate) -> bool:
    """Both context windows are known, and this one is larger."""
    mine, its = other.facts.context_tokens, than.facts.context_tokens
    return mine is not None and its is not None and mine > its

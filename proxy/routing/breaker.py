"""A circuit breaker: a target that keeps failing is left alone, then asked carefully.

Callers that go on sending to what is down wait for nothing and keep it down. After `threshold` failures in a row nobody is sent there
for `open_s`; then one request at a time is, as a probe, and `successes` good ones in a row end it.

    state      event                                     becomes
    closed     success                                   closed, no failure counted
    closed     failure, fewer than `threshold` in a row  closed, one more counted
    closed     failure, the `threshold`-th               open until now + `open_s`
    open       `begun` before that time                  open; the try is no probe
    open       `begun` after it                          half-open, and this try is the probe
    half-open  `begun`, no probe under way               half-open, and this try is the probe
    half-open  `begun`, one under way                    half-open; the try is no probe
    half-open  the probe succeeded, too few so far       half-open, the place is free
    half-open  the probe succeeded, enough of them       closed
    half-open  a try failed                              open until now + `open_s`
    half-open  the probe said nothing                    half-open, the place is free
    any        outcome of a try that began before the    as it was: old news
               state last changed
    open       an active probe succeeded (`proved`)      half-open, one success counted
    any        `open_until`, `close`: somebody else      that
               knows better

A stream is a probe until its first token, not for as long as somebody reads it: `succeeded` then gives the place back.

Pure: told the time, in seconds that never go back; owns no clock. Source of the pattern: M. Nygard, "Release It!", 2007.
"""

from typing import Literal

import msgspec

State = Literal["closed", "open", "half_open"]
STATES: tuple[State, ...] = ("closed", "open", "half_open")


class BreakerRules(msgspec.Struct, frozen=True, kw_only=True):
    enabled: bool = True
    threshold: int = 5
    """Failures in a row."""
    open_s: float = 30.0
    successes: int = 2
    """Of probes, in a row."""


class Breaker:
    """Of one target. Whoever begins a try says so with `begun` and ends it with exactly one of the other three; `ticket` is what `begun`
    returned: 0 for what is no probe. Those that return a bool say whether the state changed."""

    __slots__ = ("failures", "probe", "since", "state", "successes", "tickets", "until")

    def __init__(self) -> None:
        self.state: State = "closed"
        self.since = float("-inf")
        """When the state last changed."""
        self.until = 0.0
        """Open: when a probe may begin."""
        self.failures = 0
        self.successes = 0
        self.probe = 0
        """The ticket of the probe under way; 0: there is none."""
        self.tickets = 0

    def may(self, now: float) -> bool:
        """Whether a try that begins now would be let through."""
        return self.state == "closed" or (not self.probe and now >= self.until)

    def begun(self, now: float) -> int:
        if self.state == "closed" or not self.may(now):
            return 0
        if self.state == "open":
            self.state, self.since, self.successes = "half_open", now, 0
        self.tickets += 1
        self.probe = self.tickets
        return self.probe

    def succeeded(self, now: float, began: float, rules: BreakerRules, ticket: int) -> bool:
        if self.state == "closed":
            if began >= self.since:
                self.failures = 0
            return False
        if not self._gave_back(ticket):
            return False
        self.successes += 1
        return self.successes >= rules.successes and self.close(now)

    def failed(self, now: float, began: float, rules: BreakerRules, ticket: int) -> bool:
        self._gave_back(ticket)
        if self.state == "open" or began < self.since or not rules.enabled:
            return False
        if self.state == "closed":
            self.failures += 1
            if self.failures < rules.threshold:
                return False
        return self.open_until(now + rules.open_s, now)

    def released(self, ticket: int) -> None:
        """The try says nothing of the target: cancelled, throttled, or the request's own fault."""
        self._gave_back(ticket)

    def proved(self, now: float, rules: BreakerRules) -> bool:
        """An active probe was answered well, perhaps before the time: as a probe that succeeded."""
        if self.state == "closed":
            return False
        if self.state == "open":
            self.state, self.since, self.until, self.successes = "half_open", now, now, 0
        self.successes += 1
        return self.successes >= rules.successes and self.close(now)

    def open_until(self, until: float, now: float) -> bool:
        """An opening is never shortened."""
        if self.state == "open":
            self.until = max(until, self.until)
            return False
        self.state, self.since, self.until = "open", now, until
        self.successes, self.probe = 0, 0
        return True

    def close(self, now: float) -> bool:
        if self.state == "closed":
            return False
        self.state, self.since, self.until = "closed", now, 0.0
        self.failures, self.successes, self.probe = 0, 0, 0
        return True

    def _gave_back(self, ticket: int) -> bool:
        """False: it was no probe, or one of an earlier time whose place is gone."""
        if not ticket or ticket != self.probe:
            return False
        self.probe = 0
        return True

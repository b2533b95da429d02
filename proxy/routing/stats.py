"""How a target has been doing, in one mutable record that everybody reads.

A target that may not be used now rests, in one of two degrees:

    barred   drained, breaker open, cooling down as its provider asked       no request is sent there
    away     quota nearly used up, throttled without a time, key refused     others go first; where there is no other, it is tried

`blocked` is False while neither is the case: the one thing that a request looks at.
"""

from math import exp

from proxy.routing.averages import PeakEwma, Recent
from proxy.routing.breaker import Breaker

FORGIVE_S = 60.0
"""After so long without a try, failures count for 1/e in the success rate."""
SHARE = 0.1
"""Of one try in the success rate and the speed."""
FOREVER = float("inf")
PROBE_S = 1.0
"""When to come back while a probe is under way: nobody knows how long it takes."""

DRAINED = "drained"
BREAKER_OPEN = "breaker open"
PROBED = "breaker half-open, a probe is under way"
COOLING = "cooling down"


class TargetStats:
    """Of one process, seconds by the monotonic clock. `HealthBook` writes it."""

    __slots__ = (
        "_rate", "_rate_at", "away_until", "away_why", "blocked", "breaker", "cool_until", "drained", "fallible", "first_token", "id",
        "in_flight", "quota_left", "ramp_from", "ramp_s", "recent", "throttled", "tokens_per_s", "whole",
    )  # fmt: skip

    def __init__(self, id: str = "") -> None:
        self.id = id
        self.in_flight = 0
        self.blocked = False
        """False: nothing is the matter. True: `rest` knows."""
        self.breaker = Breaker()
        self.drained = False
        """Set by `HealthBook.drain`."""
        self.cool_until = 0.0
        self.away_until = 0.0
        self.away_why = ""
        self.throttled = 0
        """Refusals for load in a row that named no time."""
        self.quota_left: float | None = None
        """Share of the scarcest quota, as last reported; None: never."""
        self.first_token = PeakEwma()
        """Of streams."""
        self.whole = PeakEwma()
        """Of whole answers, to their end."""
        self.recent = Recent()
        """Times to first token."""
        self.tokens_per_s: float | None = None
        """Of output, once it flows. None: not known."""
        self.ramp_from = 0.0
        self.ramp_s = 0.0
        self.fallible = False
        """It has failed, and that is not forgotten: its success rate is below 1."""
        self._rate = 1.0
        self._rate_at = 0.0

    def rest(self, now: float) -> str | None:
        """Why others should be asked first; None: it may be used."""
        if not self.blocked:
            return None
        if (why := self.barred(now)) is not None:
            return why
        if self.away_until > now:
            return self.away_why
        if self.breaker.state == "closed":
            self.blocked = False
        return None

    def barred(self, now: float) -> str | None:
        """Why it must not be used now; None: it may, if need be."""
        if not self.blocked:
            return None
        if self.drained:
            return DRAINED
        if not self.breaker.may(now):
            return BREAKER_OPEN if self.breaker.state == "open" else PROBED
        return COOLING if self.cool_until > now else None

    def free_at(self, now: float) -> float:
        """When `barred` will say otherwise, as far as is known; `FOREVER`: that is up to somebody."""
        if self.drained:
            return FOREVER
        if self.breaker.may(now):
            return max(now, self.cool_until)
        return max(self.cool_until, self.breaker.until if self.breaker.state == "open" else now + PROBE_S)

    def ramp(self, now: float) -> float:
        """0 to 1: the share of its traffic that it should get, growing since it recovered."""
        if not self.ramp_s:
            return 1.0
        share = (now - self.ramp_from) / self.ramp_s
        if share >= 1.0:
            self.ramp_s = 0.0
            return 1.0
        return max(0.0, share)

    def latency(self, now: float, stream: bool = True) -> float | None:
        """Expected seconds to the first token, or to the end of a whole answer; of the other kind where only that is known; None: nothing
        is."""
        first, second = (self.first_token, self.whole) if stream else (self.whole, self.first_token)
        return first.read(now) if first.value is not None else second.read(now)

    def first_token_p95(self) -> float | None:
        """Seconds, over the last streams; None: too few so far."""
        return self.recent.p95()

    def success_rate(self, now: float) -> float:
        """0 to 1, of tries whose outcome was the target's doing. Failures are forgiven with time."""
        return 1.0 if not self.fallible else 1.0 - (1.0 - self._rate) * exp((self._rate_at - now) / FORGIVE_S)

    def counted(self, now: float, *, success: bool) -> None:
        """A try, for the success rate."""
        if success and not self.fallible:
            return
        rate = self.success_rate(now)
        self._rate = rate + (success - rate) * SHARE
        self._rate_at = now
        self.fallible = self._rate != 1.0

    def spoke(self, tokens: int, seconds: float) -> None:
        """Output, and how long it flowed."""
        if tokens > 1 and seconds > 0.0:
            speed, was = tokens / seconds, self.tokens_per_s
            self.tokens_per_s = speed if was is None else was + (speed - was) * SHARE

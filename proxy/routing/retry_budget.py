"""How many retries there may be: a share of the requests, and a floor, over a sliding window.

As in Finagle (service/RetryBudget.scala): what a request puts in, and a retry takes out, is forgotten after `window_s`. Here both are
counted in slices of a ring, so the rule can be said in one line:

    retries of the window + 1  ≤  share * requests of the window + floor_per_s * window_s

The window is `SLICES` whole slices and the one that has begun. Pure: told the time, owns no clock.
"""

import msgspec

SLICES = 20


class BudgetRules(msgspec.Struct, frozen=True, kw_only=True):
    share: float = 0.2
    floor_per_s: float = 10.0
    window_s: float = 10.0


class RetryBudget:
    """Of one entry of `models` in one process."""

    __slots__ = ("_at", "_floor", "_past", "_requests", "_retries", "_share", "_slice_s", "_turns", "exhausted")

    def __init__(self, rules: BudgetRules | None = None) -> None:
        rules = rules or BudgetRules()
        self._share = rules.share
        self._floor = rules.floor_per_s * rules.window_s
        self._slice_s = rules.window_s / SLICES
        self._past = [(0, 0)] * SLICES
        """(requests, retries) of the whole slices, in a ring."""
        self._at = 0
        self._requests = 0
        """Of the slice that has begun."""
        self._retries = 0
        self._turns = 0.0
        """When the slice ends, monotonic seconds."""
        self.exhausted = 0
        """How often a retry was refused."""

    def request(self, now: float) -> None:
        """A request has come; 60 ns."""
        if now >= self._turns:
            self._turn(now)
        self._requests += 1

    def take(self, now: float) -> bool:
        """Whether a retry may be made, which is counted then."""
        if now >= self._turns:
            self._turn(now)
        requests, retries = self._requests, self._retries
        for before, again in self._past:
            requests += before
            retries += again
        if retries + 1 > self._share * requests + self._floor:
            self.exhausted += 1
            return False
        self._retries += 1
        return True

    def give_back(self) -> None:
        """What was taken last was not used."""
        self._retries -= 1

    def _turn(self, now: float) -> None:
        passed = int((now - self._turns) / self._slice_s) + 1
        for _ in range(min(passed, SLICES + 1)):
            self._past[self._at] = (self._requests, self._retries)
            self._at = (self._at + 1) % SLICES
            self._requests = self._retries = 0
        self._turns += passed * self._slice_s


class RetryBudgets:
    """By entry. Entries that route by a provider's name share one a provider."""

    def __init__(self, rules: BudgetRules | None = None) -> None:
        self.rules = rules or BudgetRules()
        self._known: dict[str, RetryBudget] = {}

    def of(self, entry: str) -> RetryBudget:
        """The same one over reloads that leave the rules alone."""
        budget = self._known.get(entry)
        if budget is None:
            budget = self._known[entry] = RetryBudget(self.rules)
        return budget

"""How many hedges there may be: a token bucket that requests fill and hedges empty.

Each request adds `share` of a token, each hedge takes one: over all requests there is at most one hedge more than their share. What is
saved is bounded, so that of any n requests in a row at most the share of n + `SAVED` hedge (or one more than the share of n): where a
provider has become slow for everybody, the others get at most that much more traffic. Source: the retry budget of Finagle, read
2026-11-25, without its time: a rate per second would be another promise than a share.
"""

SAVED = 200
"""Requests whose share can be saved up: slow answers come in bunches."""


class HedgeBudget:
    """Of one entry, in one process: shares of processes add up to the same share of all."""

    __slots__ = ("_most", "_tokens", "share")

    def __init__(self, share: float) -> None:
        """`share`: 0 to 1; 0: never."""
        self.share = share
        self._most = max(1.0, SAVED * share)
        self._tokens = 1.0 if share > 0.0 else 0.0
        """One to begin with, so that a quiet entry has hedges at all."""

    def request(self) -> None:
        """One more that a hedge might help."""
        self._tokens = min(self._most, self._tokens + self.share)

    def take(self) -> bool:
        """Whether one more hedge is within the share; it is spent then."""
        if self._tokens < 1.0 - 1e-9:  # twenty times 0.05 is a little less than 1
            return False
        self._tokens -= 1.0
        return True

    def give_back(self) -> None:
        """The hedge was not made after all."""
        self._tokens = min(self._most, self._tokens + 1.0)

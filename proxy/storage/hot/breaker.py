"""When to stop asking a server that does not answer, and when to ask again. Pure: `now` comes from outside.

closed ──3 failures in a row──▶ open ──retry_at──▶ half_open ──probe answered──▶ closed
                                 ▲                     │
                                 └──probe failed, wait doubled up to 5 s
"""

from proxy.storage.hot.base import LinkState


class Breaker:
    def __init__(self, *, threshold: int = 3, first_wait_s: float = 1.0, longest_wait_s: float = 5.0) -> None:
        self._threshold = threshold
        self._first_wait_s = first_wait_s
        self._longest_wait_s = longest_wait_s
        self._wait_s = first_wait_s
        self.failures = 0
        self.state: LinkState = "closed"
        self.retry_at = 0.0
        """While open: when the next probe is due, in the seconds of `now`."""

    def success(self) -> None:
        self.failures = 0
        self.state = "closed"
        self._wait_s = self._first_wait_s

    def failure(self, now: float) -> None:
        """While open it says nothing new: the next probe stays where it is."""
        if self.state == "half_open":
            self._wait_s = min(self._wait_s * 2, self._longest_wait_s)
            self._open(now)
        elif self.state == "closed":
            self.failures += 1
            if self.failures >= self._threshold:
                self._open(now)

    def probe(self) -> None:
        """The caller makes the one attempt that is allowed now."""
        if self.state == "open":
            self.state = "half_open"

    def _open(self, now: float) -> None:
        self.state = "open"
        self.retry_at = now + self._wait_s

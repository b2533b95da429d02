"""Counters of one process: of windows, buckets, slots and money. Each costs a few instructions a request, whatever its limit.

A window of `span_s` is a ring of 60 buckets, each a 59th of it wide. What was taken in a bucket counts until the 60th bucket after it
begins, which is at least the whole span later and at most a 60th more: never above the limit in any window, and never below 59/60 of it.

The first request after a pause is put so far into its bucket that this bucket's end comes just below a whole second: what is told in whole
seconds (`Retry-After`) is nearly exact where a limit is used up at once.
"""

from collections.abc import MutableMapping

BUCKETS = 60
PARTS = BUCKETS - 1
EDGE_S = 1e-6
"""Kept from a bucket's end, or added to the wait for it, so that rounding never puts a time on the wrong side of it."""

Key = tuple[str, ...] | str


def offset_s(width_s: float) -> float:
    """How far into its bucket the first request after a pause is put."""
    return 0.02 if width_s > 0.5 else width_s * 0.999


class Ring:
    """`home` keeps it alive while something is counted; else those who use it do.

    What is taken goes into `total` alone; how much of it belongs to the newest bucket is worked out when the next one begins. Whoever looks
    at `total`, or adds to it, has to `advance` first where `until` is over.
    """

    __slots__ = ("__weakref__", "buckets", "home", "index", "key", "older", "oldest", "phase", "rate", "since", "total", "until")

    def __init__(self, key: Key, span_s: float, home: "MutableMapping[Key, Ring]") -> None:
        self.key = key
        self.home = home
        self.rate = PARTS / span_s
        """Buckets a second."""
        self.phase = 0.0
        """Buckets between the clock's zero and where they are counted from."""
        self.index = self.oldest = -BUCKETS
        """Of the newest bucket and of one not after the oldest that is not empty, counted from the clock's zero."""
        self.since = float("inf")
        self.until = float("-inf")
        """Times that are in the newest bucket whatever rounding does: not before the one, and before the other."""
        self.total: float = 0
        self.older: float = 0
        """Of the total, what is not in the newest bucket."""
        self.buckets: list[float] = [0] * BUCKETS
        """The newest one's is not up to date."""

    def advance(self, now: float) -> None:
        """To the bucket of now. The clock may stand still, it does not go back."""
        before = self.index
        index = int(now * self.rate + self.phase)
        if index == before:
            return
        if index - before >= BUCKETS:
            self.buckets = [0] * BUCKETS
            self.total = 0
            # two more than there were: nothing from before the pause can be taken for what comes
            index += 2
            self.phase = index + offset_s(1 / self.rate) * self.rate - now * self.rate
            self.oldest = index
            self.home[self.key] = self
        else:
            buckets = self.buckets
            buckets[before % BUCKETS] = self.total - self.older
            for old in range(self.oldest, index - PARTS):
                self.total -= buckets[old % BUCKETS]
                buckets[old % BUCKETS] = 0
            if self.oldest < index - PARTS:
                self.oldest = index - PARTS
        self.older = self.total
        self.index = index
        self.since = (index - self.phase) / self.rate + EDGE_S
        self.until = (index + 1 - self.phase) / self.rate - EDGE_S

    def add(self, now: float, amount: float) -> None:
        if now >= self.until:
            self.advance(now)
        self.total += amount

    def give_back(self, at: float, amount: float) -> None:
        """Of what was taken at that time, if it still counts."""
        index = int(at * self.rate + self.phase)
        if index >= self.oldest:
            self.total -= amount
            if index < self.index:
                self.older -= amount
                self.buckets[index % BUCKETS] -= amount

    def reset_s(self, now: float) -> float:
        """Until some of it is free again; 0: all of it is."""
        if self.total <= 0:
            return 0.0
        oldest, buckets = self.oldest, self.buckets
        while oldest < self.index and not buckets[oldest % BUCKETS]:
            oldest += 1
        self.oldest = oldest
        return max(0.0, (oldest + BUCKETS - self.phase) / self.rate - now)

    def wait_s(self, now: float, amount: float, limit: float) -> float:
        """Until that much fits, after `advance` to now. What never fits is told to wait for an empty window."""
        over = self.total + amount - limit
        if over <= 0:
            return 0.0
        index = self.oldest
        while index < self.index:
            over -= self.buckets[index % BUCKETS]
            if over <= 0:
                break
            index += 1
        return (index + BUCKETS - self.phase) / self.rate - now + EDGE_S

    def idle(self, now: float) -> bool:
        return int(now * self.rate + self.phase) - self.index >= BUCKETS


class Bucket(Ring):
    """A token bucket with a ring's face: `total` is what is missing in it, and comes back evenly."""

    __slots__ = ("refill",)
    TICKS_A_SECOND = 1000.0

    def __init__(self, key: Key, span_s: float, home: "MutableMapping[Key, Ring]") -> None:
        super().__init__(key, span_s, home)
        self.rate = self.TICKS_A_SECOND
        self.index = -(10**9)
        self.refill = 0.0
        """A tick; set when rules are made, the last one's word holds."""
        self.buckets = [0.0]

    def advance(self, now: float) -> None:
        index = int(now * self.rate)
        if index == self.index:
            return
        self.total = round(max(0.0, self.total - (index - self.index) * self.refill), 9)
        self.index = index
        self.until = (index + 1) / self.rate - EDGE_S
        if self.key not in self.home:
            self.home[self.key] = self

    def give_back(self, at: float, amount: float) -> None:
        self.total = max(0.0, self.total - amount)

    def reset_s(self, now: float) -> float:
        return min(1.0, self.total) / self.refill / self.rate if self.refill else 0.0

    def wait_s(self, now: float, amount: float, limit: float) -> float:
        over = min(amount, limit) + self.total - limit
        ticks = -(-over // self.refill) + 1 if over > 0 else 0
        return max(0.0, (self.index + ticks) / self.rate - now + EDGE_S) if ticks else 0.0

    def idle(self, now: float) -> bool:
        return self.total <= (int(now * self.rate) - self.index) * self.refill


class Room:
    """Slots that are taken."""

    __slots__ = ("__weakref__", "taken")

    def __init__(self) -> None:
        self.taken = 0


class Money:
    """`known` False: nobody has said yet what was spent before this process began to count. `others`: what is left to other processes."""

    __slots__ = ("ends_at", "known", "others", "reserved", "settled")

    def __init__(self, ends_at: float | None, *, known: bool) -> None:
        self.ends_at = ends_at
        self.known = known
        self.settled = self.reserved = self.others = 0

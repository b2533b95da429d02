"""`weighted`: shares of the traffic, for a canary or a split. Whoever is sticky keeps the target.

Weighted rendezvous hashing: u is a hash of (entry, sticky id, target) spread evenly over (0, 1]; the targets are ordered by

    log(u) / weight, the greatest first

The first place falls to each target in proportion to its weight, and each id's place depends on nothing else: every replica finds the
same, after a restart, too. When a weight moves, only ids move whose share it is: to the target that grew, or away from the one that
shrank, and none between the others. What follows the first is the order in which they would have won, so fallbacks are sticky as well.
Without stickiness the hash is drawn. Source: Schindelhauer and Schomaker, "Weighted distributed hash tables" (2005); Wikipedia
"Rendezvous hashing", read 2026-11-25.

Weight 0 is no share: such a target is left out unless no other is left (a dark canary that is asked for by its tag).
"""

from collections.abc import Sequence
from hashlib import blake2b
from math import log
from random import Random

from proxy.routing.candidate import Candidate, RequestFacts
from proxy.routing.strategy import Strategy
from proxy.routing.target import Decision, Rejected

_BITS = 60
"""Two digits of Python's integers: a third one would cost a quarter more."""
_MASK = (1 << _BITS) - 1
_ONE = 2.0**-_BITS
_MIX = 0x9E3779B97F4A7C1
"""Odd, of the golden ratio. Both hashes are blake2b's, so that one multiplication is enough to part what their difference alone would tie
together: over 280 shares of 20 000 ids the squared deviations were 0.95 of chance's (two multiplications: 1.16)."""


class Weighted:
    def __init__(self, entry: str = "") -> None:
        """`entry`: its name, so that entries are drawn for apart: nobody is in every canary."""
        self._entry = entry.encode("utf-8", "surrogatepass")
        self._last: tuple[Sequence[Candidate], list[Candidate], list[tuple[int, float]], tuple[Rejected, ...]] | None = None
        """What was worked out of the last candidates: mostly they are the same tuple again."""

    def choose(self, candidates: Sequence[Candidate], facts: RequestFacts, now: float, rng: Random) -> Decision:
        last = self._last
        if last is None or last[0] is not candidates:
            last = self._last = (candidates, *self._weighed(candidates))
        _, shared, lots, rejected = last
        seed = self._hash(facts.sticky.encode("utf-8", "surrogatepass")) if facts.sticky else rng.getrandbits(_BITS)
        keys = [log(((seed ^ lot) * _MIX & _MASK | 1) * _ONE) * each for lot, each in lots]
        ranks = sorted(range(len(keys)), key=keys.__getitem__, reverse=True)
        if shared[ranks[0]].stats.ramp(now) < 1.0:
            ranks = _ramped(shared, keys, now)
        order = tuple([shared[i] for i in ranks])
        how = "kept" if facts.sticky else "drawn"
        return Decision(order, f"weight {order[0].target.weight:g}, {how}", rejected)

    def _weighed(self, candidates: Sequence[Candidate]) -> tuple[list[Candidate], list[tuple[int, float]], tuple[Rejected, ...]]:
        """Those that have a share; of each its hash and 1 / weight; and the others."""
        shared = [c for c in candidates if c.target.weight > 0]
        rejected = tuple(Rejected(c, "weight 0") for c in candidates if c.target.weight <= 0) if shared else ()
        shared = shared or list(candidates)
        lots = [(_hash(b"", c.id.encode("utf-8", "surrogatepass")), 1.0 / (c.target.weight or 1.0)) for c in shared]
        return shared, lots, rejected

    def _hash(self, sticky: bytes) -> int:
        return _hash(self._entry, sticky)


def _ramped(candidates: Sequence[Candidate], keys: Sequence[float], now: float) -> list[int]:
    """Slow start: for as long as it lasts a target's weight is so much less."""
    slowed = [key / max(candidate.stats.ramp(now), 1e-6) for key, candidate in zip(keys, candidates, strict=True)]
    return sorted(range(len(slowed)), key=slowed.__getitem__, reverse=True)


def _hash(entry: bytes, name: bytes) -> int:
    return int.from_bytes(blake2b(entry + b"\0" + name, digest_size=8).digest()) >> (64 - _BITS)


_: type[Strategy] = Weighted

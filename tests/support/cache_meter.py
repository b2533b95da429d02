"""A CacheMeter that remembers."""

from collections import Counter

from proxy.cache.meter import CacheMeter, Tier


class CountingMeter:
    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        """`hit l1`, `miss l2`, `write l1`, `error l2` …"""
        self.seconds: list[float] = []

    def hit(self, tier: Tier, seconds: float) -> None:
        self.counts[f"hit {tier}"] += 1
        self.seconds.append(seconds)

    def miss(self, tier: Tier) -> None:
        self.counts[f"miss {tier}"] += 1

    def write(self, tier: Tier) -> None:
        self.counts[f"write {tier}"] += 1

    def error(self, tier: Tier) -> None:
        self.counts[f"error {tier}"] += 1


_: type[CacheMeter] = CountingMeter

"""How long a scripted upstream takes: distributions as data, drawn from with a generator that the caller seeds."""

from random import Random

import msgspec


class Fixed(msgspec.Struct, frozen=True, tag="fixed"):
    seconds: float

    def draw(self, elapsed_s: float, rng: Random) -> float:
        return self.seconds

    def __str__(self) -> str:
        return f"{_ms(self.seconds)} ms"


class LogNormal(msgspec.Struct, frozen=True, tag="lognormal"):
    """`sigma` of the logarithm: 0.3 puts p99 at twice the median, 1.0 at ten times."""

    median_s: float
    sigma: float

    def draw(self, elapsed_s: float, rng: Random) -> float:
        return self.median_s * rng.lognormvariate(0.0, self.sigma)

    def __str__(self) -> str:
        return f"lognormal, median {_ms(self.median_s)} ms, sigma {self.sigma:g}"


class Pareto(msgspec.Struct, frozen=True, tag="pareto"):
    """Heavy-tailed: P(X > x) = (least_s / x) ** alpha, cut at `most_s`."""

    least_s: float
    alpha: float
    most_s: float = 5.0

    def draw(self, elapsed_s: float, rng: Random) -> float:
        return min(self.least_s * rng.paretovariate(self.alpha), self.most_s)

    def __str__(self) -> str:
        return f"Pareto, least {_ms(self.least_s)} ms, alpha {self.alpha:g}, at most {self.most_s:g} s"


class Mixture(msgspec.Struct, frozen=True, tag="mixture"):
    """`rare` for a share of the calls, `usual` for the others."""

    usual: Fixed | LogNormal | Pareto
    rare: Fixed | LogNormal | Pareto
    rare_share: float

    def draw(self, elapsed_s: float, rng: Random) -> float:
        return (self.rare if rng.random() < self.rare_share else self.usual).draw(elapsed_s, rng)

    def __str__(self) -> str:
        return f"{self.usual}; for {self.rare_share:.1%}: {self.rare}"


class Slowing(msgspec.Struct, frozen=True, tag="slowing"):
    """As `usual` until `from_s`; from then on slower and slower, `factor` times at `until_s` and after."""

    usual: Fixed | LogNormal | Pareto
    factor: float
    from_s: float
    until_s: float

    def draw(self, elapsed_s: float, rng: Random) -> float:
        way = (elapsed_s - self.from_s) / max(self.until_s - self.from_s, 1e-9)
        return self.usual.draw(elapsed_s, rng) * (1 + (self.factor - 1) * min(max(way, 0.0), 1.0))

    def __str__(self) -> str:
        return f"{self.usual}; from {self.from_s:.1f} s to {self.until_s:.1f} s growing to {self.factor:g} times that"


Latency = Fixed | LogNormal | Pareto | Mixture | Slowing


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:g}"

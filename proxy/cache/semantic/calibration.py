"""Which threshold: fitted on one half of a labelled set, judged on the other. Pure."""

import hashlib
from collections.abc import Sequence
from math import sqrt

import msgspec

THRESHOLDS = tuple(round(0.5 + 0.01 * step, 2) for step in range(51))


class Pair(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Two questions, and whether one answer serves both. A line of the labelled file."""

    a: str
    b: str
    same: bool
    kind: str = ""


class Scored(msgspec.Struct, frozen=True):
    pair: Pair
    similarity: float
    conflict: str | None
    """What a guard has against it."""


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """At one threshold. Shares of the pairs that mean the same, and of those that do not."""

    threshold: float
    hit_rate: float
    wrong_hit_rate: float
    unguarded_hit_rate: float
    unguarded_wrong_hit_rate: float
    wrong: tuple[Pair, ...] = ()


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """`fitted` on one half, `reported` at the same threshold on the other; `curve`: the other half at every threshold."""

    fitted: Rates
    reported: Rates
    curve: tuple[Rates, ...]
    fitted_on: int
    reported_on: int
    reported_others: int
    """Of the other half's, those that do not mean the same: one of them is the finest share of wrong hits that can be told."""
    wrong_interval: tuple[float, float]
    """95 % of the reported share of wrong hits."""


def calibrate(scored: Sequence[Scored], *, max_wrong: float) -> Calibration:
    """Of the thresholds whose wrong hits on the first half are at most `max_wrong` of its pairs that do not mean the same: one with the
    most hits, and of those the highest. Raises ValueError where a half lacks one of the two kinds of pairs."""
    halves: tuple[list[Scored], list[Scored]] = ([], [])
    for one in scored:
        halves[_half(one.pair)].append(one)
    for half in halves:
        if len({one.pair.same for one in half}) < 2:
            raise ValueError("too few pairs: each half needs some that mean the same and some that do not")
    fit = [rates(halves[0], threshold) for threshold in THRESHOLDS]
    right = [r for r in fit if r.wrong_hit_rate <= max_wrong] or fit[-1:]
    best = max(right, key=lambda r: (r.hit_rate, r.threshold))
    curve = tuple(rates(halves[1], threshold) for threshold in THRESHOLDS)
    reported = next(r for r in curve if r.threshold == best.threshold)
    others = sum(not one.pair.same for one in halves[1])
    return Calibration(
        fitted=best,
        reported=reported,
        curve=curve,
        fitted_on=len(halves[0]),
        reported_on=len(halves[1]),
        reported_others=others,
        wrong_interval=interval(len(reported.wrong), others),
    )


def interval(hits: int, of: int) -> tuple[float, float]:
    """95 % confidence interval of a share. Source: Wilson 1927, score interval."""
    z, share = 1.96, hits / of
    width = z * sqrt(share * (1 - share) / of + (z / (2 * of)) ** 2)
    middle, scale = share + z * z / (2 * of), 1 + z * z / of
    return (max(0.0, round((middle - width) / scale, 6)), min(1.0, round((middle + width) / scale, 6)))


def rates(scored: Sequence[Scored], threshold: float) -> Rates:
    same = [one for one in scored if one.pair.same]
    other = [one for one in scored if not one.pair.same]
    wrong = [one.pair for one in other if _hits(one, threshold)]
    return Rates(
        threshold=threshold,
        hit_rate=sum(_hits(one, threshold) for one in same) / len(same),
        wrong_hit_rate=len(wrong) / len(other),
        unguarded_hit_rate=sum(one.similarity >= threshold for one in same) / len(same),
        unguarded_wrong_hit_rate=sum(one.similarity >= threshold for one in other) / len(other),
        wrong=tuple(wrong),
    )


def _hits(one: Scored, threshold: float) -> bool:
    return one.similarity >= threshold and one.conflict is None


def _half(pair: Pair) -> int:
    """By the first question's digest: pairs that share it stay together, and adding pairs moves none."""
    return hashlib.sha256(pair.a.encode()).digest()[-1] % 2

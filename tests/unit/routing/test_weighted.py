"""`weighted`: shares of the traffic, and who keeps the target."""

from collections import Counter
from random import Random

import pytest

from proxy.routing.candidate import Candidate, RequestFacts
from proxy.routing.stats import TargetStats
from proxy.routing.weighted import Weighted
from tests.support.routing import candidate

IDS = [f"user-{i}@example.org" for i in range(24_000)]


def split(*weights: float) -> tuple[Candidate, ...]:
    return tuple(candidate(f"p{i}", weight=weight) for i, weight in enumerate(weights))


def firsts(candidates: tuple[Candidate, ...], entry: str = "smart") -> list[str]:
    chooser, rng = Weighted(entry), Random(1)
    return [chooser.choose(candidates, RequestFacts(sticky=one), 0.0, rng).order[0].provider for one in IDS]


@pytest.mark.parametrize("weights", [(95, 5), (5, 95), (0.95, 0.05), (50, 45, 5), (1, 1, 1, 1, 1, 1, 14)])
def test_shares_are_what_the_weights_say(weights: tuple[float, ...]) -> None:
    """Within 0.6 points over 24 000 ids, whatever the weights add up to."""
    counts = Counter(firsts(split(*weights)))
    for i, weight in enumerate(weights):
        assert abs(counts[f"p{i}"] / len(IDS) - weight / sum(weights)) < 0.006


@pytest.mark.parametrize("entry", [f"entry {n}" for n in range(8)])
def test_a_canary_of_5_percent_in_every_entry(entry: str) -> None:
    """No entry is unlucky."""
    assert abs(firsts(split(95, 5), entry).count("p1") / len(IDS) - 0.05) < 0.006


def test_an_id_keeps_its_whole_order() -> None:
    """In another process, with other chances, and after a restart: hashes are written down here."""
    given = split(1, 1, 1, 1)
    facts = RequestFacts(sticky="ada")
    orders = {Weighted("smart").choose(given, facts, float(seed), Random(seed)).order for seed in range(50)}
    assert [[c.provider for c in order] for order in orders] == [["p3", "p1", "p0", "p2"]]
    assert {Weighted("other").choose(given, RequestFacts(sticky=f"{n}"), 0.0, Random(1)).order[0].provider for n in range(50)} == {
        "p0",
        "p1",
        "p2",
        "p3",
    }


def test_moving_a_weight_moves_only_its_share() -> None:
    """From 5 to 10 %: ids go to the canary alone, none leaves it, and no more than its new share."""
    before, after = firsts(split(95, 5)), firsts(split(90, 10))
    moved = [(was, now) for was, now in zip(before, after, strict=True) if was != now]
    assert set(moved) == {("p0", "p1")}
    assert abs(len(moved) / len(IDS) - 0.05) < 0.006


def test_a_target_that_goes_leaves_the_others_where_they_are() -> None:
    """Its ids go where their second place was; so fallbacks are sticky as well."""
    three = split(1, 1, 1)
    whole, less = firsts(three), firsts(three[:2])
    chooser = Weighted("smart")
    for one, was, now in zip(IDS[:2000], whole, less, strict=False):
        order = chooser.choose(three, RequestFacts(sticky=one), 0.0, Random(1)).order
        assert now == (was if was != "p2" else order[1].provider)


def test_entries_are_drawn_for_apart() -> None:
    """Who is in one canary is in another by chance only."""
    one, two = firsts(split(80, 20), "one"), firsts(split(80, 20), "two")
    both = sum(a == b == "p1" for a, b in zip(one, two, strict=True))
    assert abs(both / len(IDS) - 0.04) < 0.006


def test_without_stickiness_each_request_is_drawn() -> None:
    """In the same shares."""
    given, chooser, rng = split(95, 5), Weighted("smart"), Random(7)
    drawn = [chooser.choose(given, RequestFacts(), 0.0, rng) for _ in range(20_000)]
    assert abs(sum(d.order[0].provider == "p1" for d in drawn) / 20_000 - 0.05) < 0.006
    assert {d.reason for d in drawn} == {"weight 95, drawn", "weight 5, drawn"}


def test_no_weight_is_no_share() -> None:
    """It is left out, with the reason; where nothing else is left it serves."""
    none, some = split(0, 1)
    decision = Weighted("e").choose((none, some), RequestFacts(sticky="u"), 0.0, Random(1))
    assert decision.order == (some,)
    assert [(one.target, one.reason) for one in decision.rejected] == [(none, "weight 0")]
    assert Weighted("e").choose((none,), RequestFacts(), 0.0, Random(1)).order == (none,)


def test_a_target_that_recovers_gets_its_share_back_bit_by_bit() -> None:
    """Its weight grows with its ramp; whoever comes back stays."""
    stats = TargetStats("p1")
    given = (candidate("p0"), candidate("p1", stats=stats))
    stats.ramp_from, stats.ramp_s = 0.0, 100.0
    chooser, rng = Weighted("smart"), Random(1)
    back: set[str] = set()
    for at in (0.0, 20.0, 60.0):
        now = {one for one in IDS[:6000] if chooser.choose(given, RequestFacts(sticky=one), at, rng).order[0].provider == "p1"}
        weight = at / 100
        assert abs(len(now) / 6000 - weight / (1 + weight)) < 0.02
        assert back <= now
        back = now


def test_one_chooser_serves_whatever_the_filters_leave() -> None:
    """What it remembers of the last candidates is not taken for others."""
    chooser, rng = Weighted("smart"), Random(1)
    for given in (split(1, 1, 1), split(1, 1), split(1, 1, 1)):
        assert len(chooser.choose(given, RequestFacts(sticky="u"), 0.0, rng).order) == len(given)

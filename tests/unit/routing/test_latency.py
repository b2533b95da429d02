"""`latency`: the better of two that are drawn."""

from collections import Counter
from random import Random

from proxy.routing.candidate import Candidate, RequestFacts
from proxy.routing.latency import UNSEEN_BUSY, LeastLatency, expected_s
from proxy.routing.stats import TargetStats
from tests.support.routing import candidate

STREAM = RequestFacts(output_tokens=100, stream=True)


def measured(
    name: str, first_token_s: float | None = None, *, whole_s: float | None = None, speed: float | None = None, busy: int = 0
) -> Candidate:
    stats = TargetStats(name)
    stats.in_flight, stats.tokens_per_s = busy, speed
    if first_token_s is not None:
        stats.first_token.observe(0.0, first_token_s)
    if whole_s is not None:
        stats.whole.observe(0.0, whole_s)
    return candidate(name, stats=stats)


def test_what_a_request_may_expect() -> None:
    """Time to the first token and the tokens at its speed, for all that are under way; a whole answer by its own time."""
    target = measured("a", 0.5, whole_s=4.0, speed=50, busy=1)
    assert expected_s(target, STREAM, 0.0) == (0.5 + 100 / 50) * 2
    assert expected_s(target, RequestFacts(output_tokens=100), 0.0) == 4.0 * 2
    assert expected_s(measured("b", 0.5), STREAM, 0.0) == 0.5


def test_what_is_unknown_is_tried_by_one_at_a_time() -> None:
    """Idle it is the best there is, busy the worst."""
    assert expected_s(measured("a"), STREAM, 0.0) == 0.0
    assert expected_s(measured("a", busy=2), STREAM, 0.0) == 2 * UNSEEN_BUSY


def test_the_better_of_two_comes_first() -> None:
    """With two there is no luck in it; calls in flight count."""
    fast, slow = measured("fast", 0.2), measured("slow", 0.9)
    for seed in range(20):
        decision = LeastLatency().choose([slow, fast], STREAM, 0.0, Random(seed))
        assert decision.order == (fast, slow)
    assert decision.reason == "0.200 s against 0.900 s of slow/m, the better of two drawn"
    fast.stats.in_flight = 9
    assert LeastLatency().choose([slow, fast], STREAM, 0.0, Random(1)).order == (slow, fast)


def test_the_worst_of_many_is_never_first_and_the_others_share() -> None:
    """Two draws in three meet the best of three; the middle one gets the third."""
    given = [measured("slow", 3.0), measured("middle", 2.0), measured("fast", 1.0)]
    rng = Random(3)
    firsts = Counter(LeastLatency().choose(given, STREAM, 0.0, rng).order[0].provider for _ in range(3000))
    assert firsts["slow"] == 0
    assert abs(firsts["fast"] / 3000 - 2 / 3) < 0.03


def test_the_only_one_needs_no_draw() -> None:
    """It is what there is."""
    only = measured("a")
    assert LeastLatency().choose([only], STREAM, 0.0, Random(1)).order == (only,)


def test_the_reason_says_what_is_not_known() -> None:
    """And that it is being found out."""
    new, busy = measured("new"), measured("busy", busy=1)
    assert (
        LeastLatency()
        .choose([new, busy], STREAM, 0.0, Random(1))
        .reason.startswith("not known yet against not known yet, but busy of busy/m")
    )

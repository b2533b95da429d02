"""Scripts of the fault bench: the same seed meets the same faults."""

from random import Random

import msgspec
import pytest

from benchmarks.faults.latencies import Fixed, Latency, LogNormal, Mixture, Pareto, Slowing
from benchmarks.faults.script import (
    Answer,
    Malformed,
    Member,
    MemberState,
    Quota,
    Refusal,
    Reset,
    Rule,
    Stall,
    Step,
    Truncated,
    WrongType,
    auth_error,
    content_policy,
    context_length,
    server_error,
    throttled,
)
from benchmarks.stats import quantile


def steps(member: Member, seed: int, count: int, gap_s: float = 0.01, *, stream: bool = False) -> list[Step]:
    state = MemberState(member, seed)
    return [state.decide(i * gap_s, stream=stream) for i in range(count)]


def refused(found: list[Step]) -> list[int]:
    """Numbers of the calls that were not answered."""
    return [i for i, step in enumerate(found, start=1) if not isinstance(step.act, Answer)]


FLAKY = Member(name="a", latency=LogNormal(0.03, 0.5), rules=(Rule(act=server_error(), share=0.2), Rule(act=Reset(), share=0.1)))


def test_same_seed_same_run() -> None:
    """Latencies and faults are a function of seed, member and number; another seed or member gives others."""
    first = steps(FLAKY, 7, 200)
    assert first == steps(FLAKY, 7, 200)
    assert first != steps(FLAKY, 8, 200)
    assert first != steps(msgspec.structs.replace(FLAKY, name="b"), 7, 200)


def test_a_call_depends_on_no_other() -> None:
    """Calls in between, at other times, change nothing for the call of a number: members may be asked in any order."""
    slow = steps(FLAKY, 3, 50, gap_s=5.0)
    assert [step.act for step in slow] == [step.act for step in steps(FLAKY, 3, 50)]


def test_shares() -> None:
    """A rule's share is the share of the calls that it takes, and the first rule that applies wins."""
    found = steps(FLAKY, 1, 4000)
    errors = sum(isinstance(step.act, Refusal) for step in found)
    resets = sum(isinstance(step.act, Reset) for step in found)
    assert errors / 4000 == pytest.approx(0.2, abs=0.02)
    assert resets / 4000 == pytest.approx(0.08, abs=0.015)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (Rule(act=Reset(), first_call=3, last_call=4), [3, 4]),
        (Rule(act=Reset(), first_call=9), [9, 10]),
        (Rule(act=Reset(), from_s=0.5, until_s=0.7), [6, 7]),
        (Rule(act=Reset(), period_s=0.4, on_s=0.2), [1, 2, 5, 6, 9, 10]),
        (Rule(act=Reset(), from_s=0.1, period_s=0.4, on_s=0.1), [2, 6, 10]),
        (Rule(act=Reset(), streams=True), []),
        (Rule(act=Reset(), streams=False, last_call=1), [1]),
    ],
)
def test_when_a_rule_applies(rule: Rule, expected: list[int]) -> None:
    """By number of the call, time, turns of flapping, and kind of answer."""
    assert refused(steps(Member(name="a", rules=(rule,)), 1, 10, gap_s=0.1000001)) == expected


def test_latency_of_a_fault() -> None:
    """What fails at once takes the rule's time; what fails inside the body first takes the member's."""
    member = Member(name="a", latency=Fixed(0.4), rules=(Rule(act=Stall(inside=True), last_call=1), Rule(act=Stall())))
    assert [step.latency_s for step in steps(member, 1, 2)] == [0.4, 0.005]


def test_quota() -> None:
    """So many calls in any window; each answer says what is left, and a refusal when to come back if the script says so."""
    state = MemberState(Member(name="a", quota=Quota(2, 1.0, retry_after=True)), 1)
    first, second, third, later = (state.decide(at, stream=False) for at in (0.0, 0.4, 0.5, 1.1))
    assert dict(first.headers)["x-ratelimit-remaining-requests"] == "1"
    assert dict(second.headers) == {
        "x-ratelimit-limit-requests": "2",
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": "600ms",
    }
    assert isinstance(third.act, Refusal)
    assert third.act.status == 429
    assert dict(third.act.headers)["retry-after"] == "0.500"
    assert isinstance(later.act, Answer)


def test_capacity() -> None:
    """More calls at once than the member takes are 429."""
    state = MemberState(Member(name="a", capacity=2), 1)
    assert isinstance(state.decide(0, stream=False, in_flight=1).act, Answer)
    assert state.decide(0, stream=False, in_flight=2).act == throttled()


@pytest.mark.parametrize(
    ("latency", "median_s", "p99_s"),
    [
        (Fixed(0.02), 0.02, 0.02),
        (LogNormal(0.03, 0.3), 0.03, 0.06),
        (Pareto(0.03, 1.5), 0.0476, 0.646),
        (Mixture(Fixed(0.01), Fixed(1.0), 0.05), 0.01, 1.0),
    ],
)
def test_distributions(latency: Latency, median_s: float, p99_s: float) -> None:
    """Median and p99 are those of the distribution that is named."""
    rng = Random(1)
    drawn = sorted(latency.draw(0, rng) for _ in range(20_000))
    assert quantile(drawn, 0.5) == pytest.approx(median_s, rel=0.05)
    assert quantile(drawn, 0.99) == pytest.approx(p99_s, rel=0.1)


def test_the_tail_is_cut() -> None:
    """No draw is longer than what the script allows."""
    rng = Random(1)
    assert max(Pareto(0.03, 0.5, most_s=2.0).draw(0, rng) for _ in range(1000)) == 2.0


def test_slowing_down() -> None:
    """Slower and slower between two times, and no further."""
    latency = Slowing(Fixed(0.01), 11, 1.0, 3.0)
    assert [latency.draw(at, Random(1)) for at in (0.0, 1.0, 2.0, 3.0, 9.0)] == pytest.approx([0.01, 0.01, 0.06, 0.11, 0.11])


def test_scripts_are_data() -> None:
    """A script goes through JSON to the process that plays it, and says in words what it does."""
    rules = tuple(
        Rule(act=act, share=0.1, streams=True, period_s=2.0, on_s=1.0, from_s=1.0, first_call=2)
        for act in (
            throttled(2),
            auth_error(),
            context_length(),
            content_policy(),
            Reset(),
            Stall(True),
            Truncated(),
            Malformed(True),
            WrongType(),
        )
    )
    member = Member(name="a", latency=Slowing(Pareto(0.1, 2), 3, 1, 2), rules=rules, quota=Quota(5, 1), capacity=3)
    assert msgspec.json.decode(msgspec.json.encode(member), type=Member) == member
    told = member.describe()
    for words in (
        "Pareto",
        "growing to 3 times",
        "429 rate_limit_exceeded retry-after: 2",
        "for 10.0% of streams",
        "stall inside",
        "5 calls in 1 s",
    ):
        assert words in told
    assert Member(name="b", refuses=True).describe() == "b: refuses connections"
    assert "for 5.0%" in str(Mixture(Fixed(0.01), LogNormal(1.0, 0.3), 0.05))

"""Situations: what the upstreams do, and under which load. `rows.py` says which ways through the gateway meet each."""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.faults.latencies import Fixed, LogNormal, Mixture, Pareto, Slowing
from benchmarks.faults.script import (
    Act,
    Malformed,
    Member,
    Quota,
    Refusal,
    Reset,
    Rule,
    Stall,
    Truncated,
    WrongType,
    auth_error,
    content_policy,
    context_length,
    server_error,
    throttled,
)

USUAL = LogNormal(0.030, 0.3)
TAIL = Pareto(0.030, 1.5)
RARE_SLOW = Mixture(LogNormal(0.040, 0.3), Pareto(0.400, 1.5), 0.03)
Members = tuple[Member, ...]


@dataclass(frozen=True)
class Scenario:
    """`members(span_s)`: scripts for a load of so many seconds. The first member is the one that fails where one does; those whose name
    begins with `shadow` get copies, those that begin with `other` are reached by fallbacks between entries only."""

    key: str
    title: str
    members: Callable[[float], Members]
    rate: float = 100.0
    stream_share: float = 0.5
    factor: float = 1.0
    """On the number of requests."""
    limit_s: float = 10.0
    faulty: frozenset[str] = frozenset({"a"})
    """Members whose calls are counted as calls at the one that fails."""
    first_token_s: float = 0.5
    """The gateway's time-out for streams; long where it would cut the tail that is measured."""


def trio(*rules: Rule, **more: Member) -> Callable[[float], Members]:
    """a with the rules, b and c well."""
    return lambda span_s: (Member(name="a", latency=USUAL, rules=rules), *_well("b", "c"))


def _well(*names: str) -> Members:
    return tuple(Member(name=name, latency=USUAL) for name in names)


def _down(act: Act) -> Callable[[float], Members]:
    return trio(Rule(act=act))


def _part(act: Act, share: float = 0.1) -> Callable[[float], Members]:
    return trio(Rule(act=act, share=share))


def _flapping(span_s: float) -> Members:
    """Four times down and up again, over the whole load."""
    period_s = max(span_s / 4, 0.2)
    return (Member(name="a", latency=USUAL, rules=(Rule(act=server_error(), period_s=period_s, on_s=period_s / 2),)), *_well("b", "c"))


def _bursts(span_s: float) -> Members:
    """Each member has its bad moments, one after the other."""
    period_s = max(span_s / 3, 0.3)
    return tuple(
        Member(
            name=name, latency=USUAL, rules=(Rule(act=server_error(500), from_s=i * period_s / 3, period_s=period_s, on_s=period_s / 10),)
        )
        for i, name in enumerate("abc")
    )


def _slowing(span_s: float) -> Members:
    return (Member(name="a", latency=Slowing(USUAL, 20, span_s * 0.2, span_s * 0.8)), *_well("b", "c"))


def _everything(span_s: float) -> Members:
    """A little of each fault at every member."""
    acts: tuple[Act, ...] = (server_error(), throttled(), Reset(), Truncated(), Malformed(), WrongType())
    rules = tuple(Rule(act=act, share=0.01) for act in acts)
    return tuple(Member(name=name, latency=USUAL, rules=rules) for name in "abc")


def _inside(span_s: float) -> Members:
    """What no gateway can hide: streams that break after they began."""
    rules = tuple(Rule(act=act, share=0.02) for act in (Reset(True), Truncated(True), Stall(True), Malformed(True)))
    return tuple(Member(name=name, latency=USUAL, rules=rules) for name in "abc")


def _all_down(span_s: float) -> Members:
    return tuple(Member(name=name, rules=(Rule(act=server_error()),)) for name in "abc")


def _recovering(span_s: float) -> Members:
    return (Member(name="a", latency=USUAL, rules=(Rule(act=server_error(), until_s=span_s / 4),)), *_well("b", "c"))


def _quota(span_s: float) -> Members:
    """a takes half of the load, in windows of a second."""
    return (Member(name="a", latency=USUAL, quota=Quota(50, 1.0)), *_well("b", "c"))


def _crowded(span_s: float) -> Members:
    """Each takes a few at once."""
    return tuple(Member(name=name, latency=Fixed(0.1), capacity=6, chunks=2) for name in "ab")


def _shadowed(span_s: float) -> Members:
    return (*_well("a"), Member(name="shadow", latency=Fixed(0.5)))


def _with_other(act: Refusal) -> Callable[[float], Members]:
    return lambda span_s: (Member(name="a", latency=USUAL, rules=(Rule(act=act, share=0.5),)), Member(name="other", latency=USUAL))


HEALTHY = Scenario("healthy", "three targets, nothing fails", lambda span_s: _well("a", "b", "c"))
FAULTS = (
    Scenario("down", "one of three answers 503", _down(server_error())),
    Scenario("flapping", "one of three answers 503 half of the time, in four turns", _flapping),
    Scenario(
        "refusing",
        "one of three refuses connections",
        lambda span_s: (Member(name="a", refuses=True), *_well("b", "c")),
    ),
    Scenario("resets", "one of three resets connections before its answer", _down(Reset())),
    Scenario("bursts", "each has bursts of 500, one after the other", _bursts),
    Scenario("429-told", "one of three answers 429 with Retry-After: 1", _down(throttled(1))),
    Scenario("429-bare", "one of three answers 429 without Retry-After", _down(throttled())),
    Scenario("auth", "the key of one of three is refused (401)", _down(auth_error())),
    Scenario("stalls", "one of three accepts streams and sends nothing", _down(Stall()), stream_share=1.0, rate=60),
    Scenario("truncated", "a tenth of one's streams and answers end before they begin", _part(Truncated())),
    Scenario("malformed", "a tenth of one's streams and answers begin with broken JSON", _part(Malformed())),
    Scenario("wrong-type", "one of three sends HTML with 200", _down(WrongType())),
    Scenario("slowing", "one of three grows 20 times slower", _slowing, first_token_s=8.0),
    Scenario("everything", "each fault before the answer, 1 % each, at all three", _everything, faulty=frozenset("abc")),
)
INSIDE = Scenario(
    "inside", "streams that break after they began, 2 % a fault, at all three", _inside, stream_share=1.0, faulty=frozenset("abc")
)
CUT = Scenario("cut", "a tenth of one's streams are reset after half", _part(Reset(inside=True)), stream_share=1.0)
TAILS = (
    Scenario(
        "tail",
        "heavy-tailed time to first token (Pareto) at all three",
        lambda span_s: tuple(Member(name=name, latency=TAIL) for name in "abc"),
        stream_share=1.0,
        factor=2.0,
        first_token_s=8.0,
    ),
    Scenario(
        "tail-rare",
        "3 % of the calls take ten times and longer, at all three",
        lambda span_s: tuple(Member(name=name, latency=RARE_SLOW) for name in "abc"),
        stream_share=1.0,
        factor=2.0,
        first_token_s=8.0,
    ),
)
HANGS = Scenario("hangs", "one of three accepts requests for whole answers and sends nothing", _down(Stall()), stream_share=0.0, rate=60)
ALL_DOWN = Scenario("all-down", "all three answer 503", _all_down, faulty=frozenset("abc"), factor=0.5)
RECOVERY = Scenario("recovery", "one of three is down for the first quarter", _recovering)
QUOTA = Scenario("quota", "one of three takes 50 calls a second and says how many are left", _quota)
BULKHEAD = Scenario("bulkhead", "two targets that take six calls at once", _crowded, rate=80)
SHEDDING = Scenario(
    "shedding",
    "more load than the gateway may or can carry",
    lambda span_s: (Member(name="a", latency=Fixed(0.5)),),
    rate=150,
    limit_s=20,
    first_token_s=8.0,
)
SHADOW = Scenario("shadow", "a copy of each request goes to a model that takes half a second", _shadowed)
CONTEXT = Scenario("context", "half of the prompts are too long for the model", _with_other(context_length()))
POLICY = Scenario("policy", "half of the prompts are against the model's content policy", _with_other(content_policy()))
EXACT = Scenario("exact", "all three answer 503, breaker off", _all_down, rate=20, factor=0.05, faulty=frozenset("abc"))

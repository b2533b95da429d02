"""The retry and fallback state machine, whatever happens."""

from collections.abc import Callable
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core.context import ALLOWED, Verdict
from proxy.core.errors import (
    BadGateway,
    ConnectionFailed,
    EdgeError,
    Forbidden,
    StreamTruncated,
    UpstreamTimeout,
)
from proxy.pipeline.attempts import Attempts, Stop, Try
from proxy.routing.candidate import Candidate, ModelFacts
from proxy.routing.failures import outcome_of
from proxy.routing.health import HealthBook
from proxy.routing.retry_budget import BudgetRules, RetryBudget
from proxy.routing.rules import RetryRules
from tests.support.routing import candidate
from tests.unit.pipeline.test_attempts import behind, blocked, quota, rejected, too_long

FAILURES: dict[str, Callable[[], EdgeError]] = {
    "reset": lambda: ConnectionFailed("x"),
    "timeout": lambda: UpstreamTimeout("x"),
    "broken": lambda: BadGateway("x"),
    "cut": lambda: StreamTruncated("x"),
    "429": lambda: rejected(429, retryable=True),
    "429 after 1": lambda: rejected(429, retryable=True, retry_after_s=1.0),
    "429 after 60": lambda: rejected(429, retryable=True, retry_after_s=60.0),
    "503": lambda: rejected(503, retryable=True),
    "500": lambda: rejected(500, retryable=True),
    "401": lambda: rejected(401),
    "402": quota,
    "404": lambda: rejected(404),
    "400": lambda: rejected(400),
    "long": too_long,
    "blocked": blocked,
    "ok": lambda: BadGateway("never raised"),
}
POOL = [
    candidate(name, facts=ModelFacts(context_tokens=tokens)) for name, tokens in zip("abcdefg", (1, 2, None, 3, 9, None, 2), strict=True)
]


class World:
    """What the machine may and may not do, watched from outside."""

    def __init__(self, data: st.DataObject) -> None:
        self.book = HealthBook()
        pool = [candidate(one.provider, facts=one.facts, stats=self.book.stats(one.id)) for one in POOL]
        draw = data.draw
        some = st.lists(st.sampled_from(pool), max_size=4, unique_by=lambda target: target.id)
        self.own = draw(some)
        names = ("fallbacks", "context_window_fallbacks", "content_policy_fallbacks") if draw(st.booleans()) else ()
        self.lists: dict[str, list[Candidate]] = {name: draw(some) for name in names}
        self.fallbacks = self.lists.get("fallbacks", [])
        self.denied = frozenset(draw(st.sets(st.sampled_from("abcdefg"), max_size=2)))
        self.attempts = draw(st.integers(1, 5))
        self.deadline = draw(st.none() | st.floats(0.1, 40.0))
        self.resting: dict[str, float] = {}
        for target in draw(some):
            self.rest(target, draw(st.floats(0.0, 20.0)), 0.0)
        rules = BudgetRules(share=0.0, floor_per_s=draw(st.sampled_from([0.0, 0.1, 100.0])), window_s=10.0)
        self.budget = RetryBudget(rules)
        self.machine = Attempts(
            self.own, RetryRules(attempts=self.attempts), self.deadline, self.permit, Random(3), self.budget,
            behind(**self.lists) if self.lists else None,
        )  # fmt: skip
        self.free = int(rules.floor_per_s * rules.window_s)
        """Tries that load may have made necessary."""

    def permit(self, provider: str, model: str) -> Verdict:
        return Verdict(Forbidden("no")) if provider in self.denied else ALLOWED

    def rest(self, target: Candidate, until: float, now: float) -> None:
        self.resting[target.id] = max(until, self.resting.get(target.id, 0.0))
        self.book.cool(target.stats, until, now)

    def known(self) -> set[str]:
        return {target.id for target in (*self.own, *(t for names in self.lists.values() for t in names))}


@settings(max_examples=400, derandomize=True)
@given(data=st.data())
def test_whatever_happens(data: st.DataObject) -> None:
    """Tries are at most as many as configured, at permitted and configured targets, never of one that rests, never after the deadline;
    retries that load may have caused stay within the budget; first tries keep the order; the machine ends and says why."""
    world = World(data)
    m, now, tried, costly, turned = world.machine, 0.0, [], 0, False
    while isinstance(step := m.next(now), Try):
        at = now + step.delay_s
        tried.append(step.target)
        assert len(tried) <= world.attempts
        assert step.target.provider not in world.denied
        assert step.target.id in world.known()
        assert world.resting.get(step.target.id, 0.0) <= at + 1e-9, "a Retry-After was cut short"
        assert world.deadline is None or at < world.deadline
        now = at + data.draw(st.floats(0.0, 2.0))
        what = data.draw(st.sampled_from(sorted(FAILURES)))
        if what == "ok":
            return  # the caller asks no more
        error, sent = FAILURES[what](), data.draw(st.booleans())
        turned = turned or what in ("long", "blocked")
        wish = error.retry_after_s
        if wish is not None:
            world.rest(step.target, now + wish, now)
        m.failed(step.target, error, now, sent=sent)
        costly += sent and outcome_of(error) in ("failed", "throttled") and m.left > 0
    assert costly <= world.free
    assert isinstance(step, Stop)
    assert m.next(now) == step, "the end is the end"
    if not turned and not world.resting:
        order = [target.id for target in (*world.own, *world.fallbacks) if target.provider not in world.denied]
        firsts = list(dict.fromkeys(target.id for target in tried))
        assert firsts == list(dict.fromkeys(order))[: len(firsts)]
    if step.reason == "attempts":
        assert len(tried) == world.attempts

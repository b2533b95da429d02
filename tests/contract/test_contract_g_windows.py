"""Contract G, the arithmetic: in no window of the span is more let through than the limit, and little less.

Tokens: what counts is what a request reserved until it is settled, then what it used; an overrun is debited when it becomes known.
"""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from proxy.core.claims import Amounts, Group, Slots, Window
from proxy.storage.hot.admission_memory import MemoryAdmission
from tests.support.clock import FakeClock

SPAN_S = 10
RPM, TOKENS, AT_ONCE = 5, 100, 3


class Windows(RuleBasedStateMachine):
    """Requests that begin, end with other usage than they reserved, and are refused, at any times."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock(monotonic_s=12345.67)
        self.store = MemoryAdmission(self.clock)
        claims = (Window("k", "requests", RPM, SPAN_S), Window("k", "input", TOKENS, SPAN_S), Slots("k", AT_ONCE))
        self.limits = self.store.prepare((Group("t", claims),))
        self.requests: list[float] = []
        """When each was let through."""
        self.tokens: list[list[float]] = []
        """[when, how many], as they count by now."""
        self.running: dict[str, tuple[list[float], int]] = {}
        self.number = 0

    @rule(seconds=st.floats(0.001, 4.0) | st.just(SPAN_S / 59) | st.just(float(SPAN_S)))
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule(tokens=st.integers(0, TOKENS))
    def begin(self, tokens: int) -> None:
        self.number += 1
        before = [reading.used for reading in self.store.read(self.limits).readings]
        outcome = self.store.claim(self.limits, str(self.number), Amounts(input=tokens))
        now = self.clock.monotonic()
        if outcome.refused is None:
            self.requests.append(now)
            self.tokens.append([now, tokens])
            self.running[str(self.number)] = (self.tokens[-1], tokens)
            return
        if outcome.refused.claim == self.limits.windows[1][1]:  # for tokens alone: the request is taken, and given back
            self.store.settle(self.limits, str(self.number), Amounts(requests=0))
        assert [reading.used for reading in self.store.read(self.limits).readings] == before
        if isinstance(outcome.refused.claim, Window) and len(self.running) < AT_ONCE:
            self.promise_holds(outcome.retry_after_s, tokens)

    def promise_holds(self, wait_s: float, tokens: int) -> None:
        """Asking a moment before it is over fails, and then it passes."""
        amounts = Amounts(input=tokens)
        self.clock.advance(wait_s - 0.001)
        assert self.store.fits(self.limits, amounts, "all").refused is not None
        self.clock.advance(0.001)
        assert self.store.fits(self.limits, amounts, "all").refused is None

    @precondition(lambda self: self.running)
    @rule(data=st.data(), used=st.integers(0, 2 * TOKENS))
    def end(self, data: st.DataObject, used: int) -> None:
        name = data.draw(st.sampled_from(sorted(self.running)))
        counted, reserved = self.running.pop(name)
        self.store.settle(self.limits, name, Amounts(input=used))
        counted[1] = min(used, reserved)

    @invariant()
    def never_more_than_the_limit(self) -> None:
        now = self.clock.monotonic()
        assert sum(at > now - SPAN_S for at in self.requests) <= RPM
        assert sum(tokens for at, tokens in self.tokens if at > now - SPAN_S) <= TOKENS
        assert len(self.running) <= AT_ONCE


TestWindows = Windows.TestCase
TestWindows.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_97_of_100_of_a_limit_can_be_used_under_overload() -> None:
    """Ten minutes, twenty times as many requests as there is room for."""
    clock = FakeClock()
    store = MemoryAdmission(clock)
    rules = store.prepare((Group("t", (Window("k", "requests", 60),)),))
    admitted = 0
    for n in range(10 * 60 * 20):
        admitted += store.claim(rules, str(n), Amounts()).refused is None
        store.settle(rules, str(n), Amounts())
        clock.advance(0.05)
    assert admitted <= 60 * 10 + 60
    assert admitted >= 0.97 * 600


def test_the_same_of_tokens() -> None:
    """Requests of 700 tokens against 40 000 a minute, which use what they reserved."""
    clock = FakeClock()
    store = MemoryAdmission(clock)
    rules = store.prepare((Group("t", (Window("k", "input", 40_000),)),))
    admitted = 0
    for n in range(10 * 60 * 5):
        if store.claim(rules, str(n), Amounts(input=700)).refused is None:
            admitted += 700
        store.settle(rules, str(n), Amounts(input=700))
        clock.advance(0.2)
    assert admitted >= 0.97 * 400_000

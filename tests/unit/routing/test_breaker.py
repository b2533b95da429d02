"""A circuit breaker as a state machine."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from proxy.routing.breaker import Breaker, BreakerRules

RULES = BreakerRules()


def opened(rules: BreakerRules = RULES) -> Breaker:
    """At 0.0."""
    breaker = Breaker()
    for _ in range(rules.threshold):
        assert breaker.begun(0.0) == 0
        breaker.failed(0.0, 0.0, rules, 0)
    assert breaker.state == "open"
    return breaker


def test_opens_exactly_at_the_threshold() -> None:
    """The fifth failure in a row, for 30 s."""
    breaker = Breaker()
    assert [breaker.failed(1.0, 0.5, RULES, 0) for _ in range(5)] == [False] * 4 + [True]
    assert (breaker.state, breaker.until) == ("open", 31.0)


def test_a_success_between_begins_the_count_anew() -> None:
    """In a row means in a row."""
    breaker = Breaker()
    for _ in range(4):
        breaker.failed(1.0, 0.5, RULES, 0)
    assert not breaker.succeeded(1.0, 0.5, RULES, 0)
    assert not any(breaker.failed(1.0, 0.5, RULES, 0) for _ in range(4))


def test_one_probe_at_a_time_after_the_wait() -> None:
    """Nobody before, one then, the next when that has ended."""
    breaker = opened()
    assert not breaker.may(29.9)
    assert breaker.begun(29.9) == 0
    assert breaker.may(30.0)
    ticket = breaker.begun(30.0)
    assert ticket
    assert not breaker.may(31.0)
    assert breaker.begun(31.0) == 0
    assert not breaker.succeeded(32.0, 30.0, RULES, ticket)
    assert breaker.begun(32.0)


def test_two_successes_close_it() -> None:
    """And the count of failures begins anew."""
    breaker = opened()
    assert not breaker.succeeded(31.0, 30.0, RULES, breaker.begun(30.0))
    assert breaker.succeeded(32.0, 31.0, RULES, breaker.begun(31.0))
    assert (breaker.state, breaker.failures) == ("closed", 0)


def test_a_failed_probe_opens_it_for_the_whole_time() -> None:
    """Earlier successes do not count then."""
    breaker = opened()
    breaker.succeeded(31.0, 30.0, RULES, breaker.begun(30.0))
    assert breaker.failed(40.0, 31.0, RULES, breaker.begun(31.0))
    assert (breaker.state, breaker.until) == ("open", 70.0)
    breaker.succeeded(71.0, 70.0, RULES, breaker.begun(70.0))
    assert breaker.state == "half_open"


def test_a_probe_that_says_nothing_gives_its_place_back() -> None:
    """Nothing else changes."""
    breaker = opened()
    breaker.released(breaker.begun(30.0))
    assert breaker.state == "half_open"
    assert breaker.may(30.0)


def test_a_stream_that_breaks_after_its_probe_succeeded_opens_it() -> None:
    """Its ticket is used up, but it began in this state."""
    breaker = opened()
    breaker.succeeded(30.5, 30.0, RULES, breaker.begun(30.0))
    assert breaker.failed(33.0, 30.0, RULES, 0)


def test_old_news_change_nothing() -> None:
    """Tries that began before the state changed: neither their failures nor their successes."""
    breaker = opened()
    assert not breaker.failed(10.0, -1.0, RULES, 0)
    assert not breaker.succeeded(10.0, -1.0, RULES, 0)
    assert (breaker.state, breaker.until) == ("open", 30.0)
    probe = breaker.begun(30.0)
    assert not breaker.failed(30.5, 29.0, RULES, 0)
    assert breaker.probe == probe
    breaker.close(31.0)
    assert not any(breaker.failed(32.0, 30.5, RULES, 0) for _ in range(9))
    breaker.failed(33.0, 32.0, RULES, 0)
    assert not breaker.succeeded(33.0, 30.5, RULES, 0)
    assert breaker.failures == 1


def test_a_ticket_of_an_earlier_time_is_worth_nothing() -> None:
    """Also where the clock did not move between."""
    rules = BreakerRules(threshold=1, open_s=0.0)
    breaker = opened(rules)
    stale = breaker.begun(0.0)
    breaker.close(0.0)
    breaker.failed(0.0, 0.0, rules, 0)
    fresh = breaker.begun(0.0)
    assert not breaker.succeeded(0.0, 0.0, rules, stale)
    assert breaker.probe == fresh


def test_switched_off_it_counts_nothing() -> None:
    """However many."""
    off = BreakerRules(enabled=False)
    breaker = Breaker()
    assert not any(breaker.failed(1.0, 0.0, off, 0) for _ in range(50))
    assert breaker.failures == 0


def test_what_others_say() -> None:
    """An opening is never shortened; what is closed cannot be closed."""
    breaker = Breaker()
    assert not breaker.close(0.0)
    assert breaker.open_until(50.0, 1.0)
    assert not breaker.open_until(40.0, 2.0)
    assert breaker.until == 50.0
    assert not breaker.open_until(60.0, 3.0)
    assert breaker.until == 60.0
    assert breaker.close(4.0)


def test_an_active_probe_need_not_wait() -> None:
    """It counts as a probe that succeeded, before the time."""
    breaker = opened()
    assert not breaker.proved(5.0, RULES)
    assert (breaker.state, breaker.may(5.0)) == ("half_open", True)
    assert breaker.proved(6.0, RULES)
    assert breaker.state == "closed"
    assert not breaker.proved(7.0, RULES)


class BreakerMachine(RuleBasedStateMachine):
    """Tries that begin and end in any order, with a clock that only goes forward, against what the table promises."""

    @initialize(threshold=st.integers(1, 4), open_s=st.sampled_from([0.0, 1.0, 5.0]), successes=st.integers(1, 3))
    def start(self, threshold: int, open_s: float, successes: int) -> None:
        self.limits = BreakerRules(threshold=threshold, open_s=open_s, successes=successes)
        self.breaker = Breaker()
        self.now = 0.0
        self.running: list[tuple[float, int]] = []
        self.row = 0
        self.good = 0

    @rule(seconds=st.sampled_from([0.0, 0.5, 1.0, 7.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def a_request_comes(self) -> None:
        breaker, state = self.breaker, self.breaker.state
        may = breaker.may(self.now)
        if not may:
            assert breaker.begun(self.now) == 0
            return
        ticket = breaker.begun(self.now)
        assert bool(ticket) == (state != "closed")
        if state == "open":
            assert self.now >= breaker.until
            self.good = 0
        self.running.append((self.now, ticket))

    @precondition(lambda self: self.running)
    @rule(which=st.integers(0, 99), outcome=st.sampled_from(["ok", "failed", "nothing"]))
    def one_ends(self, which: int, outcome: str) -> None:
        began, ticket = self.running.pop(which % len(self.running))
        breaker, state, since = self.breaker, self.breaker.state, self.breaker.since
        probing = ticket and ticket == breaker.probe
        fresh = began >= since
        if outcome == "ok":
            changed = breaker.succeeded(self.now, began, self.limits, ticket)
            self.good += bool(probing)
            assert changed == bool(state == "half_open" and probing and self.good >= self.limits.successes)
            self.row = 0 if state != "closed" or fresh else self.row
        elif outcome == "failed":
            changed = breaker.failed(self.now, began, self.limits, ticket)
            self.row += state == "closed" and fresh
            assert changed == (fresh and (state == "half_open" or (state == "closed" and self.row >= self.limits.threshold)))
            if changed:
                assert breaker.until == self.now + self.limits.open_s
        else:
            breaker.released(ticket)
            assert breaker.state == state
        if breaker.state != state:
            self.row = self.good = 0
        if probing:
            assert not breaker.probe

    @rule(seconds=st.sampled_from([0.5, 3.0]))
    def another_process_opens_it(self, seconds: float) -> None:
        until = self.breaker.until if self.breaker.state == "open" else 0.0
        self.breaker.open_until(self.now + seconds, self.now)
        assert self.breaker.until == max(until, self.now + seconds)
        self.row = self.good = 0

    @rule()
    def another_process_closes_it(self) -> None:
        if self.breaker.close(self.now):
            self.row = self.good = 0

    @invariant()
    def at_most_one_probe(self) -> None:
        if hasattr(self, "breaker"):
            tickets = [ticket for _, ticket in self.running if ticket and ticket == self.breaker.probe]
            assert len(tickets) == (1 if self.breaker.probe else 0)
            assert not self.breaker.probe or self.breaker.state == "half_open"
            assert self.breaker.since <= self.now


BreakerMachine.TestCase.settings = settings(max_examples=80, stateful_step_count=40, deadline=None, derandomize=True, database=None)
TestBreakerMachine = BreakerMachine.TestCase

"""The statistics of every target."""

from typing import Any

import pytest

from proxy.routing.breaker import BreakerRules
from proxy.routing.gate import GateRules
from proxy.routing.health import COOL_MAX_S, MAX_TARGETS, QUOTA, REFUSED, THROTTLED, HealthBook, HealthRules, Outcome
from proxy.routing.room import Bounds
from proxy.routing.stats import TargetStats


class Told:
    """A listener that writes everything down."""

    def __init__(self, book: HealthBook) -> None:
        self.all: list[Any] = []
        book.listeners.append(self)

    def breaker_changed(self, stats: TargetStats, now: float, *, ours: bool) -> None:
        self.all.append((stats.id, stats.breaker.state, ours))

    def barred(self, stats: TargetStats, now: float, *, ours: bool) -> None:
        self.all.append((stats.id, "barred", stats.cool_until, ours))

    def away(self, stats: TargetStats, now: float, *, ours: bool) -> None:
        self.all.append((stats.id, stats.away_why, stats.away_until, ours))

    def key_rests(self, scope: str, account: str, until: float, now: float) -> None:
        self.all.append((scope, account, until))


def tried(book: HealthBook, stats: TargetStats, outcome: Outcome, began: float, now: float, **more: Any) -> None:
    ticket = book.started(stats, began)
    book.ended(stats, now, outcome, began=began, ticket=ticket, **more)


def test_tries_under_way_are_counted() -> None:
    """Up with each beginning, down with each end; a target's record stays the same object."""
    book = HealthBook()
    stats = book.stats("p/m")
    book.started(stats, 1.0)
    book.started(stats, 1.5)
    book.ended(stats, 2.0, "ok")
    assert book.stats("p/m") is book.find("p/m") is stats
    assert book.find("p/x") is None
    assert stats.in_flight == 1


def test_streams_and_whole_answers_are_measured_apart() -> None:
    """A stream by its first token and what flows after, a whole answer by its end."""
    book = HealthBook()
    stats = book.stats("p/m")
    tried(book, stats, "ok", 0.0, 3.0, first_token_s=1.0, output_tokens=40)
    assert (stats.first_token.value, stats.whole.value, stats.tokens_per_s) == (1.0, None, 20.0)
    tried(book, stats, "ok", 10.0, 14.0, output_tokens=80)
    assert (stats.first_token.value, stats.whole.value, stats.tokens_per_s) == (1.0, 4.0, 20.0)
    tried(book, stats, "ok", 20.0, 60.0, timed=False)
    assert stats.whole.value == 4.0


def test_failures_open_the_breaker_and_successes_of_probes_close_it() -> None:
    """What listeners are told, and the slow start after it."""
    book = HealthBook(HealthRules(breaker=BreakerRules(threshold=2, open_s=5.0), slow_start_s=10.0))
    told, stats = Told(book), book.stats("p/m")
    for _ in range(2):
        tried(book, stats, "failed", 0.0, 1.0)
    assert stats.blocked
    assert stats.success_rate(1.0) == pytest.approx(0.81)
    tried(book, stats, "ok", 6.0, 7.0)
    ticket = book.started(stats, 7.0)
    book.answered(stats, 8.0, 7.0, ticket)
    assert stats.ramp(8.0) == 0.0
    book.ended(stats, 20.0, "ok", began=7.0, first_token_s=1.0)
    assert told.all == [("p/m", "open", True), ("p/m", "closed", True)]
    assert stats.ramp(13.0) == 0.5


def test_a_success_in_between_keeps_it_closed() -> None:
    """In a row means in a row."""
    book = HealthBook(HealthRules(breaker=BreakerRules(threshold=2)))
    stats = book.stats("p/m")
    for outcome in ("failed", "ok", "failed"):
        tried(book, stats, outcome, 0.0, 1.0)
    assert stats.breaker.state == "closed"


@pytest.mark.parametrize("outcome", ["throttled", "refused", "client", "cancelled"])
def test_other_outcomes_give_the_probes_place_back(outcome: Outcome) -> None:
    """And count for nothing in the breaker."""
    book = HealthBook(HealthRules(breaker=BreakerRules(threshold=1, open_s=5.0)))
    stats = book.stats("p/m")
    tried(book, stats, "failed", 0.0, 0.0)
    tried(book, stats, outcome, 5.0, 5.0)
    assert (stats.breaker.state, stats.breaker.probe, stats.breaker.successes) == ("half_open", 0, 0)
    assert stats.success_rate(0.0) == pytest.approx(0.9)


def test_a_named_time_bars_and_is_only_lengthened() -> None:
    """Whatever failed names it; not for more than a day."""
    book = HealthBook()
    told, stats = Told(book), book.stats("p/m")
    tried(book, stats, "throttled", 0.0, 1.0, retry_after_s=30.0)
    tried(book, stats, "failed", 0.0, 2.0, retry_after_s=5.0)
    assert stats.cool_until == 31.0
    assert not book.cool(stats, 1.0, 2.0)
    tried(book, stats, "throttled", 0.0, 2.0, retry_after_s=1e12)
    assert stats.cool_until == 2.0 + COOL_MAX_S
    assert [what[2] for what in told.all] == [31.0, 2.0 + COOL_MAX_S]


def test_a_clients_fault_with_a_time_bars_nobody() -> None:
    """Nor does a cancelled try."""
    book = HealthBook()
    stats = book.stats("p/m")
    tried(book, stats, "client", 0.0, 1.0, retry_after_s=30.0)
    tried(book, stats, "cancelled", 0.0, 1.0, retry_after_s=30.0)
    assert not stats.blocked


def test_throttled_without_a_time_is_away_for_longer_each_time() -> None:
    """1, 2, 4 … 30 s, until a success."""
    book = HealthBook()
    stats, waits = book.stats("p/m"), []
    for n in range(7):
        tried(book, stats, "throttled", n * 100.0, n * 100.0)
        waits.append(stats.away_until - n * 100.0)
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    assert (stats.rest(600.0), stats.barred(600.0)) == (THROTTLED, None)
    tried(book, stats, "ok", 700.0, 701.0)
    tried(book, stats, "throttled", 800.0, 800.0)
    assert stats.away_until == 801.0


def test_a_refused_key_is_away_for_a_minute() -> None:
    """Others go first; alone it is still asked."""
    book = HealthBook()
    stats = book.stats("p/m")
    tried(book, stats, "refused", 0.0, 0.0)
    assert [stats.rest(now) for now in (59.0, 60.0)] == [REFUSED, None]
    assert stats.barred(1.0) is None


def test_away_is_only_lengthened() -> None:
    """Whatever the reason."""
    book = HealthBook()
    stats = book.stats("p/m")
    assert book.away(stats, 10.0, QUOTA, 0.0)
    assert not book.away(stats, 9.0, THROTTLED, 0.0)
    assert not book.away(book.stats("p/n"), 1.0, QUOTA, 1.0)
    assert (stats.away_until, stats.away_why) == (10.0, QUOTA)


def test_keys_rest_by_scope() -> None:
    """A model's or a provider's; told once, only lengthened, and forgotten when it is over."""
    book = HealthBook()
    told = Told(book)
    assert book.key_rests("p/m", "p") == []
    book.rest_key("p/m", "acc", 10.0, 0.0)
    book.rest_key("p/m", "acc", 5.0, 0.0)
    book.rest_key("p/m", "late", 1.0, 1.0)
    book.rest_key("p", "acc", 20.0, 0.0, ours=False)
    assert told.all == [("p/m", "acc", 10.0)]
    assert [r.until("acc", 0.0) for r in book.key_rests("p/m", "p")] == [10.0, 20.0]
    assert [r.until("acc", 15.0) for r in book.key_rests("p/m", "p")] == [0.0, 20.0]
    assert len(book.key_rests("p/m", "p")) == 1


def test_names_that_clients_make_up_are_bounded() -> None:
    """Those with nothing the matter are forgotten, the others are not."""
    book = HealthBook()
    book.started(book.stats("p/busy"), 0.0)
    book.cool(book.stats("p/cooling"), 1e9, 0.0)
    for n in range(MAX_TARGETS):
        book.stats(f"p/{n}")
        book.rest_key(f"p/{n}", "acc", 1e9, 0.0)
    assert len(list(book.all())) < MAX_TARGETS
    assert {s.id for s in book.all()} >= {"p/busy", "p/cooling"}
    book.rest_key("p/one more", "acc", 1e9, 0.0)
    assert book.key_rests("p/0") == []


def test_draining_and_its_end() -> None:
    """Said twice is said once; the end is a recovery."""
    book = HealthBook(HealthRules(slow_start_s=10.0))
    stats = book.stats("p/m")
    book.drain(stats, True, 0.0)
    book.drain(stats, True, 0.0)
    assert (stats.barred(1.0), stats.ramp(1.0)) == ("drained", 1.0)
    book.drain(stats, False, 5.0)
    assert (stats.barred(5.0), stats.ramp(10.0)) == (None, 0.5)


def test_what_is_heard_of_breakers() -> None:
    """Opens and closes as if found here, and is told on as heard; what is older than what is known is not believed."""
    book = HealthBook(HealthRules(slow_start_s=10.0))
    told, stats = Told(book), book.stats("p/m")
    book.heard_open(stats, 0.5, 1.0)
    assert told.all == []
    book.heard_open(stats, 30.0, 1.0)
    book.heard_open(stats, 40.0, 2.0)
    assert (stats.barred(3.0), stats.breaker.until) == ("breaker open", 40.0)
    book.heard_closed(stats, 0.9, 3.0)
    assert stats.breaker.state == "open"
    book.heard_closed(stats, 2.9, 3.0)
    assert (stats.rest(3.0), stats.ramp(3.0)) == (None, 0.0)
    book.heard_closed(stats, 2.9, 3.0)
    assert told.all == [("p/m", "open", False), ("p/m", "closed", False)]


def test_switched_off_it_believes_nobody_and_closes_what_is_open() -> None:
    """A reload's doing."""
    book = HealthBook()
    told, stats = Told(book), book.stats("p/m")
    book.stats("p/well")
    book.heard_open(stats, 30.0, 1.0)
    book.configure(HealthRules(breaker=BreakerRules(enabled=False)), 2.0)
    book.heard_open(stats, 30.0, 3.0)
    assert stats.rest(3.0) is None
    assert told.all == [("p/m", "open", False), ("p/m", "closed", False)]


def test_active_probes_without_a_ticket() -> None:
    """Successes count before the time, a failure begins the wait anew, anything else says nothing."""
    book = HealthBook(HealthRules(breaker=BreakerRules(open_s=10.0)))
    told, stats = Told(book), book.stats("p/m")
    book.probed(stats, 0.0, "failed")
    book.probed(stats, 0.0, "ok")
    assert told.all == []
    book.heard_open(stats, 10.0, 0.0)
    book.probed(stats, 5.0, "failed")
    assert stats.breaker.until == 15.0
    book.probed(stats, 6.0, "client")
    assert stats.breaker.state == "open"
    book.probed(stats, 7.0, "ok")
    book.probed(stats, 8.0, "failed")
    assert stats.breaker.until == 18.0
    book.probed(stats, 9.0, "ok")
    book.probed(stats, 9.5, "ok")
    assert [what[1:] for what in told.all] == [("open", False), ("open", True), ("closed", True)]


def test_what_was_given_up_for_another_was_slow() -> None:
    """At least so slow: for the latency that strategies see, and for the p95 of streams."""
    book = HealthBook()
    stats = book.stats("p/m")
    for _ in range(20):
        book.outwaited(stats, 1.0, 3.0, stream=True)
    book.outwaited(stats, 1.0, 9.0, stream=False)
    assert (stats.first_token_p95(), stats.latency(1.0), stats.latency(1.0, stream=False)) == (3.0, 3.0, 9.0)


def test_gates_are_for_targets_or_keys_that_are_bounded() -> None:
    """A target's is the same for all entries, also when its bounds change; one that has only its keys' has nothing to share but those."""
    book = HealthBook()
    keys = book.keys("p", Bounds(concurrency=1), ["a"])
    one = book.gate("p/m", GateRules(concurrency=2), keys)
    assert one is not None
    assert book.gate("p/m", GateRules(concurrency=3), None) is one
    assert (one.rules, one.keys) == (GateRules(concurrency=3), None)
    assert book.gate("p/q", GateRules(queue=3), keys) is book.gate("p/q", GateRules(queue=3), keys)
    unlisted = book.gate("p/x", None, keys)
    assert unlisted is not None
    assert unlisted.keys is keys
    assert book.gate("p/x", None) is book.gate("p/q", GateRules(queue=3)) is None

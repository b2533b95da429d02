"""Targets that rest, in the retry and fallback state machine."""

import pytest

from proxy.core.errors import BadGateway
from proxy.pipeline.attempts import WAIT_MAX_S, Stop, Try
from proxy.routing.health import QUOTA
from tests.unit.pipeline.test_attempts import C, behind, machine, rejected, resting


def test_retry_after_is_waited_for() -> None:
    """A single target that names a short time is tried again when it has passed, not before."""
    book, a, _ = resting()
    m = machine(a)
    m.next(100.0)
    book.cool(a.stats, 102.0, 100.0)
    m.failed(a, rejected(429, retryable=True, retry_after_s=2.0), 100.0)
    step = m.next(100.0)
    assert isinstance(step, Try)
    assert step.delay_s == pytest.approx(2.0, abs=0.25)
    assert step.delay_s >= 2.0


def test_a_long_retry_after_is_the_clients() -> None:
    """Beyond `WAIT_MAX_S` the provider's error goes to the client."""
    book, a, _ = resting()
    m = machine(a)
    m.next(0.0)
    error = rejected(429, retryable=True, retry_after_s=WAIT_MAX_S + 1)
    book.cool(a.stats, WAIT_MAX_S + 1, 0.0)
    m.failed(a, error, 0.0)
    assert m.next(0.0) == Stop(error, "no_target")


def test_a_later_request_leaves_a_cooling_target_alone() -> None:
    """A cool-down outlives the request that caused it."""
    book, a, b = resting()
    book.cool(a.stats, 60.0, 0.0)
    assert machine(a, b).next(0.0) == Try(b)
    alone = machine(a).next(0.0)
    assert isinstance(alone, Stop)
    assert (alone.error.status, alone.error.code, alone.error.retry_after_s) == (429, "provider_cooling_down", 60.0)


def test_open_targets_are_passed_over_and_cost_no_try() -> None:
    """With one try, the other target has it; with no other, nothing is sent and the client learns when to come back."""
    book, a, b = resting()
    book.heard_open(a.stats, 30.0, 0.0)
    assert machine(a, b, attempts=1).next(0.0) == Try(b)
    alone = machine(a).next(10.0)
    assert isinstance(alone, Stop)
    assert (alone.error.status, alone.error.code, alone.error.retry_after_s) == (503, "targets_resting", 20.0)
    assert machine(a).next(30.0) == Try(a)


def test_the_first_to_be_free_names_the_time() -> None:
    """Of several that are barred; a cool-down that ends soon is waited for, a breaker never."""
    book, a, b = resting()
    book.heard_open(a.stats, 5.0, 0.0)
    book.cool(b.stats, 20.0, 0.0)
    first = machine(a, b).next(0.0)
    assert isinstance(first, Stop)
    assert (first.error.status, first.error.retry_after_s) == (503, 5.0)
    book, a, b = resting()
    book.heard_open(a.stats, 5.0, 0.0)
    book.cool(b.stats, 4.0, 0.0)
    assert machine(a, b).next(0.0) == Try(b, 4.0)


def test_a_drained_target_names_no_time() -> None:
    """Nobody knows when it comes back."""
    book, a, _ = resting()
    book.drain(a.stats, True, 0.0)
    alone = machine(a).next(0.0)
    assert isinstance(alone, Stop)
    assert (alone.error.status, alone.error.retry_after_s) == (503, None)


def test_one_that_is_away_goes_behind_the_others() -> None:
    """Before any of them is tried a second time, and at once where it is alone."""
    book, a, b = resting()
    book.away(a.stats, 60.0, QUOTA, 0.0)
    m = machine(a, b, C, attempts=5)
    for target in (b, C, a):
        assert m.next(0.0) == Try(target)
        m.failed(target, BadGateway("reset"), 0.0)
    again = m.next(0.0)
    assert isinstance(again, Try)
    assert (again.target, again.delay_s > 0) == (b, True)
    assert machine(a).next(0.0) == Try(a)


def test_all_that_are_away_keep_their_order() -> None:
    """The best of them first."""
    book, a, b = resting()
    book.away(a.stats, 60.0, QUOTA, 0.0)
    book.away(b.stats, 60.0, QUOTA, 0.0)
    m = machine(a, b)
    assert m.next(0.0) == Try(a)
    m.failed(a, rejected(401), 0.0)
    assert m.next(0.0) == Try(b)


def test_what_opened_while_it_was_tried_is_not_tried_again() -> None:
    """Its last error is the answer; another target that can still do it gets the rest of the tries."""
    book, a, b = resting()
    m = machine(a, attempts=5)
    m.next(0.0)
    book.heard_open(a.stats, 30.0, 0.0)
    error = BadGateway("reset")
    m.failed(a, error, 0.0)
    assert m.next(0.0) == Stop(error, "no_target")
    m = machine(b, a, attempts=2)
    assert m.next(0.0) == Try(b)
    m.failed(b, error, 0.0)
    again = m.next(0.0)
    assert isinstance(again, Try)
    assert (again.target, again.delay_s > 0) == (b, True)


def test_a_try_that_could_not_begin_is_none() -> None:
    """Its target came to rest during the pause: the next one is looked for."""
    book, a, b = resting()
    m = machine(a, b, attempts=3)
    for target in (a, b):
        m.next(0.0)
        m.failed(target, BadGateway("reset"), 0.0)
    step = m.next(0.0)
    assert isinstance(step, Try)
    assert (step.target, m.left) == (a, 0)
    book.heard_open(a.stats, 30.0, step.delay_s)
    m.not_begun(step)
    assert m.next(step.delay_s) == Try(b)
    assert m.left == 0


def test_the_deadline_leaves_no_time() -> None:
    """No try is begun that could only begin after the deadline."""
    book, a, _ = resting()
    m = machine(a, deadline=1.0)
    m.next(0.9)
    error = rejected(429, retryable=True, retry_after_s=2.0)
    book.cool(a.stats, 2.9, 0.9)
    m.failed(a, error, 0.9)
    assert m.next(0.9) == Stop(error, "deadline")


def test_fallbacks_stand_in_where_no_own_target_may_be_used() -> None:
    """All of them rest or are denied."""
    book, a, b = resting()
    book.cool(a.stats, 60.0, 0.0)
    assert machine(a, b, denied=frozenset("b"), more=behind(fallbacks=[C])).next(0.0) == Try(C)
    assert machine(more=behind(fallbacks=[C])).next(0.0) == Try(C)


def test_fallbacks_that_rest_too_are_waited_for_with_the_own() -> None:
    """Whoever is free first."""
    book, a, b = resting()
    book.cool(a.stats, 5.0, 0.0)
    book.cool(b.stats, 3.0, 0.0)
    assert machine(a, more=behind(fallbacks=[b])).next(0.0) == Try(b, 3.0)


def test_an_own_target_that_is_away_comes_before_other_entries() -> None:
    """It is another model that they lead to."""
    book, a, b = resting()
    book.away(a.stats, 60.0, QUOTA, 0.0)
    m = machine(a, b, attempts=5, more=behind(fallbacks=[C]))
    for target in (b, a, C):
        assert m.next(0.0) == Try(target)
        m.failed(target, BadGateway("reset"), 0.0)

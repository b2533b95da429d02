"""The retry and fallback state machine."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.context import ALLOWED, Verdict
from proxy.core.errors import BadGateway, EdgeError, ErrorInfo, Forbidden, ModelNotFound, ProviderRejected, UpstreamTimeout
from proxy.pipeline.attempts import WAIT_MAX_S, Attempts, Stop, Try
from proxy.routing.candidate import Candidate
from proxy.routing.health import QUOTA, HealthBook
from tests.support.routing import candidate

A, B, C = candidate("a"), candidate("b"), candidate("c")


def machine(
    *order: Candidate,
    attempts: int = 3,
    deadline: float | None = None,
    denied: frozenset[str] = frozenset(),
) -> Attempts:
    def permit(provider: str, model: str) -> Verdict:
        return Verdict(Forbidden("no")) if provider in denied else ALLOWED

    return Attempts(order, attempts=attempts, deadline=deadline, permit=permit, rng=Random(7))


def rejected(status: int, *, retryable: bool = False, retry_after_s: float | None = None) -> EdgeError:
    return ProviderRejected(ErrorInfo(status=status, message="no", blame="provider", retryable=retryable, retry_after_s=retry_after_s))


def test_falls_over_to_the_next_target_at_once() -> None:
    """A retryable failure moves on to an untried target without waiting."""
    m = machine(A, B)
    assert m.next(0.0) == Try(A)
    m.failed(A, BadGateway("reset"), 0.0)
    assert m.next(0.0) == Try(B)


def test_all_tried_starts_over_with_jitter() -> None:
    """When every target has failed, the list starts over after a back-off within the cap."""
    m = machine(A, B, attempts=4)
    for target in (A, B):
        assert m.next(0.0) == Try(target)
        m.failed(target, BadGateway("reset"), 0.0)
    again = m.next(0.0)
    assert isinstance(again, Try)
    assert again.target == A
    assert 0.0 < again.delay_s <= 0.2


def test_makes_exactly_the_configured_number_of_tries() -> None:
    """`attempts` bounds the tries over all targets, and the last error is what the client gets."""
    m = machine(A, attempts=3)
    tries = 0
    error = BadGateway("reset")
    while isinstance(step := m.next(0.0), Try):
        tries += 1
        m.failed(step.target, error, 0.0)
    assert tries == 3
    assert step == Stop(error)


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_rejected_request_is_final(status: int) -> None:
    """What the provider calls the client's mistake is not tried elsewhere."""
    m = machine(A, B)
    m.next(0.0)
    error = rejected(status)
    m.failed(A, error, 0.0)
    assert m.next(0.0) == Stop(error)


@pytest.mark.parametrize("status", [401, 403, 404])
def test_refused_credentials_and_missing_models_only_fall_over(status: int) -> None:
    """Another target may know better; the same one will not."""
    m = machine(A, B, attempts=5)
    m.next(0.0)
    m.failed(A, rejected(status), 0.0)
    assert m.next(0.0) == Try(B)
    last = rejected(status)
    m.failed(B, last, 0.0)
    assert m.next(0.0) == Stop(last)


def resting() -> tuple[HealthBook, Candidate, Candidate]:
    """Two targets with statistics of a book."""
    book = HealthBook()
    return book, candidate("a", stats=book.stats("a/m")), candidate("b", stats=book.stats("b/m"))


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
    assert m.next(0.0) == Stop(error)


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
    assert m.next(0.0) == Stop(error)
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
    assert m.next(0.9) == Stop(error)


def test_a_denied_target_is_passed_over() -> None:
    """`permit` is asked for each real target and a refusal costs no try."""
    m = machine(A, B, attempts=1, denied=frozenset("a"))
    assert m.next(0.0) == Try(B)


def test_all_denied_says_why() -> None:
    """The refusal itself is the answer when nothing is permitted."""
    step = machine(A, B, denied=frozenset("ab")).next(0.0)
    assert isinstance(step, Stop)
    assert isinstance(step.error, Forbidden)


def test_no_target_at_all() -> None:
    """An empty list is an unknown model."""
    step = machine().next(0.0)
    assert isinstance(step, Stop)
    assert isinstance(step.error, ModelNotFound)


@given(
    attempts=st.integers(1, 6),
    outcomes=st.lists(st.sampled_from(["reset", "timeout", "429", "503", "400", "404"]), min_size=6, max_size=6),
    n=st.integers(1, 3),
)
def test_never_more_tries_than_configured(attempts: int, outcomes: list[str], n: int) -> None:
    """Whatever happens, tries ≤ attempts and the machine ends."""
    m = machine(*(A, B, C)[:n], attempts=attempts)
    now = 0.0
    tries = 0
    while isinstance(step := m.next(now), Try):
        now += step.delay_s
        outcome = outcomes[tries]
        tries += 1
        errors: dict[str, EdgeError] = {"reset": BadGateway("x"), "timeout": UpstreamTimeout("x")}
        error = errors.get(outcome) or rejected(
            int(outcome), retryable=outcome in ("429", "503"), retry_after_s=1.0 if outcome == "429" else None
        )
        m.failed(step.target, error, now)
    assert 1 <= tries <= attempts

"""The retry and fallback state machine."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.context import ALLOWED, Verdict
from proxy.core.cooldown import Cooldowns
from proxy.core.errors import BadGateway, EdgeError, ErrorInfo, Forbidden, ModelNotFound, ProviderRejected, UpstreamTimeout
from proxy.pipeline.attempts import WAIT_MAX_S, Attempts, Stop, Try
from proxy.routing.candidate import Candidate
from tests.support.routing import candidate

A, B, C = candidate("a"), candidate("b"), candidate("c")


def machine(
    *order: Candidate,
    attempts: int = 3,
    deadline: float | None = None,
    cooldowns: Cooldowns | None = None,
    denied: frozenset[str] = frozenset(),
) -> Attempts:
    def permit(provider: str, model: str) -> Verdict:
        return Verdict(Forbidden("no")) if provider in denied else ALLOWED

    return Attempts(order, attempts=attempts, deadline=deadline, cooldowns=cooldowns or Cooldowns(), permit=permit, rng=Random(7))


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


def test_retry_after_is_waited_for() -> None:
    """A single target that names a short time is tried again when it has passed, not before."""
    m = machine(A)
    m.next(100.0)
    m.failed(A, rejected(429, retryable=True, retry_after_s=2.0), 100.0)
    step = m.next(100.0)
    assert isinstance(step, Try)
    assert step.delay_s == pytest.approx(2.0, abs=0.25)
    assert step.delay_s >= 2.0


def test_a_long_retry_after_is_the_clients() -> None:
    """Beyond `WAIT_MAX_S` the provider's error goes to the client."""
    m = machine(A)
    m.next(0.0)
    error = rejected(429, retryable=True, retry_after_s=WAIT_MAX_S + 1)
    m.failed(A, error, 0.0)
    assert m.next(0.0) == Stop(error)


def test_a_later_request_leaves_a_cooling_target_alone() -> None:
    """A cool-down outlives the request that caused it."""
    shared = Cooldowns()
    shared.extend(A.id, 60.0)
    assert machine(A, B, cooldowns=shared).next(0.0) == Try(B)
    alone = machine(A, cooldowns=shared).next(0.0)
    assert isinstance(alone, Stop)
    assert (alone.error.status, alone.error.retry_after_s) == (429, 60.0)


def test_a_cooldown_is_never_shortened() -> None:
    """A later, shorter wish does not shorten an earlier one."""
    c = Cooldowns()
    c.extend("k", 60.0)
    c.extend("k", 5.0)
    assert c.until("k", 10.0) == 60.0
    assert c.until("k", 60.0) == 0.0


def test_the_deadline_leaves_no_time() -> None:
    """No try is begun that could only begin after the deadline."""
    m = machine(A, deadline=1.0)
    m.next(0.9)
    error = rejected(429, retryable=True, retry_after_s=2.0)
    m.failed(A, error, 0.9)
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

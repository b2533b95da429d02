"""The retry and fallback state machine."""

from random import Random
from typing import Any

import pytest

from proxy.core.context import ALLOWED, Verdict
from proxy.core.errors import (
    BadGateway,
    EdgeError,
    ErrorInfo,
    Forbidden,
    ModelNotFound,
    ProviderRejected,
    UpstreamTimeout,
)
from proxy.pipeline.attempts import Attempts, Fallbacks, Stop, Try
from proxy.routing.candidate import Candidate, ModelFacts
from proxy.routing.health import QUOTA, HealthBook
from proxy.routing.retry_budget import BudgetRules, RetryBudget
from proxy.routing.rules import RetryRules
from tests.support.routing import candidate

A, B, C = candidate("a"), candidate("b"), candidate("c")


def machine(
    *order: Candidate,
    attempts: int = 3,
    deadline: float | None = None,
    denied: frozenset[str] = frozenset(),
    budget: RetryBudget | None = None,
    more: Fallbacks | None = None,
) -> Attempts:
    def permit(provider: str, model: str) -> Verdict:
        return Verdict(Forbidden("no")) if provider in denied else ALLOWED

    return Attempts(order, RetryRules(attempts=attempts), deadline, permit, Random(7), budget, more)


def resting() -> tuple[HealthBook, Candidate, Candidate]:
    """Two targets with statistics of a book."""
    book = HealthBook()
    return book, candidate("a", stats=book.stats("a/m")), candidate("b", stats=book.stats("b/m"))


def rejected(status: int, **more: Any) -> EdgeError:
    return ProviderRejected(ErrorInfo(status=status, message="no", blame="provider", **more))


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
    assert step == Stop(error, "attempts")


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_rejected_request_is_final(status: int) -> None:
    """What the provider calls the client's mistake is not tried elsewhere."""
    m = machine(A, B)
    m.next(0.0)
    error = rejected(status)
    m.failed(A, error, 0.0)
    assert m.next(0.0) == Stop(error, "final")


@pytest.mark.parametrize("status", [401, 403, 404])
def test_refused_credentials_and_missing_models_only_fall_over(status: int) -> None:
    """Another target may know better; the same one will not."""
    m = machine(A, B, attempts=5)
    m.next(0.0)
    m.failed(A, rejected(status), 0.0)
    assert m.next(0.0) == Try(B)
    last = rejected(status)
    m.failed(B, last, 0.0)
    assert m.next(0.0) == Stop(last, "no_target")


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


def quota() -> EdgeError:
    return rejected(402)


def too_long() -> EdgeError:
    return rejected(400, code="context_length_exceeded")


def blocked() -> EdgeError:
    return rejected(400, code="content_filter")


def behind(**lists: list[Candidate]) -> Fallbacks:
    return lambda name: lists.get(name, [])


def test_fallbacks_follow_the_own_targets() -> None:
    """Before any of those is tried again, and then the whole list starts over."""
    m = machine(A, B, attempts=5, more=behind(fallbacks=[C, A]))
    tried = []
    while isinstance(step := m.next(0.0), Try):
        tried.append(step.target.provider)
        m.failed(step.target, BadGateway("reset"), 0.0)
    assert tried == ["a", "b", "c", "a", "b"]


def test_another_list_may_stand_in_where_nobody_is_left() -> None:
    """The filters know before any call that the prompt is too long."""
    more = behind(fallbacks=[A], context_window_fallbacks=[C])
    m = Attempts((), RetryRules(), None, lambda provider, model: ALLOWED, Random(1), None, more, "context_window_fallbacks")
    assert m.next(0.0) == Try(C)


def test_a_class_with_a_list_of_its_own_turns_to_that_list() -> None:
    """A prompt that is too long is not sent to others that are not known to take more."""
    m = machine(A, B, attempts=5, more=behind(fallbacks=[B], context_window_fallbacks=[C]))
    m.next(0.0)
    m.failed(A, too_long(), 0.0)
    assert m.next(0.0) == Try(C)
    error = too_long()
    m.failed(C, error, 0.0)
    assert m.next(0.0) == Stop(error, "final")


def test_a_failure_of_another_class_stays_with_that_list() -> None:
    """The long model is down: it is asked again, not the short one."""
    m = machine(A, B, attempts=5, more=behind(context_window_fallbacks=[C]))
    m.next(0.0)
    m.failed(A, too_long(), 0.0)
    m.next(0.0)
    m.failed(C, BadGateway("reset"), 0.0)
    again = m.next(0.0)
    assert isinstance(again, Try)
    assert again.target is C


def test_targets_known_to_take_more_may_be_tried_with_a_long_prompt() -> None:
    """Own ones before the list, those of `fallbacks` behind it; the same ones without a known window are left out."""
    small = candidate("s", facts=ModelFacts(context_tokens=1000))
    large = candidate("l", facts=ModelFacts(context_tokens=9000))
    huge = candidate("h", facts=ModelFacts(context_tokens=90_000))
    m = machine(small, B, large, attempts=9, more=behind(fallbacks=[A, huge], context_window_fallbacks=[C]))
    tried = []
    while isinstance(step := m.next(0.0), Try):
        tried.append(step.target.provider)
        m.failed(step.target, too_long() if step.target is small else rejected(404), 0.0)
    assert tried == ["s", "l", "c", "h"]


def test_refused_content_goes_to_its_list_alone() -> None:
    """Not to fallbacks for failures of another kind."""
    m = machine(A, B, more=behind(fallbacks=[B], content_policy_fallbacks=[C]))
    m.next(0.0)
    m.failed(A, blocked(), 0.0)
    assert m.next(0.0) == Try(C)
    alone = machine(A, B, more=behind(fallbacks=[B]))
    alone.next(0.0)
    error = blocked()
    alone.failed(A, error, 0.0)
    assert alone.next(0.0) == Stop(error, "final")


def test_a_target_that_is_denied_does_not_end_the_rounds() -> None:
    """The permitted one is tried again, as often as there are attempts."""
    m = machine(A, B, attempts=3, denied=frozenset("b"))
    tried = 0
    while isinstance(step := m.next(0.0), Try):
        tried += 1
        m.failed(step.target, BadGateway("reset"), 0.0)
    assert (tried, step.reason) == (3, "attempts")


def test_what_is_not_admitted_is_no_try() -> None:
    """Money is judged for each target: the next one is asked, and the refusal is the answer where none is left."""
    m = machine(A, B, attempts=1)
    first = m.next(0.0)
    assert first == Try(A)
    refusal = Forbidden("no money")
    m.refused(A, refusal)
    assert m.next(0.0) == Try(B)
    m.refused(B, Forbidden("none either"))
    assert m.next(0.0) == Stop(refusal, "no_target")


def test_a_failure_is_the_answer_where_a_fallback_is_not_admitted() -> None:
    """The provider's own, which the request is about."""
    m = machine(A, B)
    m.next(0.0)
    error = quota()
    m.failed(A, error, 0.0)
    m.next(0.0)
    m.refused(B, Forbidden("no money"))
    assert m.next(0.0) == Stop(error, "no_target")


def test_an_empty_budget_hands_the_failure_to_the_client() -> None:
    """At once."""
    m = machine(A, B, budget=RetryBudget(BudgetRules(share=0.0, floor_per_s=0.1, window_s=10.0)))
    m.next(0.0)
    m.failed(A, BadGateway("x"), 0.0)
    assert m.next(0.0) == Try(B)
    error = BadGateway("y")
    m.failed(B, error, 0.0)
    assert m.next(0.0) == Stop(error, "retry_budget")


@pytest.mark.parametrize(("error", "sent"), [(quota(), True), (rejected(404), True), (BadGateway("refused"), False)])
def test_what_load_did_not_cause_costs_nothing(error: EdgeError, sent: bool) -> None:
    """A key that is refused, a model that is missing, a connection that was never made."""
    m = machine(A, B, budget=RetryBudget(BudgetRules(share=0.0, floor_per_s=0.0)))
    m.next(0.0)
    m.failed(A, error, 0.0, sent=sent)
    assert m.next(0.0) == Try(B)


def test_a_token_that_was_not_used_is_given_back() -> None:
    """The deadline left no time for the retry."""
    budget = RetryBudget(BudgetRules(share=0.0, floor_per_s=0.1, window_s=10.0))
    m = machine(A, deadline=0.001, budget=budget)
    m.next(0.0)
    m.failed(A, BadGateway("x"), 0.0)
    step = m.next(0.0)
    assert isinstance(step, Stop)
    assert step.reason == "deadline"
    assert budget.take(0.0)


def test_no_try_begins_after_the_deadline() -> None:
    """Not even at another target."""
    m = machine(A, B, deadline=1.0)
    m.next(0.0)
    error = UpstreamTimeout("x")
    m.failed(A, error, 1.0)
    assert m.next(1.0) == Stop(error, "deadline")


def test_back_off_as_configured() -> None:
    """Doubled each round, up to the cap; drawn from 0 on."""
    rules = RetryRules(attempts=20, backoff_base_s=1.0, backoff_max_s=3.0)
    m = Attempts([A], rules, None, lambda provider, model: ALLOWED, Random(1))
    delays = []
    while isinstance(step := m.next(0.0), Try):
        delays.append(step.delay_s)
        m.failed(step.target, BadGateway("x"), 0.0)
    assert delays[0] == 0.0
    assert 0.0 < min(delays[1:]) < max(delays[1:]) <= 3.0
    assert delays[1] <= 2.0


def test_a_spare_is_the_next_usable_target_and_costs_a_try() -> None:
    """Beside the one that is being tried; who is passed over, denied or at rest, stays for later."""
    book, a, b = resting()
    book.away(b.stats, 5.0, QUOTA, 0.0)
    m = machine(a, b, C, attempts=3)
    assert m.next(0.0) == Try(a)
    assert (m.spare(0.0), m.left) == (C, 1)
    m.failed(a, BadGateway("reset"), 0.0)
    assert m.next(0.0) == Try(b)
    denied = machine(A, B, C, denied=frozenset("b"))
    denied.next(0.0)
    assert denied.spare(0.0) == C


def test_a_target_that_was_put_back_can_be_a_spare_again() -> None:
    """Once it has rested."""
    book, a, b = resting()
    book.away(a.stats, 5.0, QUOTA, 0.0)
    m = machine(a, b)
    assert m.next(0.0) == Try(b)
    assert m.spare(0.0) is None
    assert (m.spare(6.0), m.left) == (a, 1)


def test_no_spare_leaves_all_as_it_was() -> None:
    """Nobody may be asked, or no try is left."""
    book, a, b = resting()
    book.cool(b.stats, 10.0, 0.0)
    m = machine(a, b)
    assert m.next(0.0) == Try(a)
    assert (m.spare(0.0), m.left) == (None, 2)
    m.failed(a, BadGateway("reset"), 11.0)
    assert m.next(11.0) == Try(b)
    last = machine(A, B, attempts=1)
    last.next(0.0)
    assert last.spare(0.0) is None

"""What is kept of a request's tries beyond their answers: why each failed, for whom that counts, and why there were no more."""

from typing import TYPE_CHECKING

from proxy.core.context import EVERYBODY
from proxy.core.errors import EdgeError
from proxy.pipeline.attempts import Attempts, Stop, Try
from proxy.pipeline.deps import Pipeline
from proxy.pipeline.fallbacks import Fallbacks
from proxy.pipeline.upstream import Upstream
from proxy.routing.failures import FailureClass, classify, outcome_as
from proxy.routing.health import Outcome
from proxy.routing.target import Decision

if TYPE_CHECKING:
    from proxy.pipeline.asked import Asked

WHOLE = 0.9
"""A try that had this share of `timeouts.total_s` had its chance,"""
PATIENT_S = 30.0
"""and so had one that took so long."""


def attempts_of(pipe: Pipeline, asked: "Asked", decision: Decision, now: float) -> Attempts:
    """`now`: monotonic seconds."""
    route, budget = asked.route, asked.route.budget
    budget.request(now)
    rules, order, permit = route.rules.retry, decision.order, asked.ctx.permit
    if not route.falls_back:
        return Attempts(order, rules, asked.deadline, permit, pipe.rng, budget)
    more = asked.fallbacks = Fallbacks(pipe, asked, now)
    attempts = Attempts(order, rules, asked.deadline, permit, pipe.rng, budget, more, "fallbacks" if order else decision.instead)
    attempts.last = decision.refusal
    return attempts


def sole_try(asked: "Asked", now: float) -> Try | None:
    """The first try, where there is nothing to choose and nothing the matter, as for most requests. Attempts are made once it has failed
    (`after_sole`), which saves the others 3 % of all that they run. None: it takes a look."""
    target = asked.route.sole
    if target is None or target.stats.blocked:
        return None
    permit = asked.ctx.permit
    if permit is not EVERYBODY and permit(target.provider, target.model).error is not None:
        return None
    asked.route.budget.request(now)
    return Try(target)


def after_sole(pipe: Pipeline, asked: "Asked", step: Try) -> Attempts:
    """As they are after that try."""
    route = asked.route
    attempts = Attempts((step.target,), route.rules.retry, asked.deadline, asked.ctx.permit, pipe.rng, route.budget)
    attempts.begun()
    return attempts


def note_again(pipe: Pipeline, asked: "Asked", upstream: Upstream, delay_s: float) -> None:
    """Of a try that is not the first, or may be another entry's: its role, and what it waited for. Before it is among the request's."""
    record, tried = upstream.record, asked.ctx.attempts
    record.delay_s = delay_s
    if tried:
        known = any((one.provider, one.model) == (record.provider, record.model) for one in tried)
        record.role = "retry" if known else "fallback"
        pipe.meter.retried(tried[-1].failure or "none", record.role)
    if asked.fallbacks is not None:
        asked.fallbacks.note(record, upstream.target)


def concluded(asked: "Asked", upstream: Upstream, failure: EdgeError | None, now: float) -> Outcome:
    """What a try that was not cancelled counts for its target; its record says why. A client with little time, or a try that began late,
    is not the target's fault."""
    if failure is None:
        return "ok"
    name: FailureClass = classify(failure)
    if name == "timeout" and now >= asked.deadline and now - upstream.sent_at < min(PATIENT_S, WHOLE * asked.route.timeouts.total_s):
        name = "deadline"
    upstream.record.failure = name
    return outcome_as(failure, name)


def stopped(pipe: Pipeline, asked: "Asked", stop: Stop) -> EdgeError:
    """The error for the client; log and metrics say why it is the last word."""
    asked.ctx.stopped = stop.reason
    pipe.meter.attempts_stopped(asked.route.name, stop.reason)
    return stop.error

"""What is kept of a request's tries beyond their answers: why each failed, for whom that counts, and why there were no more."""

from typing import TYPE_CHECKING

from proxy.core.errors import EdgeError
from proxy.pipeline.attempts import Attempts, Stop
from proxy.pipeline.deps import Pipeline
from proxy.pipeline.fallbacks import Fallbacks
from proxy.pipeline.upstream import Upstream
from proxy.routing.failures import TABLE, FailureClass, classify, outcome_of
from proxy.routing.health import Outcome
from proxy.routing.target import Decision

if TYPE_CHECKING:
    from proxy.pipeline.asked import Asked

WHOLE = 0.9
"""A try that had this share of `timeouts.total_s` had its chance."""
PATIENT_S = 30.0
"""So had one that was waited for so long: else clients with limits of their own would never find out that a target hangs."""


def attempts_of(pipe: Pipeline, asked: "Asked", decision: Decision, now: float) -> Attempts:
    """`now`: monotonic seconds."""
    route, budget = asked.route, asked.route.budget
    budget.request(now)
    rules, order, permit = route.rules.retry, decision.order, asked.ctx.permit
    if not route.falls_back:
        return Attempts(order, rules, asked.deadline, permit, pipe.rng, budget)
    more = asked.fallbacks = Fallbacks(pipe, asked, now)
    instead = "fallbacks" if order else decision.instead
    return Attempts(order, rules, asked.deadline, permit, pipe.rng, budget, more, instead)


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
    return outcome_of(failure, name)


def tell_health(
    pipe: Pipeline, asked: "Asked", upstream: Upstream, failure: EdgeError | None, now: float, *, told: bool, timed: bool
) -> None:
    """The target's statistics learn of a try. `told`: it came to an end of its own; False: cancelled, or a fault of ours. `timed`: what it
    took says something of a generation."""
    outcome: Outcome = "cancelled"
    retry_after_s = None
    if told:
        outcome = concluded(asked, upstream, failure, now)
        if upstream.spared or (outcome == "refused" and not timed):
            outcome = "cancelled"  # the target has other keys; a counting endpoint that is not there says nothing of the model
        elif failure is not None and TABLE[classify(failure)].waits:
            retry_after_s = failure.retry_after_s
    usage = asked.ctx.usage
    pipe.health.ended(
        upstream.target.stats,
        now,
        outcome,
        began=upstream.sent_at,
        ticket=upstream.ticket,
        first_token_s=upstream.record.first_byte_s,
        output_tokens=usage.output_tokens if usage is not None else 0,
        timed=timed,
        retry_after_s=retry_after_s,
    )


def stopped(pipe: Pipeline, asked: "Asked", stop: Stop) -> EdgeError:
    """The error for the client; log and metrics say why it is the last word."""
    asked.ctx.stopped = stop.reason
    pipe.meter.attempts_stopped(asked.route.name, stop.reason)
    return stop.error

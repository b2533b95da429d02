"""A place for a call at a target whose calls are bounded (`routing/gate.py`)."""

from time import monotonic

from proxy.core.errors import Unavailable
from proxy.pipeline.asked import Asked
from proxy.pipeline.attempts import Attempts, Try
from proxy.pipeline.deps import Pipeline
from proxy.routing.candidate import Candidate


class TargetsBusy(Unavailable):
    """Nobody has room, and the queue is full or the wait was in vain."""

    code = "targets_busy"


async def entered(pipe: Pipeline, asked: Asked, attempts: Attempts, step: Try) -> Try:
    """The step with a place taken, at its target or at another one that has room; where nobody has, after a wait. Raises TargetsBusy."""
    first, now = step.target.gate, monotonic()
    found: Candidate | None = step.target
    while found is not None:
        if found.gate is None or found.gate.enter(now):
            return step if found is step.target else Try(found)
        found = attempts.spare(now)
        if found is not None:
            attempts.left += 1  # the one that was full cost none
    if first is not None and await first.wait(asked.deadline):
        return step
    raise TargetsBusy("every target of this model has as many calls as it may have", retry_after_s=1.0 + pipe.rng.random())

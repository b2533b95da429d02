"""A place for a call at a target whose calls are bounded (`routing/gate.py`)."""

from time import monotonic

from proxy.core.errors import Unavailable
from proxy.pipeline.asked import Asked
from proxy.pipeline.attempts import Attempts, Try
from proxy.pipeline.deps import Pipeline
from proxy.routing.candidate import Candidate
from proxy.routing.gate import Place


class TargetsBusy(Unavailable):
    """Nobody has room, and the queue is full or the wait was in vain."""

    code = "targets_busy"


async def entered(pipe: Pipeline, asked: Asked, attempts: Attempts, step: Try) -> Try:
    """The step with a place taken, at its target or at another one that has room; where nobody has, after a wait. The caller gives the
    place back. Raises TargetsBusy."""
    first, now = step.target.gate, monotonic()
    full: list[Candidate] = []
    found: Candidate | None = step.target
    while found is not None:
        if found.gate is None or found.gate.enter(now):
            attempts.put_back(full)  # they go next, should this one fail
            return Try(found, step.delay_s if not full else 0.0, None if found.gate is None else Place(found.gate))
        full.append(found)
        attempts.left += 1  # it costs none
        found = attempts.spare(now)
    attempts.put_back(full[1:])
    attempts.left -= 1
    if first is not None and await first.wait(asked.deadline):
        return Try(step.target, step.delay_s, Place(first))
    raise TargetsBusy("every target of this model has as many calls as it may have", retry_after_s=1.0 + pipe.rng.random())

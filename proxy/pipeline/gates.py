"""A place for a call at a target whose calls are bounded, or whose provider's keys are (`routing/gate.py`)."""

from time import monotonic

from proxy.core.errors import Unavailable
from proxy.pipeline.asked import Asked
from proxy.pipeline.attempts import Attempts, Try
from proxy.pipeline.deps import Pipeline
from proxy.pipeline.upstream import pinned_member
from proxy.routing.candidate import Candidate
from proxy.routing.key_rooms import Wanted


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
        place = None
        if found.gate is None or (place := found.gate.enter(now, keys_for(pipe, asked, found))) is not None:
            attempts.put_back(full)  # they go next, should this one fail
            return Try(found, step.delay_s if not full else 0.0, place)
        full.append(found)
        attempts.left += 1  # it costs none
        found = attempts.spare(now)
    attempts.put_back(full[1:])
    attempts.left -= 1
    if first is not None and (place := await first.wait(asked.deadline, keys_for(pipe, asked, step.target))) is not None:
        return Try(step.target, step.delay_s, place)
    raise TargetsBusy("every target of this model has as many calls as it may have", retry_after_s=1.0 + pipe.rng.random())


def keys_for(pipe: Pipeline, asked: Asked, target: Candidate) -> Wanted:
    """Which keys of its provider's pool the request may have there: the one that keeps what it follows up, else those that do not rest."""

    def wanted(now: float) -> list[str]:
        pool = pipe.providers[target.provider].keys
        pinned = pinned_member(asked, pool)
        if pinned is not None:
            return [pinned.fingerprint]
        if len(pool.members) == 1:
            return [pool.members[0].fingerprint]
        return [member.fingerprint for member in pool.usable(asked.talk(), now, pipe.health.key_rests(target.id, target.provider))]

    return wanted

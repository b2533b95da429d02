"""A place for a call."""

from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from proxy.core.context import ALLOWED
from proxy.pipeline.attempts import Attempts, Try
from proxy.pipeline.gates import TargetsBusy, entered
from proxy.routing.candidate import Candidate
from proxy.routing.gate import Gate, GateRules
from proxy.routing.rules import RetryRules
from proxy.routing.target import Target

PIPE: Any = SimpleNamespace(rng=Random(1))
ASKED: Any = SimpleNamespace(deadline=float("inf"))


def bounded(name: str) -> Candidate:
    return Candidate(Target(name, "m"), gate=Gate(GateRules(concurrency=1)))


async def test_full_targets_are_passed_over_without_costing_a_try() -> None:
    """In the order of the attempts; with nobody left the request is refused."""
    a, b, c = bounded("a"), bounded("b"), Candidate(Target("c", "m"))
    full = Attempts((a, b), RetryRules(attempts=2), None, lambda provider, model: ALLOWED, Random(1))
    step = full.next(0.0)
    assert step == Try(a)
    assert await entered(PIPE, ASKED, full, step) == Try(a)
    machine = Attempts((a, b, c), RetryRules(attempts=2), None, lambda provider, model: ALLOWED, Random(1))
    step = machine.next(0.0)
    assert isinstance(step, Try)
    assert (await entered(PIPE, ASKED, machine, step), machine.left) == (Try(b), 1)
    last = Attempts((a, b, c), RetryRules(attempts=2), None, lambda provider, model: ALLOWED, Random(1))
    step = last.next(0.0)
    assert isinstance(step, Try)
    assert (await entered(PIPE, ASKED, last, step), last.left) == (Try(c), 1)
    nobody = Attempts((a, b), RetryRules(attempts=2), None, lambda provider, model: ALLOWED, Random(1))
    step = nobody.next(0.0)
    assert isinstance(step, Try)
    with pytest.raises(TargetsBusy) as refused:
        await entered(PIPE, ASKED, nobody, step)
    assert 1 <= (refused.value.retry_after_s or 0) <= 2

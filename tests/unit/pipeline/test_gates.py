"""A place for a call."""

import asyncio
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from proxy.core.context import ALLOWED
from proxy.core.errors import BadGateway
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
    got = await entered(PIPE, ASKED, full, step)
    assert (got.target, a.gate is not None and a.gate.inside) == (a, 1)
    machine = Attempts((a, b, c), RetryRules(attempts=2), None, lambda provider, model: ALLOWED, Random(1))
    step = machine.next(0.0)
    assert isinstance(step, Try)
    assert ((await entered(PIPE, ASKED, machine, step)).target, machine.left) == (b, 1)
    last = Attempts((a, b, c), RetryRules(attempts=2), None, lambda provider, model: ALLOWED, Random(1))
    step = last.next(0.0)
    assert isinstance(step, Try)
    assert ((await entered(PIPE, ASKED, last, step)).target, last.left) == (c, 1)
    nobody = Attempts((a, b), RetryRules(attempts=2), None, lambda provider, model: ALLOWED, Random(1))
    step = nobody.next(0.0)
    assert isinstance(step, Try)
    with pytest.raises(TargetsBusy) as refused:
        await entered(PIPE, ASKED, nobody, step)
    if got.place is not None:
        got.place.leave()
        got.place.leave()
    assert a.gate is not None
    assert a.gate.inside == 0, "given back once"
    assert 1 <= (refused.value.retry_after_s or 0) <= 2


def attempts(*order: Candidate) -> tuple[Attempts, Try]:
    machine = Attempts(order, RetryRules(attempts=2), None, lambda provider, model: ALLOWED, Random(1))
    step = machine.next(0.0)
    assert isinstance(step, Try)
    return machine, step


async def test_who_was_full_is_next_at_once() -> None:
    """When the one instead has failed: its turn has not passed."""
    a, b = bounded("a"), bounded("b")
    assert a.gate is not None
    assert a.gate.enter(0.0)
    machine, step = attempts(a, b)
    assert (await entered(PIPE, ASKED, machine, step)).target == b
    a.gate.leave()
    machine.failed(b, BadGateway("reset"), 0.0)
    assert machine.next(0.0) == Try(a)


async def test_a_try_that_waited_for_its_place_is_one() -> None:
    """It counts, and the others that were full stay for later."""
    a, b = Candidate(Target("a", "m"), gate=Gate(GateRules(concurrency=1, queue=1, queue_wait_s=10))), bounded("b")
    assert a.gate is not None
    assert b.gate is not None
    assert a.gate.enter(0.0)
    assert b.gate.enter(0.0)
    machine, step = attempts(a, b)
    waiting = asyncio.create_task(entered(PIPE, ASKED, machine, step))
    await asyncio.sleep(0)
    a.gate.leave()
    assert ((await waiting).target, machine.left) == (a, 1)
    b.gate.leave()
    machine.failed(a, BadGateway("reset"), 0.0)
    assert machine.next(0.0) == Try(b)
    assert machine.left == 0

"""Counters of limits and budgets: in the process, over one server, and over a cluster of three."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Iterator
from random import Random
from time import monotonic
from typing import Any

import pytest

from proxy.core.claims import Amounts, Claim, Group, Outcome, Part, Reading, Slots, Spend, Window
from proxy.core.clock import SystemClock
from proxy.core.tasks import TaskSupervisor
from proxy.storage.hot.admission_memory import MemoryAdmission
from proxy.storage.hot.admission_redis import RedisAdmission
from proxy.storage.hot.open import open_hot
from tests.support.cluster import Cluster
from tests.support.eventually import PATIENT_S, eventually
from tests.support.valkey import Valkey


@pytest.fixture(scope="module", params=["memory", "server", "cluster"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "memory":
        yield ""
    else:
        with Valkey() if request.param == "server" else Cluster() as running:
            yield running.url


class Counters:
    """A store of either kind; every method is awaited. Each has counters of its own."""

    def __init__(self, store: Any) -> None:
        self.store = store
        self.tenant = os.urandom(4).hex()
        self.shared = f"@{self.tenant}"

    def rules(self, *claims: Claim, shared: tuple[Claim, ...] = ()) -> Any:
        groups = [Group(self.tenant, claims), Group(self.shared, shared)]
        return self.store.prepare([group for group in groups if group.claims])

    async def claim(self, rules: Any, request_id: str, amounts: Amounts | None = None, part: Part = "all") -> Outcome:
        return await _done(self.store.claim(rules, request_id, amounts or Amounts(), part))

    async def settle(self, rules: Any, request_id: str, used: Amounts | None = None) -> Outcome:
        return await _done(self.store.settle(rules, request_id, used or Amounts()))

    async def restore(self, spend: Spend, nanos: int) -> None:
        restoring = self.store.restore(spend, self.tenant, nanos)
        if restoring is not None:
            await restoring

    async def used(self, rules: Any) -> list[int]:
        return [reading.used for reading in (await _done(self.store.read(rules))).readings]


async def _done(outcome: Outcome | Awaitable[Outcome]) -> Outcome:
    return outcome if isinstance(outcome, Outcome) else await outcome


@pytest.fixture
async def counters(url: str) -> AsyncIterator[Counters]:
    if not url:
        yield Counters(MemoryAdmission(SystemClock()))
        return
    tasks = TaskSupervisor()
    hot = await open_hot(url, tasks, op_timeout_s=PATIENT_S)
    await eventually(lambda: hot.connected)
    yield Counters(RedisAdmission(hot))
    await hot.close()
    await tasks.close()


REQUESTS = Window("API_KEY:k:*", "requests", 3)
INPUT = Window("API_KEY:k:*", "input", 100)
OUTPUT = Window("API_KEY:k:*", "output", 50)
INPUT_600, OUTPUT_400 = Window("k", "input", 600), Window("k", "output", 400)
SLOTS = Slots("API_KEY:k:*", 2)
SPEND = Spend("TENANT:t:2026-11", 1000)


async def test_a_window_lets_its_limit_through_and_says_when_there_is_more(counters: Counters) -> None:
    """Waiting passes, half a second less fails."""
    rules = counters.rules(Window("k", "requests", 3, 1))
    outcomes = [await counters.claim(rules, f"a{n}") for n in range(3)]
    assert all(outcome.refused is None for outcome in outcomes)
    refused_at = monotonic()
    outcome = await counters.claim(rules, "a3")
    assert outcome.refused is not None
    assert (outcome.refused.claim, outcome.refused.used) == (Window("k", "requests", 3, 1), 3)
    assert 0.5 < outcome.retry_after_s < 1.02
    await asyncio.sleep(outcome.retry_after_s - 0.5)
    if monotonic() - refused_at < outcome.retry_after_s - 0.1:
        assert (await counters.claim(rules, "a3")).refused is not None
    await asyncio.sleep(refused_at + outcome.retry_after_s - monotonic() + 0.01)
    assert (await counters.claim(rules, "a3")).refused is None


async def test_a_refusal_takes_nothing(counters: Counters) -> None:
    """Of no dimension."""
    rules = counters.rules(REQUESTS, INPUT, OUTPUT, SLOTS)
    assert (await counters.claim(rules, "a", Amounts(60, 10))).refused is None
    assert (await counters.claim(rules, "b", Amounts(10, 10), "first")).refused is None
    refused = (await counters.claim(rules, "c", Amounts(10, 10))).refused
    assert refused is not None
    assert refused.claim == SLOTS
    refused = (await counters.claim(rules, "b", Amounts(41, 10), "rest")).refused
    assert refused is not None
    assert refused.claim == INPUT
    assert await counters.used(rules) == [2, 60, 10, 2]


async def test_first_stays_taken_where_only_the_rest_is_refused(counters: Counters) -> None:
    """So that a cached answer counts; with `requests=0` even that goes back."""
    rules = counters.rules(REQUESTS, INPUT, SLOTS)
    outcome = await counters.claim(rules, "a", Amounts(input=101))
    assert outcome.refused is not None
    assert outcome.refused.claim == INPUT
    assert await counters.used(rules) == [1, 0, 1]
    await counters.settle(rules, "a", Amounts(requests=0))
    assert await counters.used(rules) == [0, 0, 0]


async def test_what_was_not_used_goes_back_once(counters: Counters) -> None:
    """A second settlement does nothing, nor one without a claim."""
    rules = counters.rules(REQUESTS, INPUT, OUTPUT, SLOTS)
    await counters.claim(rules, "a", Amounts(80, 40))
    for _ in range(2):
        await counters.settle(rules, "a", Amounts(30, 10))
        assert await counters.used(rules) == [1, 30, 10, 0]
    await counters.settle(rules, "never", Amounts(1, 1))
    assert await counters.used(rules) == [1, 30, 10, 0]


async def test_an_overrun_is_debited_to_the_current_window(counters: Counters) -> None:
    """Above the limit, even: then nobody gets anything until it has passed."""
    rules = counters.rules(INPUT, OUTPUT)
    await counters.claim(rules, "a", Amounts(10, 10))
    await counters.settle(rules, "a", Amounts(150, 5))
    assert await counters.used(rules) == [150, 5]
    assert (await counters.claim(rules, "b", Amounts(1, 0))).refused is not None


async def test_every_call_of_a_request_takes_the_rest_anew(counters: Counters) -> None:
    """And all of them are settled together, against the sum."""
    rules = counters.rules(REQUESTS, INPUT)
    await counters.claim(rules, "a", Amounts(input=40), "first")
    assert await counters.used(rules) == [1, 0]
    await counters.claim(rules, "a", Amounts(input=40), "rest")
    await counters.claim(rules, "a", Amounts(input=50), "rest")
    assert await counters.used(rules) == [1, 90]
    await counters.settle(rules, "a", Amounts(input=30))
    assert await counters.used(rules) == [1, 30]


async def test_slots_are_given_back_at_the_end(counters: Counters) -> None:
    """Whatever was used."""
    rules = counters.rules(SLOTS)
    for name in "ab":
        assert (await counters.claim(rules, name)).refused is None
    outcome = await counters.claim(rules, "c")
    assert outcome.refused is not None
    assert outcome.retry_after_s == 1.0
    await counters.settle(rules, "a")
    assert (await counters.claim(rules, "c")).refused is None


async def test_money_is_reserved_and_settled(counters: Counters) -> None:
    """A missing counter is never 0; a soft one is counted and refuses nothing."""
    soft = Spend("USER:u:2026-11", 1, soft=True)
    rules = counters.rules(SPEND, soft)
    assert (await counters.claim(rules, "a", Amounts(nanos=1))).missing == (SPEND, soft)
    await counters.restore(SPEND, 900)
    assert (await counters.claim(rules, "a", Amounts(nanos=1))).missing == (soft,)
    await counters.restore(soft, 7)
    await counters.restore(SPEND, 0)
    assert (await counters.claim(rules, "a", Amounts(nanos=60))).refused is None
    refused = (await counters.claim(rules, "b", Amounts(nanos=41))).refused
    assert refused is not None
    assert (refused.claim, refused.used, refused.reserved) == (SPEND, 960, 60)
    outcome = await counters.settle(rules, "a", Amounts(nanos=20))
    assert outcome.readings == (Reading(SPEND, 920), Reading(soft, 27))
    await counters.claim(rules, "b", Amounts(nanos=80))
    assert await counters.used(rules) == [1000, 107]


async def test_groups_are_taken_together_or_not_at_all(counters: Counters) -> None:
    """Though they may live on different nodes of a cluster."""
    gateway = Window("GATEWAY:*", "requests", 2)
    tokens = Window("MODEL:m:*", "input", 50)
    rules = counters.rules(REQUESTS, INPUT, shared=(gateway, tokens))
    assert (await counters.claim(rules, "a", Amounts(input=20))).refused is None
    outcome = await counters.claim(rules, "b", Amounts(input=40))
    assert outcome.refused is not None
    assert outcome.refused.claim == tokens
    assert await counters.used(rules) == [2, 20, 2, 20]
    refused = (await counters.claim(rules, "c", Amounts(input=1))).refused
    assert refused is not None
    assert refused.claim == gateway
    assert await counters.used(rules) == [2, 20, 2, 20]
    await counters.settle(rules, "b", Amounts(requests=0))
    await counters.settle(rules, "a", Amounts(input=5))
    assert await counters.used(rules) == [1, 5, 1, 5]


async def test_a_bucket_refills_evenly(counters: Counters) -> None:
    """The whole of it at once, then one at a time."""
    rules = counters.rules(Window("k", "requests", 10, 2, bucket=True))
    assert [(await counters.claim(rules, f"a{n}")).refused for n in range(10)] == [None] * 10
    outcome = await counters.claim(rules, "b")
    if outcome.refused is not None:
        assert 0 < outcome.retry_after_s <= 0.21
        await asyncio.sleep(outcome.retry_after_s)
        assert (await counters.claim(rules, "b")).refused is None


async def test_tokens_of_both_kinds_together(counters: Counters) -> None:
    """Input and output in one window."""
    rules = counters.rules(Window("k", "tokens", 100))
    assert (await counters.claim(rules, "a", Amounts(60, 40))).refused is None
    assert (await counters.claim(rules, "b", Amounts(1, 0))).refused is not None
    await counters.settle(rules, "a", Amounts(10, 20))
    assert await counters.used(rules) == [30]


async def test_many_at_once_get_exactly_the_limit(counters: Counters) -> None:
    """Of 60 that ask in the same moment for 7 places."""
    rules = counters.rules(Window("k", "requests", 7))
    outcomes = await asyncio.gather(*(counters.claim(rules, f"a{n}") for n in range(60)))
    assert sum(outcome.refused is None for outcome in outcomes) == 7


async def test_readings_say_what_is_used_after_the_claim(counters: Counters) -> None:
    """And when some of it is free again."""
    rules = counters.rules(REQUESTS, INPUT)
    outcome = await counters.claim(rules, "a", Amounts(input=5))
    if not counters.store.immediate:
        assert [reading.used for reading in outcome.readings] == [1, 5]
        assert all(59 < reading.reset_s <= 61.02 for reading in outcome.readings)
    read = await _done(counters.store.read(rules))
    assert all(59 < reading.reset_s <= 61.02 for reading in read.readings)
    standing = counters.store.standing(rules)
    assert standing is None or (standing[0], standing[1], standing[3]) == (3, 2, 95)


async def test_any_second_of_an_overload_has_at_most_the_limit_and_nearly_all_of_it(counters: Counters) -> None:
    """Four seconds with three times as many requests as there is room for."""
    limit = 30
    rules = counters.rules(Window("k", "requests", limit, 1))
    passed: list[tuple[float, float]] = []
    began = monotonic()
    number = 0
    while monotonic() - began < 4:
        asked = monotonic()
        number += 1
        if (await counters.claim(rules, f"o{number}")).refused is None:
            passed.append((asked, monotonic()))
        await asyncio.sleep(0.01)
    for start, _ in passed:
        assert sum(asked >= start and answered <= start + 1 for asked, answered in passed) <= limit
    assert len(passed) >= 0.9 * 4 * limit  # each look is up to 10 ms late


@pytest.mark.parametrize("seed", range(5))
async def test_any_sequence_adds_up(counters: Counters, seed: int) -> None:
    """Of claims in parts, refusals, further calls and settlements, against plain sums."""
    rng = Random(seed)
    gateway, spend = Window("GATEWAY:*", "tokens", 900), Spend("TENANT:t:total", 2000)
    rules = counters.rules(Window("k", "requests", 12), INPUT_600, OUTPUT_400, Slots("k", 5), spend, shared=(gateway,))
    await counters.restore(spend, 100)
    requests = slots = tokens_in = tokens_out = 0
    settled, reserved = 100, 0
    running: dict[str, list[Amounts]] = {}
    for n in range(120):
        what = rng.random()
        if what < 0.5 or not running:
            name, part = f"s{n}", rng.choice(("first", "all"))
        elif what < 0.7:
            name, part = rng.choice(sorted(running)), "rest"
        else:
            name = rng.choice(sorted(running))
            calls = running.pop(name)
            used = Amounts(rng.randrange(150), rng.randrange(150), rng.randrange(300)) if calls else Amounts()
            await counters.settle(rules, name, used)
            slots -= 1
            tokens_in += used.input - sum(call.input for call in calls)
            tokens_out += used.output - sum(call.output for call in calls)
            settled += used.nanos
            reserved -= sum(call.nanos for call in calls)
            continue
        wanted = Amounts(rng.randrange(150), rng.randrange(150), rng.randrange(300))
        first = requests < 12 and slots < 5
        rest = (
            tokens_in + wanted.input <= 600
            and tokens_out + wanted.output <= 400
            and tokens_in + tokens_out + wanted.input + wanted.output <= 900
            and settled + reserved + wanted.nanos <= 2000
        )
        outcome = await counters.claim(rules, name, wanted, part)  # type: ignore[arg-type]
        expected = (first or part == "rest") and (rest or part == "first")
        assert (outcome.refused is None) == expected
        if part != "rest" and first:
            requests, slots = requests + 1, slots + 1
            running[name] = []
        if part != "first" and expected:
            running[name].append(wanted)
            tokens_in, tokens_out, reserved = tokens_in + wanted.input, tokens_out + wanted.output, reserved + wanted.nanos
        assert await counters.used(rules) in (
            [requests, tokens_in, tokens_out, slots, settled + reserved, tokens_in + tokens_out],
            [requests, tokens_in, tokens_out, tokens_in + tokens_out, slots, settled + reserved],  # in the process: windows first
        )

"""How many calls each key of a provider may have."""

import asyncio
from collections import Counter
from collections.abc import Callable
from time import monotonic

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from proxy.routing.gate import Gate, GateRules, Place
from proxy.routing.key_rooms import KeyRooms, Wanted
from proxy.routing.room import Bounds

ACCOUNTS = ("a", "b", "c")


def want(*accounts: str) -> Wanted:
    return lambda _: accounts


def of(place: Place | None) -> str | None:
    return None if place is None else place.account


def test_a_full_key_is_passed_over_and_all_full_is_a_full_gate() -> None:
    """In the order that is wanted, over all gates; a place that is left is there again once."""
    keys = KeyRooms(Bounds(concurrency=1), "ab")
    one, two = Gate(GateRules(), keys), Gate(GateRules(), keys)
    first = one.enter(0.0, want("b", "a"))
    assert [of(first), of(two.enter(0.0, want("b", "a"))), of(one.enter(0.0, want("a", "b")))] == ["b", "a", None]
    assert first is not None
    first.leave()
    first.leave()
    assert [of(two.enter(0.0, want("a", "b"))), keys.calls()] == ["b", {"a": 1, "b": 1}]


def test_without_room_at_the_target_no_key_is_taken() -> None:
    """And without a key that may be had, none at the target."""
    keys = KeyRooms(Bounds(concurrency=5), "ab")
    gate = Gate(GateRules(concurrency=1), keys)
    assert gate.enter(0.0, want()) is None
    assert gate.inside == 0
    assert gate.enter(0.0, want("a"))
    assert gate.enter(0.0, want("b")) is None
    assert keys.calls() == {"a": 1, "b": 0}


def test_calls_under_way_outlive_a_reload() -> None:
    """They count on, under the new bounds; a key that is gone is forgotten when its calls are over."""
    keys = KeyRooms(Bounds(concurrency=2), "ab")
    gate = Gate(GateRules(), keys)
    places = [gate.enter(0.0, want("a")), gate.enter(0.0, want("b"))]
    keys.configure(Bounds(concurrency=1), "bc")
    assert gate.enter(0.0, want("b")) is None
    assert keys.calls() == {"a": 1, "b": 1, "c": 0}
    for place in places:
        assert place is not None
        place.leave()
    keys.configure(Bounds(concurrency=1), "bc")
    assert keys.calls() == {"b": 0, "c": 0}
    assert of(gate.enter(0.0, want("a"))) == "a", "of a request that began before"


def test_a_try_of_several_calls_gives_all_its_places_back() -> None:
    """Once; where keys are not bounded there is nothing to take."""
    keys = KeyRooms(Bounds(concurrency=3), "a")
    place = Gate(GateRules(), keys).enter(0.0, want("a"))
    assert place is not None
    assert (place.several(9, 8, 0.0), keys.calls()) == (3, {"a": 3})
    place.leave()
    assert (keys.calls(), place.several(9, 8, 0.0)) == ({"a": 0}, 8)
    free = Gate(GateRules(concurrency=1)).enter(0.0)
    assert free is not None
    assert free.several(9, 8, 0.0) == 8


async def test_queues_of_the_same_keys_take_turns() -> None:
    """None waits for ever because another has more to do."""
    keys = KeyRooms(Bounds(concurrency=1), "a")
    gates = {name: Gate(GateRules(queue=9, queue_wait_s=10), keys) for name in "xy"}
    served: list[str] = []

    async def waiting(name: str) -> None:
        place = await gates[name].wait(monotonic() + 10, want("a"))
        assert place is not None
        served.append(name)
        await asyncio.sleep(0)
        place.leave()

    first = gates["x"].enter(monotonic(), want("a"))
    assert first is not None
    tasks = [asyncio.create_task(waiting(name)) for name in "xxxyy"]
    await asyncio.sleep(0)
    first.leave()
    await asyncio.gather(*tasks)
    assert served == ["x", "y", "x", "y", "x"]


async def test_who_waits_for_a_busy_key_keeps_nobody_from_another() -> None:
    """A conversation that is bound to one account waits; the others go by."""
    keys = KeyRooms(Bounds(concurrency=1), "ab")
    gate = Gate(GateRules(queue=9, queue_wait_s=10), keys)
    held = [gate.enter(monotonic(), want(account)) for account in "ab"]
    tasks = [asyncio.create_task(gate.wait(monotonic() + 10, want(*accounts))) for accounts in ("a", "ab")]
    await asyncio.sleep(0)
    assert held[1] is not None
    held[1].leave()
    assert (of(await tasks[1]), tasks[0].done()) == ("b", False)
    assert held[0] is not None
    held[0].leave()
    assert of(await tasks[0]) == "a"


async def test_a_rest_that_ends_is_noticed() -> None:
    """By nobody's leaving: who waits looks again."""
    keys = KeyRooms(Bounds(concurrency=1), "ab")
    gate, usable = Gate(GateRules(queue=9, queue_wait_s=10), keys), ["a"]
    assert gate.enter(monotonic(), want("a"))
    task = asyncio.create_task(gate.wait(monotonic() + 10, lambda _: usable))
    await asyncio.sleep(0)
    usable.append("b")
    assert of(await asyncio.wait_for(task, 2)) == "b"


async def test_time_alone_makes_room_at_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is its minute that is full."""
    monkeypatch.setattr("proxy.routing.room.MINUTE_S", 0.05)
    gate = Gate(GateRules(queue=1, queue_wait_s=10), KeyRooms(Bounds(rpm=1), "a"))
    assert gate.enter(monotonic(), want("a"))
    assert of(await asyncio.wait_for(gate.wait(monotonic() + 10, want("a")), 2)) == "a"


class Accounting(RuleBasedStateMachine):
    """Two targets of three bounded keys: calls that come, wait, leave, give up, and limits that change under them."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.bounds = Bounds(concurrency=2)
        self.keys = KeyRooms(self.bounds, ACCOUNTS)
        self.gates = [Gate(GateRules(concurrency=3, queue=2, queue_wait_s=1000), self.keys), Gate(GateRules(queue=2), self.keys)]
        self.inside: list[tuple[int, Place]] = []
        self.waiting: list[tuple[int, tuple[str, ...], asyncio.Task[Place | None]]] = []

    def settle(self) -> None:
        for _ in range(3):
            self.loop.run_until_complete(asyncio.sleep(0))
        for one in list(self.waiting):
            if one[2].done():
                self.waiting.remove(one)
                if not one[2].cancelled() and (place := one[2].result()) is not None:
                    self.inside.append((one[0], place))

    @rule(gate=st.integers(0, 1), wanted=st.lists(st.sampled_from(ACCOUNTS), unique=True, max_size=3))
    def comes(self, gate: int, wanted: list[str]) -> None:
        async def enter() -> Place | None:
            return self.gates[gate].enter(monotonic(), want(*wanted))

        place = self.loop.run_until_complete(enter())
        if place is not None:
            assert place.account in wanted
            self.inside.append((gate, place))
        else:
            task = self.loop.create_task(self.gates[gate].wait(monotonic() + 1000, want(*wanted)))
            self.waiting.append((gate, tuple(wanted), task))
        self.settle()

    @precondition(lambda self: self.inside)
    @rule(data=st.data())
    def leaves(self, data: st.DataObject) -> None:
        _, place = self.inside.pop(data.draw(st.integers(0, len(self.inside) - 1)))

        async def leave() -> None:
            place.leave()
            place.leave()

        self.loop.run_until_complete(leave())
        self.settle()

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def gives_up(self, data: st.DataObject) -> None:
        self.waiting[data.draw(st.integers(0, len(self.waiting) - 1))][2].cancel()
        self.settle()

    @precondition(lambda self: self.inside and self.waiting)
    @rule(data=st.data())
    def gives_up_as_it_is_served(self, data: st.DataObject) -> None:
        """Before its task has run again."""
        _, place = self.inside.pop(data.draw(st.integers(0, len(self.inside) - 1)))
        task = self.waiting[data.draw(st.integers(0, len(self.waiting) - 1))][2]

        async def both() -> None:
            place.leave()
            task.cancel()

        self.loop.run_until_complete(both())
        self.settle()

    @invariant()
    def every_place_is_counted_once(self) -> None:
        calls = Counter(place.account for _, place in self.inside)
        assert self.keys.calls() == {account: calls[account] for account in ACCOUNTS}
        assert [gate.inside for gate in self.gates] == [sum(at == n for at, _ in self.inside) for n in range(2)]
        assert [gate.waiting for gate in self.gates] == [sum(at == n for at, _, _ in self.waiting) for n in range(2)]

    @invariant()
    def never_above_the_limits(self) -> None:
        assert max(self.keys.calls().values()) <= 2
        assert self.gates[0].inside <= 3

    @invariant()
    def nobody_waits_for_what_is_there(self) -> None:
        free = {account for account, calls in self.keys.calls().items() if calls < 2}
        for gate, wanted, _ in self.waiting:
            assert not free & set(wanted) or (gate == 0 and self.gates[0].inside == 3)

    def teardown(self) -> None:
        for _, _, task in self.waiting:
            task.cancel()
        self.settle()
        while self.inside:
            self.leave_last()
        assert [gate.inside for gate in self.gates] == [0, 0]
        assert not any(self.keys.calls().values())
        self.loop.close()

    def leave_last(self) -> None:
        _, place = self.inside.pop()

        async def leave() -> None:
            place.leave()

        self.loop.run_until_complete(leave())
        self.settle()


Accounting.TestCase.settings = settings(derandomize=True, max_examples=60, stateful_step_count=30, deadline=None)
TestAccounting: Callable[..., object] = Accounting.TestCase

"""Contract E as a state machine: budgets of a tenant, its keys and a team over the counters in the process."""

from typing import Any

from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from proxy.core.claims import Amounts, Group, Outcome, Spend
from proxy.storage.hot.admission_memory import MemoryAdmission
from tests.support.clock import FakeClock

CAPS = {
    "TENANT:acme:2026-11": 1000,
    "DEPARTMENT:red:2026-11": 700,
    "API_KEY:a:2026-11": 400,
    "API_KEY:b:2026-11": 600,
    "API_KEY:b:total": 900,
}
OF = {
    "a": ("API_KEY:a:2026-11", "DEPARTMENT:red:2026-11", "TENANT:acme:2026-11"),
    "b": ("API_KEY:b:2026-11", "API_KEY:b:total", "TENANT:acme:2026-11"),
}
LEDGER = {
    "TENANT:acme:2026-11": 120,
    "API_KEY:a:2026-11": 20,
    "DEPARTMENT:red:2026-11": 20,
    "API_KEY:b:2026-11": 100,
    "API_KEY:b:total": 100,
}


class Counters(RuleBasedStateMachine):
    held: Bundle[tuple[str, str]] = Bundle("held")
    ended: Bundle[tuple[str, str]] = Bundle("ended")

    def __init__(self) -> None:
        super().__init__()
        self.store = MemoryAdmission(FakeClock())
        self.prepared: dict[str, Any] = {
            key: self.store.prepare([Group("acme", tuple(Spend(name, CAPS[name]) for name in names))]) for key, names in OF.items()
        }
        self.settled = dict(LEDGER)
        self.reserved: dict[str, list[int]] = {}
        self.n = 0

    def room(self, key: str) -> int:
        return min(CAPS[name] - self.settled[name] - self.under_way(name) for name in OF[key])

    def under_way(self, name: str) -> int:
        return sum(sum(amounts) for request, amounts in self.reserved.items() if name in OF[request[0]])

    def ask(self, key: str, request: str, nanos: int) -> Outcome:
        outcome = self.store.claim(self.prepared[key], request, Amounts(nanos=nanos), "rest")
        if outcome.missing:
            for spend in outcome.missing:
                self.store.restore(spend, "acme", LEDGER[spend.key])
            outcome = self.store.claim(self.prepared[key], request, Amounts(nanos=nanos), "rest")
        return outcome

    @rule(target=held, key=st.sampled_from("ab"), nanos=st.integers(0, 500))
    def claim(self, key: str, nanos: int) -> tuple[str, str]:
        self.n += 1
        request = f"{key}{self.n}"
        fits = nanos <= self.room(key)
        outcome = self.ask(key, request, nanos)
        assert (outcome.refused is None) == fits
        self.reserved[request] = [nanos] if fits else []
        return key, request

    @rule(request=held, nanos=st.integers(0, 300))
    def try_again(self, request: tuple[str, str], nanos: int) -> None:
        """A further call of the request, on top."""
        fits = nanos <= self.room(request[0])
        assert (self.ask(*request, nanos).refused is None) == fits
        if fits:
            self.reserved[request[1]].append(nanos)

    @rule(target=ended, request=consumes(held), share=st.floats(0, 1))
    def settle(self, request: tuple[str, str], share: float) -> tuple[str, str]:
        used = int(sum(self.reserved[request[1]]) * share)
        self.store.settle(self.prepared[request[0]], request[1], Amounts(nanos=used))
        had = self.reserved.pop(request[1])
        for name in OF[request[0]] if had else ():
            self.settled[name] += used
        return request

    @rule(request=ended, used=st.integers(0, 500))
    def settle_twice(self, request: tuple[str, str], used: int) -> None:
        self.store.settle(self.prepared[request[0]], request[1], Amounts(nanos=used))

    @invariant()
    def never_above_a_cap_and_never_half_taken(self) -> None:
        for key, rules in self.prepared.items():
            outcome = self.store.read(rules)
            missing = {spend.key for spend in outcome.missing}
            for reading in outcome.readings:
                name = reading.claim.key
                if name in missing:
                    continue
                assert reading.used <= CAPS[name], key
                assert (reading.used - reading.reserved, reading.reserved) == (self.settled[name], self.under_way(name))


Counters.TestCase.settings = hypothesis_settings(max_examples=60, stateful_step_count=40, deadline=None)
TestCounters = Counters.TestCase

"""Idempotency keys in the process, against a model of what was promised."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from proxy.storage.hot.idempotency import Answer, Name
from proxy.storage.hot.idempotency_memory import OVERHEAD, MemoryIdempotency
from tests.support.clock import FakeClock

LEASE_S, TTL_S = 30.0, 100.0
NAMES = [Name(tenant, key) for tenant in ("a", "b") for key in (b"1", b"2")]


def answer(body: bytes) -> Answer:
    return Answer(status=200, headers=(), body=body, stream=False, asked="m", provider="p", model="m")


def done(coro: Coroutine[Any, Any, Any]) -> Any:
    """Of a coroutine that waits for nothing."""
    try:
        coro.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("it waited")


class Keys(RuleBasedStateMachine):
    """The model: name → (fingerprint, owner, lease ends, expires, answer)."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.store = MemoryIdempotency(self.clock)
        self.model: dict[Name, tuple[bytes, str, float, float, Answer | None]] = {}
        self.owners: dict[Name, list[str]] = {}
        self.tokens = 0

    def held(self, name: Name) -> tuple[bytes, str, float, float, Answer | None] | None:
        found = self.model.get(name)
        return found if found is not None and found[3] > self.clock.monotonic() else None

    def token(self, name: Name, old: bool) -> str:
        tokens = self.owners.get(name) or ["nobody"]
        return tokens[0] if old else tokens[-1]

    @rule(name=st.sampled_from(NAMES), fingerprint=st.sampled_from([b"f", b"g"]))
    def claim(self, name: Name, fingerprint: bytes) -> None:
        self.tokens += 1
        token, now, held = f"t{self.tokens}", self.clock.monotonic(), self.held(name)
        claim = done(self.store.claim(name, fingerprint, token, lease_s=LEASE_S, ttl_s=TTL_S))
        if held is None:
            expected = "lead"
        elif held[0] != fingerprint:
            expected = "mismatch"
        elif held[4] is not None:
            expected = "kept"
        else:
            expected = "busy" if held[2] > now else "taken"
        assert claim.state == expected
        assert claim.answer == (held[4] if expected == "kept" and held is not None else None)
        if expected in ("lead", "taken"):
            self.model[name] = (fingerprint, token, now + LEASE_S, now + TTL_S, None)
            self.owners.setdefault(name, []).append(token)

    @rule(name=st.sampled_from(NAMES), old=st.booleans())
    def renew(self, name: Name, old: bool) -> None:
        token, found = self.token(name, old), self.model.get(name)
        mine = found is not None and found[4] is None and found[1] == token
        assert done(self.store.renew(name, token, lease_s=LEASE_S)) == mine
        if mine and found is not None:
            self.model[name] = (found[0], token, self.clock.monotonic() + LEASE_S, found[3], None)

    @rule(name=st.sampled_from(NAMES), old=st.booleans(), body=st.binary(max_size=20))
    def finish(self, name: Name, old: bool, body: bytes) -> None:
        token, found = self.token(name, old), self.model.get(name)
        mine = found is not None and found[4] is None and found[1] == token
        assert done(self.store.finish(name, token, answer(body), ttl_s=TTL_S)) == mine
        if mine and found is not None:
            self.model[name] = (found[0], token, 0.0, self.clock.monotonic() + TTL_S, answer(body))

    @rule(name=st.sampled_from(NAMES), old=st.booleans())
    def release(self, name: Name, old: bool) -> None:
        token, found = self.token(name, old), self.model.get(name)
        mine = found is not None and found[4] is None and found[1] == token
        assert done(self.store.release(name, token)) == mine
        if mine:
            del self.model[name]

    @rule(seconds=st.sampled_from([1.0, 29.0, 31.0, 101.0]))
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @invariant()
    def bytes_are_those_of_what_is_kept(self) -> None:
        kept = self.store._kept.values()
        assert self.store.bytes == sum(len(entry.answer.body) + OVERHEAD for entry in kept if entry.answer is not None)


TestKeys = Keys.TestCase
TestKeys.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)


async def test_the_oldest_answers_go_first_where_there_is_no_room() -> None:
    """Never what runs; what is over all of the room is not kept at all."""
    store = MemoryIdempotency(FakeClock(), max_bytes=2 * (OVERHEAD + 10))
    names = [Name("t", b"%d" % n) for n in range(4)]
    for name in names:
        await store.claim(name, b"f", "a", lease_s=30, ttl_s=99)
    for name in names[:3]:
        assert await store.finish(name, "a", answer(b"x" * 10), ttl_s=99)
    states = [(await store.claim(name, b"f", "b", lease_s=30, ttl_s=99)).state for name in names]
    assert states == ["lead", "kept", "kept", "busy"]
    assert not await store.finish(names[3], "a", answer(b"x" * 2000), ttl_s=99)
    assert len(store) == 4
    await asyncio.sleep(0)

"""Contract I as a state machine: whatever administrators do to keys, in whatever order, and however long it takes.

At two gateways that hear each other a key is good exactly when it should be, at once; at a third that hears nothing at the latest when its
look-ups are not believed any more, and a dead key never comes back to life there.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from proxy.admin.events import KeptEvents
from proxy.admin.key_service import Actor, KeyService
from proxy.core.errors import Conflict
from proxy.core.identity import BUILT_IN
from proxy.governance.key_notices import BoardNotices, follow
from proxy.governance.keys import SignedKeys
from proxy.storage.hot.board import LocalBoard
from proxy.storage.issue import new_agent_key, new_key
from proxy.storage.records_memory import MemoryRecords
from tests.support.clock import FakeClock

SECRET = b"s" * 32
TTL_S = 10.0
CLI = Actor(key_id="cli")


class Key:
    def __init__(self, key: str, key_id: str, expires_at: float | None) -> None:
        self.key = key
        self.key_id = key_id
        self.status = "active"
        self.expires_at = expires_at
        self.rotated = False
        self.died_at: float | None = None

    def live(self, now: float) -> bool:
        return self.status == "active" and (self.expires_at is None or self.expires_at > now)


class KeyLife(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.clock, self.records = FakeClock(), MemoryRecords()
        self.keys: list[Key] = []

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        async def and_settled() -> Any:
            done = await work
            await asyncio.sleep(0)
            return done

        return self.loop.run_until_complete(and_settled())

    @initialize()
    def start(self) -> None:
        async def begin() -> None:
            board = LocalBoard(self.clock)
            self.service = KeyService(self.records, self.clock, BoardNotices(board, TTL_S), KeptEvents(), BUILT_IN)
            self.hearing = [SignedKeys(SECRET, self.records, ttl, clock=self.clock) for ttl in (TTL_S, 1e9)]
            self.deaf = SignedKeys(SECRET, self.records, TTL_S, clock=self.clock)
            for signed in self.hearing:
                follow(board, signed)
            self.board = board

        self.run(begin())
        self.create(False, None)

    def teardown(self) -> None:
        self.run(self.board.close())
        self.loop.close()

    @precondition(lambda self: len(self.keys) < 6)
    @rule(opaque=st.booleans(), lives_s=st.none() | st.integers(1, 40))
    def create(self, opaque: bool, lives_s: int | None) -> None:
        now = self.clock.time()
        expires_at = now + lives_s if lives_s is not None else None
        key, record = new_agent_key(now, expires_at=expires_at) if opaque else new_key(SECRET, now, expires_at=expires_at)
        self.run(self.service.create(CLI, key, record))
        self.keys.append(Key(key, record.key_id, expires_at))

    @rule(which=st.integers(0, 9), action=st.sampled_from(["revoke", "disable", "enable"]))
    def change(self, which: int, action: str) -> None:
        key = self.keys[which % len(self.keys)]
        try:
            self.run(getattr(self.service, action)(CLI, key.key_id))
        except Conflict:
            assert key.status == "revoked"
            assert action != "revoke"
            return
        key.status = {"revoke": "revoked", "disable": "disabled", "enable": "active"}[action]

    @rule(which=st.integers(0, 9), overlap_s=st.sampled_from([0, 5, 30]))
    def rotate(self, which: int, overlap_s: int) -> None:
        key, now = self.keys[which % len(self.keys)], self.clock.time()
        may = key.live(now) and not key.rotated
        try:
            new, record = self.run(self.service.rotate(CLI, key.key_id, SECRET, overlap_s=overlap_s))
        except Conflict:
            assert not may
            return
        assert may
        self.keys.append(Key(new, record.key_id, key.expires_at))
        key.rotated = True
        if overlap_s:
            key.expires_at = min(now + overlap_s, key.expires_at or now + overlap_s)
        else:
            key.status = "revoked"

    @rule(seconds=st.sampled_from([0.5, 4.0, 9.75, 11.0]))
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @invariant()
    def everywhere(self) -> None:
        now = self.clock.time()
        for key in self.keys:
            live = key.live(now)
            key.died_at = None if live else key.died_at or now
            for signed in self.hearing:
                assert (self.run(signed.verify(key.key)) is not None) is live, key.__dict__
            heard = self.run(self.deaf.verify(key.key)) is not None
            if key.died_at is not None and now >= key.died_at + TTL_S:
                assert not heard, key.__dict__


KeyLife.TestCase.settings = settings(max_examples=100, stateful_step_count=25, deadline=None)
TestKeyLife = KeyLife.TestCase

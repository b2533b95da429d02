"""Whatever is written, lost, flushed and cut off in whatever order: when all are connected again, all boards say the same."""

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from proxy.core.tasks import TaskSupervisor
from proxy.storage.hot.redis import RedisHot
from proxy.storage.hot.redis_board import RedisBoard
from tests.support.clock import FakeClock
from tests.support.eventually import PATIENT_S, eventually
from tests.support.flaky_hot import FlakyHot
from tests.support.valkey import Valkey

BOARDS = 3
KEY = "converge:{board}:le1"
WHICH = st.integers(0, BOARDS - 1)
FIELD = st.sampled_from(["a", "b"])
VALUE = st.sampled_from([b"1", b"2", b"3"])
LIFE_S = st.sampled_from([1000.0, 2000.0, 3000.0])


@pytest.fixture(scope="module")
def valkey() -> Iterator[Valkey]:
    with Valkey() as server:
        yield server


class Boards(RuleBasedStateMachine):
    """Three processes with a Redis; lifetimes are so long that none ends meanwhile."""

    server: Valkey

    def __init__(self) -> None:
        super().__init__()
        self.server.command("FLUSHALL")
        self.clock = FakeClock()
        self.runner = asyncio.Runner()
        self.runner.run(self.start())

    async def start(self) -> None:
        self.tasks = TaskSupervisor()
        self.hot = RedisHot(self.server.url, self.tasks, op_timeout_s=PATIENT_S)
        await self.hot.open(PATIENT_S)
        self.ways = [FlakyHot(self.hot) for _ in range(BOARDS)]
        self.boards = [RedisBoard(way, self.clock, self.tasks, key=KEY, writer=f"w{n}") for n, way in enumerate(self.ways)]
        self.told: list[dict[str, bytes | None]] = [{} for _ in self.boards]
        for board, told in zip(self.boards, self.told, strict=True):
            board.watch("", told.__setitem__)
            await board.sync()

    async def settle(self) -> None:
        await asyncio.sleep(0)
        await eventually(lambda: not any(b._sending is not None or b._flush_due for b in self.boards))

    async def write(self, board: RedisBoard, field: str, value: bytes | None, life_s: float, *, longer: bool = False) -> None:
        """`value` None: drop."""
        if value is None:
            board.drop(field)
        elif longer:
            board.put_longer(field, value, life_s)
        else:
            board.put(field, value, life_s)
        await self.settle()

    async def look(self, board: RedisBoard) -> None:
        await board.sync()
        await self.settle()

    @rule(which=WHICH, field=FIELD, value=VALUE, life_s=LIFE_S)
    def put(self, which: int, field: str, value: bytes, life_s: float) -> None:
        self.runner.run(self.write(self.boards[which], field, value, life_s))

    @rule(which=WHICH, field=FIELD, value=VALUE, life_s=LIFE_S)
    def put_longer(self, which: int, field: str, value: bytes, life_s: float) -> None:
        self.runner.run(self.write(self.boards[which], field, value, life_s, longer=True))

    @rule(which=WHICH, field=FIELD)
    def drop(self, which: int, field: str) -> None:
        self.runner.run(self.write(self.boards[which], field, None, 0))

    @rule(which=WHICH)
    def poll(self, which: int) -> None:
        self.runner.run(self.look(self.boards[which]))

    @rule(which=WHICH, fault=st.sampled_from(["down", "deaf", None, None]))
    def cut_off(self, which: int, fault: str | None) -> None:
        self.ways[which].fault = fault  # type: ignore[assignment]

    @rule()
    def flush(self) -> None:
        self.server.command("FLUSHALL")

    @rule(seconds=st.sampled_from([0.001, 1.0]))
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)

    async def agree(self) -> None:
        for way in self.ways:
            way.fault = None
        for _ in range(3):
            for board in self.boards:
                await self.look(board)
        late = RedisBoard(self.hot, self.clock, self.tasks, key=KEY)
        await late.sync()
        known = [board.items("") for board in (*self.boards, late)]
        assert all(items == known[0] for items in known), known
        assert [{n: v for n, v in told.items() if v is not None} for told in self.told] == known[:BOARDS]
        assert not any(board._pending for board in self.boards)
        for board in (*self.boards, late):
            await board.close()

    async def stop(self) -> None:
        await self.hot.close()
        await self.tasks.close()

    def teardown(self) -> None:
        try:
            self.runner.run(self.agree())
        finally:
            self.runner.run(self.stop())
            self.runner.close()


def test_all_boards_agree_in_the_end(valkey: Valkey) -> None:
    """With each other, with a process that comes new, and with what their watchers were told; and nobody has anything left to send."""
    machine = type("Machine", (Boards,), {"server": valkey})
    run_state_machine_as_test(machine, settings=settings(max_examples=60, stateful_step_count=30, deadline=None, derandomize=True))

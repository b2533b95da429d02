"""RedisBoard over a real Valkey, looked at step by step: what stands, what is sent, what a loss leaves."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from proxy.core.tasks import TaskSupervisor
from proxy.storage.hot.redis_board import AT_ONCE, WHOLE_EVERY_S, RedisBoard
from tests.support.clock import FakeClock
from tests.support.eventually import eventually
from tests.support.flaky_hot import FlakyHot
from tests.support.hot import opened
from tests.support.valkey import Valkey

KEY = "test:{board}:le1"


@pytest.fixture(scope="module")
def shared() -> Iterator[Valkey]:
    with Valkey() as server:
        yield server


@pytest.fixture
def valkey(shared: Valkey) -> Valkey:
    shared.command("FLUSHALL")
    return shared


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


class Side:
    """One process: its board, polled by hand, and its way to Redis."""

    def __init__(self, board: RedisBoard, hot: FlakyHot) -> None:
        self.board = board
        self.hot = hot
        self.told: list[tuple[str, bytes | None]] = []
        board.watch("", lambda field, value: self.told.append((field, value)))

    async def sync(self) -> bool:
        """One look, and until what it sends is settled."""
        answered = await self.board.sync()
        await self.sent()
        return answered

    async def sent(self) -> None:
        await asyncio.sleep(0)
        await eventually(lambda: self.board._sending is None and not self.board._flush_due)


Make = Callable[[str], Side]


@pytest.fixture
async def make(valkey: Valkey, clock: FakeClock) -> AsyncIterator[Make]:
    boards: list[RedisBoard] = []
    async with opened(valkey.url) as hot:
        tasks = TaskSupervisor()

        def made(name: str) -> Side:
            way = FlakyHot(hot)
            boards.append(RedisBoard(way, clock, tasks, key=KEY, writer=name))
            return Side(boards[-1], way)

        yield made
        for board in boards:
            await board.close()
        await tasks.close()


async def test_a_write_goes_out_at_once_and_is_seen_by_the_next_look(make: Make) -> None:
    """Those of one loop tick in one script, bytes of any kind."""
    here, there = make("here"), make("there")
    here.board.put("a", b"\x00 \r\n", 60)
    here.board.put("b", b"", 60)
    await here.sent()
    assert len(here.hot.commands) == 1
    assert await there.sync()
    assert there.board.items("") == {"a": b"\x00 \r\n", "b": b""}
    assert there.told == [("a", b"\x00 \r\n"), ("b", b"")]


async def test_nothing_new_costs_one_small_command(make: Make) -> None:
    """HGET of the head; own writes are not fetched back; one change brings that field alone."""
    here, there = make("here"), make("there")
    here.board.put("a", b"1", 60)
    await here.sent()
    for side in (here, there):
        assert await side.sync()
    del here.hot.commands[:], there.hot.commands[:]
    here.board.put("b", b"2", 60)
    await here.sent()
    assert await here.sync()
    assert [c[0] for c in here.hot.commands] == ["EVAL", "HGET"]
    assert await there.sync()
    assert await there.sync()
    assert [c[0] for c in there.hot.commands] == ["HGET", "EVAL", "HGET"]
    assert there.board.items("") == {"a": b"1", "b": b"2"}


async def test_the_last_writer_wins_whoever_is_first_at_redis(make: Make, clock: FakeClock) -> None:
    """A write made before another and sent after it changes nothing."""
    early, late = make("early"), make("late")
    await early.sync()
    await late.sync()
    early.hot.fault = "down"
    early.board.put("a", b"old", 60)
    clock.advance(5)
    late.board.put("a", b"new", 60)
    await late.sent()
    assert early.board.get("a") == b"old"
    early.hot.fault = None
    assert await early.sync()
    assert early.board.get("a") == b"new"
    await late.sync()
    assert late.board.get("a") == b"new"
    assert late.told == [("a", b"new")]


async def test_equal_versions_are_decided_the_same_way_for_all(make: Make, clock: FakeClock) -> None:
    """By the writer's name, whichever comes first."""
    for first, second in (("x", "y"), ("y", "x")):
        one, two = make(first), make(second)
        for side in (one, two):
            side.board.put(f"{first}{second}", side.board._writer.encode(), 60)
        assert {side.board._version for side in (one, two)} == {int(clock.time() * 1000)}
        await one.sent()
        await two.sent()
        for side in (one, two):
            await side.sync()
            assert side.board.get(f"{first}{second}") == b"y"


async def test_a_write_that_saw_another_wins_although_its_clock_is_behind(make: Make, valkey: Valkey) -> None:
    """Versions are above all seen."""
    ahead = make("ahead")
    ahead.board._version = 9_000_000_000_000
    ahead.board.put("a", b"1", 60)
    await ahead.sent()
    behind = make("behind")
    await behind.sync()
    behind.board.put("a", b"2", 60)
    await behind.sent()
    await ahead.sync()
    assert ahead.board.get("a") == b"2"


async def test_the_longest_of_lengthening_writes_stays(make: Make) -> None:
    """Whatever the order of writing and of sending; a plain write shortens for all."""
    one, two = make("one"), make("two")
    one.board.put_longer("a", b"long", 60)
    two.board.put_longer("a", b"short", 30)
    assert two.board.get("a") == b"short"
    await one.sent()
    await two.sent()
    assert two.board.get("a") == b"long"
    assert not two.board.put_longer("a", b"short", 30)
    two.board.put("a", b"plain", 10)
    await two.sent()
    assert await one.sync()
    assert one.board.get("a") == b"plain"
    assert one.board.put_longer("a", b"again", 20)
    await one.sent()
    await two.sync()
    assert two.board.get("a") == b"again"


async def test_a_lengthening_write_does_not_undo_a_later_drop(make: Make, clock: FakeClock) -> None:
    """Though it lasts longer."""
    early, late = make("early"), make("late")
    early.hot.fault = "down"
    early.board.put_longer("a", b"1", 60)
    clock.advance(1)
    late.board.drop("a")
    await late.sent()
    early.hot.fault = None
    await early.sync()
    assert early.board.get("a") is None


async def test_what_a_plain_write_overruled_stays_so(make: Make, clock: FakeClock) -> None:
    """A process that knows only the long one finds a shorter one made since, and does not set it right; nor does a late sender."""
    one, away = make("one"), make("away")
    one.board.put_longer("a", b"long", 600)
    await one.sent()
    away.hot.fault = "down"
    away.board.put_longer("a", b"late", 900)
    clock.advance(1)
    two = make("two")
    await two.sync()
    two.board.drop("a")
    await two.sent()
    two.board.put_longer("a", b"short", 30)
    await two.sent()
    away.hot.fault = None
    for side in (one, away, two):
        await side.sync()
        assert side.board.get("a") == b"short"


async def test_a_plain_and_a_lengthening_write_of_one_tick_both_count(make: Make) -> None:
    """The plain one shortens what Redis has, the other lengthens that."""
    one, two = make("one"), make("two")
    one.board.put_longer("a", b"1", 60)
    await one.sent()
    await two.sync()
    two.board.put("a", b"2", 1)
    two.board.put_longer("a", b"3", 5)
    two.board.put_longer("a", b"4", 10)
    await two.sent()
    await one.sync()
    assert one.board.get("a") == b"4"


async def test_an_older_write_cannot_bring_back_what_was_replaced(make: Make, clock: FakeClock, valkey: Valkey) -> None:
    """By something shorter that is over: a process that knows the old value only does not publish it again."""
    one, away = make("one"), make("away")
    one.board.put("a", b"old", 600)
    await one.sent()
    await away.sync()
    away.hot.fault = "down"
    one.board.put("a", b"new", 0.05)
    await one.sent()
    await asyncio.sleep(0.1)
    clock.advance(0.1)
    assert one.board.get("a") is None
    assert away.board.get("a") == b"old"
    away.hot.fault = None
    await away.sync()
    assert away.board.get("a") is None
    fresh = make("fresh")
    await fresh.sync()
    assert fresh.board.items("") == {}


async def test_nor_what_was_replaced_by_somebody_who_did_not_know_it(make: Make, clock: FakeClock) -> None:
    """Redis remembers how long the old value would have lasted."""
    one, away = make("one"), make("away")
    one.board.put("a", b"old", 600)
    await one.sent()
    await away.sync()
    away.hot.fault = "down"
    clock.advance(1)
    unaware = make("unaware")
    unaware.board.put("a", b"new", 0.05)
    await unaware.sent()
    await asyncio.sleep(0.1)
    away.hot.fault = None
    await away.sync()
    assert away.board.get("a") is None or away.board.get("a") == b"new"
    fresh = make("fresh")
    await fresh.sync()
    assert fresh.board.items("") == {}


async def test_while_redis_is_lost_what_is_known_stays_until_its_time_is_over(make: Make, clock: FakeClock) -> None:
    """Own writes count, and go out when it is back."""
    one, two = make("one"), make("two")
    one.board.put("a", b"1", 0.1)
    one.board.put("b", b"1", 600)
    await one.sent()
    await two.sync()
    one.hot.fault = two.hot.fault = "down"
    assert not await two.sync()
    two.board.put("c", b"2", 600)
    assert two.board.items("") == {"a": b"1", "b": b"1", "c": b"2"}
    clock.advance(0.1)
    assert two.board.items("") == {"b": b"1", "c": b"2"}
    await asyncio.sleep(0.1)
    one.hot.fault = two.hot.fault = None
    await two.sync()
    await one.sync()
    assert one.board.items("") == {"b": b"1", "c": b"2"}


async def test_a_write_whose_answer_was_lost_is_sent_again(make: Make) -> None:
    """It may or may not have run; either way it stands in the end, and nobody is told twice."""
    one, two = make("one"), make("two")
    await two.sync()
    one.hot.fault = "deaf"
    one.board.put("a", b"1", 60)
    await one.sent()
    await two.sync()
    one.hot.fault = None
    await one.sync()
    await two.sync()
    assert one.board.get("a") == two.board.get("a") == b"1"
    assert two.told == one.told == [("a", b"1")]
    assert not one.board._pending


async def test_a_flushed_redis_gets_everything_again(make: Make, valkey: Valkey) -> None:
    """Others' fields too, as their author may be gone; what was dropped stays dropped."""
    one, two = make("one"), make("two")
    one.board.put("a", b"1", 60)
    one.board.put("gone", b"1", 60)
    await one.sent()
    await two.sync()
    two.board.put("b", b"2", 60)
    two.board.drop("gone")
    await two.sent()
    valkey.command("FLUSHALL")
    await two.sync()
    late = make("late")
    await late.sync()
    assert late.board.items("") == {"a": b"1", "b": b"2"}
    await one.sync()
    assert one.board.items("") == {"a": b"1", "b": b"2"}
    assert ("gone", None) in one.told


async def test_a_flush_right_after_the_first_write_is_noticed(make: Make, valkey: Valkey) -> None:
    """The process had looked at an empty Redis, and looks at an empty one again."""
    one, two = make("one"), make("two")
    await one.sync()
    one.board.put("a", b"1", 60)
    await one.sent()
    valkey.command("FLUSHALL")
    await one.sync()
    await two.sync()
    assert two.board.get("a") == b"1"


async def test_a_redis_that_went_back_is_put_right(make: Make, valkey: Valkey) -> None:
    """A failover to a replica that lacked the last writes; others have written since, so the number is higher, and yet some are missing."""
    one, two = make("one"), make("two")
    one.board.put("a", b"1", 60)
    one.board.put_longer("l", b"1", 10)
    await one.sent()
    await two.sync()
    before = {name: valkey.command("HGET", KEY, name).split(b"\r\n", 1)[1][:-2] for name in ("@", "a", "l")}
    one.board.put("a", b"2", 60)
    one.board.put_longer("l", b"2", 100)
    one.board.put("b", b"1", 60)
    await one.sent()
    assert await one.sync()
    for name, record in before.items():
        valkey.command("HSET", KEY, name, record)
    valkey.command("HDEL", KEY, "b")
    for number in range(9):
        two.board.put(f"n{number}", b"", 60)
        await two.sent()
    one.hot.fault = "down"
    assert not await one.sync()
    one.hot.fault = None
    await one.sync()
    await two.sync()
    for side in (one, two):
        assert {name: side.board.get(name) for name in ("a", "b", "l")} == {"a": b"2", "b": b"1", "l": b"2"}
        assert len(side.board.items("n")) == 9


async def test_everything_is_looked_at_now_and_then(make: Make, clock: FakeClock, valkey: Valkey) -> None:
    """Whatever happened to the hash in between; what nobody needs any more is cleared away then."""
    one = make("one")
    await one.sync()
    one.board.put("a", b"1", 600)
    one.board.put("short", b"1", 0.02)
    await one.sent()
    await one.sync()
    valkey.command("HDEL", KEY, "a")
    await one.sync()
    assert b"a\r\n" not in valkey.command("HGETALL", KEY)
    await asyncio.sleep(0.05)
    clock.advance(WHOLE_EVERY_S)
    await one.sync()
    assert b"\r\na\r\n" in valkey.command("HGETALL", KEY)
    assert b"short" not in valkey.command("HGETALL", KEY)


async def test_more_than_one_script_takes_go_out_in_several(make: Make, valkey: Valkey) -> None:
    """None is forgotten."""
    one, two = make("one"), make("two")
    for number in range(AT_ONCE * 2 + 1):
        one.board.put(f"f{number}", b"1", 60)
    await one.sent()
    assert len(one.hot.commands) == 3
    await two.sync()
    assert len(two.board.items("")) == AT_ONCE * 2 + 1


async def test_fields_of_an_unknown_form_are_left_alone(make: Make, valkey: Valkey, caplog: pytest.LogCaptureFixture) -> None:
    """Somebody else's, or a later version's: told once in the log, nothing else is lost over it."""
    valkey.command("HSET", KEY, "@", "history 3")
    valkey.command("HSET", KEY, "later", "v2|whatever", "\udcff".encode(errors="surrogateescape"), "x", "number", "7 x w p 1 2 v")
    one = make("one")
    one.board.put("a", b"1", 60)
    await one.sent()
    assert await one.sync()
    assert await one.sync()
    assert one.board.items("") == {"a": b"1"}
    assert valkey.command("HGET", KEY, "later") == b"$11\r\nv2|whatever\r\n"
    assert [r.getMessage() for r in caplog.records if r.levelname == "WARNING"] == ["the shared board is not whole"]


async def test_a_key_of_another_type_is_said_and_stops_nothing(make: Make, valkey: Valkey, caplog: pytest.LogCaptureFixture) -> None:
    """Own facts count here; when the key is free they go out."""
    valkey.command("SET", KEY, "x")
    one = make("one")
    assert not await one.sync()
    one.board.put("a", b"1", 60)
    await one.sent()
    assert one.board.get("a") == b"1"
    valkey.command("DEL", KEY)
    await one.sync()
    two = make("two")
    await two.sync()
    assert two.board.get("a") == b"1"
    (record,) = [r for r in caplog.records if r.levelname == "WARNING"]
    assert "WRONGTYPE" in str(vars(record))


async def test_a_full_redis_takes_the_writes_later(make: Make, valkey: Valkey) -> None:
    """OOM for the script; reading goes on."""
    one = make("one")
    await one.sync()
    valkey.command("CONFIG", "SET", "maxmemory", "1")
    try:
        one.board.put("a", b"1", 60)
        await one.sent()
        assert await one.sync()
        assert one.board.get("a") == b"1"
    finally:
        valkey.command("CONFIG", "SET", "maxmemory", "0")
    await one.sync()
    two = make("two")
    await two.sync()
    assert two.board.get("a") == b"1"


async def test_a_look_does_not_put_back_what_waits_to_be_sent(make: Make, valkey: Valkey) -> None:
    """Redis takes no writes, and has an older value of the field: here it is the newer one that counts."""
    one, two = make("one"), make("two")
    two.board.put("a", b"old", 600)
    await two.sent()
    await one.sync()
    valkey.command("CONFIG", "SET", "maxmemory", "1")
    try:
        one.board.put("a", b"new", 60)
        await one.sent()
        two.hot.fault = "down"
        history = valkey.command("HGET", KEY, "@").split(b"\r\n")[1].split(b" ")[0]
        valkey.command("HSET", KEY, "@", history + b" 9", "a", b"9 1 w 1 9000000000000 9000000000000 older")
        assert await one.sync()
        assert one.board.get("a") == b"new"
    finally:
        valkey.command("CONFIG", "SET", "maxmemory", "0")
    await one.sync()
    two.hot.fault = None
    await two.sync()
    assert two.board.get("a") == b"new"


async def test_own_writes_do_not_hide_others(make: Make) -> None:
    """Two write before either looks: each has both after its next look."""
    one, two = make("one"), make("two")
    await one.sync()
    await two.sync()
    one.board.put("a", b"1", 60)
    await one.sent()
    await one.sync()
    await two.sync()
    one.board.put("b", b"1", 60)
    await one.sent()
    two.board.put("c", b"1", 60)
    await two.sent()
    for side in (one, two):
        await side.sync()
        assert side.board.items("") == {"a": b"1", "b": b"1", "c": b"1"}


async def test_a_closing_board_sends_what_it_still_has(valkey: Valkey, clock: FakeClock) -> None:
    """And one that was opened polls by itself until then."""
    tasks = TaskSupervisor()
    async with opened(valkey.url) as hot:
        one, two = RedisBoard(hot, clock, tasks, key=KEY), RedisBoard(hot, clock, tasks, key=KEY)
        await two.open()
        assert tasks.names() == ["board"]
        one.put("a", b"1", 60)
        await one.close()
        await eventually(lambda: two.get("a") == b"1")
        await two.close()
        assert len(tasks) == 0


async def test_closing_while_redis_is_lost_is_quick(make: Make) -> None:
    """What is pending is lost with the process."""
    one = make("one")
    one.hot.fault = "down"
    one.board.put("a", b"1", 60)
    async with asyncio.timeout(1):
        await one.board.close()

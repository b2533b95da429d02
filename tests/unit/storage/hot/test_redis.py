"""RedisHot against a scripted server: batching, time-outs, breaker, healing, closing."""

import asyncio
import time
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from proxy.core.tasks import TaskSupervisor
from proxy.storage.hot.base import LinkState, RedisDown, RedisRefused
from proxy.storage.hot.breaker import Breaker
from proxy.storage.hot.redis import RedisHot
from tests.support import hot as hot_store
from tests.support.eventually import PATIENT_S, eventually
from tests.support.resp_server import DROP, Command, RespServer, login_ok
from tests.support.valkey import free_port


def echo_key(command: Command) -> bytes | None:
    return b"$%d\r\n%s\r\n" % (len(command[1]), command[1]) if command[0] == b"GET" else login_ok(command)


def opened(url: str, **options: Any) -> AbstractAsyncContextManager[RedisHot]:
    """With probes so frequent that no test waits for one."""
    return hot_store.opened(url, **{"breaker": Breaker(first_wait_s=0.05, longest_wait_s=0.1), **options})


async def outcome(future: "asyncio.Future[Any]") -> Any:
    return (await asyncio.gather(future, return_exceptions=True))[0]


async def test_commands_of_one_tick_go_out_together() -> None:
    """64 look-ups at once are one write and reach the server as one read."""
    async with RespServer(echo_key) as server, opened(server.url) as hot:
        del server.reads[:]
        keys = [f"key-{i}" for i in range(64)]
        assert await asyncio.gather(*map(hot.get, keys)) == [key.encode() for key in keys]
        assert server.reads == [64]
        assert (hot.batches_sent, hot.commands_sent) == (1, 64)


async def test_commands_of_different_ticks_do_not_wait_for_each_other() -> None:
    """A second write leaves while the first is unanswered."""
    async with RespServer(echo_key) as server, opened(server.url) as hot:
        server.gate.clear()
        first = hot.get("a")
        await asyncio.sleep(0)
        second = hot.get("b")
        await asyncio.sleep(0)
        await eventually(lambda: hot.batches_sent == 2)
        server.gate.set()
        assert (await first, await second) == (b"a", b"b")


async def test_at_most_so_many_writes_are_in_flight() -> None:
    """What comes on top gathers and goes out as one when there is room."""
    async with RespServer(echo_key) as server, opened(server.url, max_in_flight=2) as hot:
        server.gate.clear()
        futures = []
        for i in range(10):
            futures.append(hot.get(f"{i}"))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        assert hot.batches_sent == 2
        server.gate.set()
        assert await asyncio.gather(*futures) == [b"%d" % i for i in range(10)]
        assert hot.batches_sent == 3


async def test_every_command_has_its_spelling() -> None:
    """As the server sees them."""
    async with RespServer() as server, opened(server.url) as hot:
        del server.commands[:]
        await asyncio.gather(
            hot.get("k"),
            hot.set("k", b"v"),
            hot.set(b"k", "v", 1.5),
            hot.set("k", "v", 0.0001),
            hot.delete("a", b"b"),
            hot.eval("return 1", ("k1", "k2"), ("a", 2, 0.5)),
            hot.execute("INCRBY", "n", 3),
        )
        assert server.commands == [
            (b"GET", b"k"),
            (b"SET", b"k", b"v"),
            (b"SET", b"k", b"v", b"PX", b"1500"),
            (b"SET", b"k", b"v", b"PX", b"1"),
            (b"UNLINK", b"a", b"b"),
            (b"EVAL", b"return 1", b"2", b"k1", b"k2", b"a", b"2", b"0.5"),
            (b"INCRBY", b"n", b"3"),
        ]


async def test_an_error_reply_is_no_failure_of_the_server() -> None:
    """READONLY, OOM and the like fail their command and leave the breaker closed, however many come."""

    def full(command: Command) -> bytes | None:
        return b"-OOM command not allowed\r\n" if command[0] == b"SET" else login_ok(command)

    async with RespServer(full) as server, opened(server.url) as hot:
        for _ in range(5):
            with pytest.raises(RedisRefused, match="OOM"):
                await hot.set("k", "v")
        assert hot.available
        assert server.connections == 1


async def test_no_answer_is_redis_down_after_the_time_out() -> None:
    """Every command of the batch; late replies go to nobody; one time-out is not yet an outage."""
    async with RespServer(echo_key) as server, opened(server.url, op_timeout_s=0.1) as hot:
        server.gate.clear()
        began = asyncio.get_running_loop().time()
        for result in await asyncio.gather(hot.get("a"), hot.get("b"), return_exceptions=True):
            assert isinstance(result, RedisDown)
            assert "no answer within 100 ms" in result.message
        assert asyncio.get_running_loop().time() - began >= 0.1
        assert hot.state == "closed"
        server.gate.set()
        assert await hot.get("c") == b"c"
        assert server.connections == 1


async def test_a_loop_that_was_held_up_does_not_blame_the_server() -> None:
    """150 ms of somebody's computing, with replies waiting in the socket: no time-out."""
    async with RespServer(echo_key) as server, opened(server.url, op_timeout_s=0.05) as hot:
        futures = [hot.get("a")]
        await asyncio.sleep(0)
        futures.append(hot.get("b"))
        asyncio.get_running_loop().call_soon(time.sleep, 0.15)
        assert [await future for future in futures] == [b"a", b"b"]
        assert hot.state == "closed"


async def test_three_time_outs_open_the_breaker() -> None:
    """From then on commands fail before anything is awaited."""
    async with RespServer(echo_key) as server, opened(server.url, op_timeout_s=0.02, breaker=Breaker()) as hot:
        server.gate.clear()
        for _ in range(3):
            assert isinstance(await outcome(hot.get("a")), RedisDown)
        assert (hot.state, hot.available) == ("open", False)
        failed = hot.get("a")
        assert failed.done()
        assert isinstance(failed.exception(), RedisDown)


async def test_a_slow_server_opens_the_breaker_although_it_answers_in_the_end() -> None:
    """Replies after the time-out are no successes."""
    async with RespServer(echo_key) as server, opened(server.url, op_timeout_s=0.02, breaker=Breaker()) as hot:
        for _ in range(3):
            server.gate.clear()
            assert isinstance(await outcome(hot.get("a")), RedisDown)
            assert hot.state == "open" or hot.connected
            server.gate.set()
            await asyncio.sleep(0.01)
        assert hot.state == "open"


async def test_a_stalled_server_that_recovers_is_found_by_the_probe() -> None:
    """Nobody has to ask for it, and every change of state is told."""
    states: list[LinkState] = []
    async with RespServer(echo_key) as server, opened(server.url, op_timeout_s=0.02, connect_timeout_s=0.05, on_state=states.append) as hot:
        server.gate.clear()
        while hot.available:
            await outcome(hot.get("a"))
        await eventually(lambda: states.count("half_open") >= 2)
        server.gate.set()
        await eventually(lambda: hot.available)
    assert states[:3] == ["open", "half_open", "open"]
    assert states[-2:] == ["half_open", "closed"]


async def test_a_lost_connection_is_made_anew_at_once() -> None:
    """Commands in flight fail, those issued meanwhile wait for the new connection and pass."""
    async with RespServer(echo_key) as server, opened(server.url) as hot:
        server.gate.clear()
        doomed = hot.get("a")
        await eventually(lambda: hot.batches_sent == 1)
        server.drop_all()
        assert isinstance(await outcome(doomed), RedisDown)
        server.gate.set()
        assert hot.available
        assert await hot.get("b") == b"b"
        assert server.connections == 2
        assert hot.state == "closed"


async def test_a_server_that_hangs_up_on_every_command_is_not_hammered() -> None:
    """A login resets the count, so the gap between attempts is what limits them."""
    async with RespServer(lambda command: DROP if command[0] == b"GET" else login_ok(command)) as server, opened(server.url) as hot:
        for _ in range(3):
            assert isinstance(await outcome(hot.get("a")), RedisDown)
        assert server.connections <= 5


async def test_a_server_that_is_not_there_opens_the_breaker_soon() -> None:
    """Without waiting for anybody's command to fail; `open` says so."""
    tasks = TaskSupervisor()
    hot = RedisHot(f"redis://127.0.0.1:{free_port()}", tasks)
    waiting = asyncio.ensure_future(hot.open(wait_s=PATIENT_S))
    await asyncio.sleep(0)
    early = hot.get("a")
    assert not await waiting
    assert isinstance(await outcome(early), RedisDown)
    await eventually(lambda: hot.state == "open")
    assert not hot.connected
    await hot.close()
    await tasks.close()


async def test_nobody_waits_for_a_slow_connect() -> None:
    """Commands issued while connecting get their own time-out, three of which open the breaker; the connect goes on."""
    async with RespServer(echo_key) as server:
        server.gate.clear()
        tasks = TaskSupervisor()
        hot = RedisHot(server.url, tasks, op_timeout_s=0.02, connect_timeout_s=PATIENT_S)
        assert not await hot.open(wait_s=0.01)
        assert hot.available
        for _ in range(3):
            assert isinstance(await outcome(hot.get("a")), RedisDown)
        assert isinstance(hot.get("a").exception(), RedisDown)
        server.gate.set()
        await eventually(lambda: hot.connected and hot.state == "closed")
        assert await hot.get("a") == b"a"
        await hot.close()
        await tasks.close()


async def test_a_loading_server_counts_as_down_until_it_has_loaded() -> None:
    """Its answer to the login's PING says so."""

    def loading(command: Command) -> bytes | None:
        return b"-LOADING Redis is loading the dataset in memory\r\n" if command[0] == b"PING" else echo_key(command)

    async with RespServer(loading) as server, opened(server.url) as hot:
        await eventually(lambda: hot.state == "open")
        assert "LOADING" in str(hot.get("a").exception())
        server.answer = echo_key
        await eventually(lambda: hot.available)
        assert await hot.get("a") == b"a"


async def test_a_connection_lost_between_login_and_use_is_noticed() -> None:
    """The server answers the login and hangs up in the same breath, twice; then it stays."""
    hang_ups = iter([DROP, DROP])

    def answer(command: Command) -> bytes | None:
        return b"+PONG\r\n" + next(hang_ups, b"") if command[0] == b"PING" else echo_key(command)

    async with RespServer(answer) as server, opened(server.url) as hot:
        await eventually(lambda: server.connections == 3)
        assert await hot.get("a") == b"a"


async def test_a_stall_is_found_without_traffic() -> None:
    """By the PINGs of the background task, so that the state is true for whoever looks."""
    async with RespServer(echo_key) as server, opened(server.url, op_timeout_s=0.02, ping_every_s=0.01, connect_timeout_s=0.05) as hot:
        await eventually(lambda: server.commands.count((b"PING",)) >= 3)
        assert hot.state == "closed"
        server.gate.clear()
        await eventually(lambda: hot.state == "open")


async def test_what_is_queued_is_bounded_in_bytes() -> None:
    """Over the bound a command fails at once and alone; answered ones make room."""
    async with RespServer(echo_key) as server, opened(server.url, max_queued_bytes=1000) as hot:
        server.gate.clear()
        kept = hot.set("k", "x" * 600)
        refused = hot.set("k", "x" * 600)
        assert "too much is queued" in str(refused.exception())
        server.gate.set()
        assert await kept == b"OK"
        assert await hot.set("k", "x" * 600) == b"OK"


async def test_room_is_given_back_however_a_command_ends() -> None:
    """Time-outs, lost connections and refused connects leak nothing of the byte bound."""
    async with RespServer(echo_key) as server, opened(server.url, op_timeout_s=0.05, max_queued_bytes=1000) as hot:
        for _ in range(4):
            server.gate.clear()
            await outcome(hot.set("k", "x" * 600))
            server.drop_all()
            await asyncio.sleep(0)
            server.gate.set()
            await eventually(lambda: hot.connected)
        assert await hot.set("k", "x" * 900) == b"OK"


async def test_a_full_socket_delays_and_loses_nothing() -> None:
    """More than the buffers hold, sent while the server reads nothing."""
    async with RespServer(echo_key) as server, opened(server.url) as hot:
        server.gate.clear()
        futures: list[asyncio.Future[Any]] = []
        for i in range(8):
            futures += [hot.set("k", "x" * 2_000_000), hot.get(f"{i}")]
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        assert hot.batches_sent < 8
        server.gate.set()
        assert (await asyncio.gather(*futures))[1::2] == [b"%d" % i for i in range(8)]


async def test_a_cancelled_caller_disturbs_nobody() -> None:
    """Its neighbour in the same batch gets its own reply."""
    async with RespServer(echo_key) as server, opened(server.url) as hot:
        gone = hot.get("gone")
        stays = hot.get("stays")
        gone.cancel()
        assert await stays == b"stays"


async def test_before_open_and_after_close_commands_fail() -> None:
    """At once, as with any other outage."""
    async with RespServer() as server:
        tasks = TaskSupervisor()
        hot = RedisHot(server.url, tasks)
        assert "not opened" in str(hot.get("a").exception())
        assert not hot.available
        await hot.open()
        await hot.close()
        assert "closed" in str(hot.get("a").exception())
        assert len(tasks) == 0


async def test_closing_unopened_is_nothing() -> None:
    """A start that fails half-way closes what it made."""
    await RedisHot("redis://localhost", TaskSupervisor()).close()


async def test_closing_sends_what_was_issued() -> None:
    """A write that nobody awaits is not lost."""
    async with RespServer() as server:
        async with opened(server.url) as hot:
            future = hot.set("k", "v")
        assert future.result() == b"OK"
        assert (b"SET", b"k", b"v") in server.commands


async def test_closing_waits_no_longer_than_the_time_out() -> None:
    """A stalled server does not hold up a shutdown."""
    async with RespServer() as server:
        async with opened(server.url, op_timeout_s=0.05) as hot:
            server.gate.clear()
            future = hot.set("k", "v")
        assert isinstance(future.exception(), RedisDown)


async def test_closing_while_down_is_quick() -> None:
    """The background task sleeps until its next probe; it does not finish its sleep."""
    async with asyncio.timeout(PATIENT_S), opened(f"redis://127.0.0.1:{free_port()}", breaker=Breaker(first_wait_s=1000)) as hot:
        await eventually(lambda: hot.state == "open")


async def test_labels_and_errors_show_no_credentials() -> None:
    """Not even when they are wrong."""
    refuse = b"-WRONGPASS invalid username-password pair\r\n"
    async with RespServer(lambda command: refuse if command[0] == b"AUTH" else login_ok(command)) as server:
        async with opened(f"redis://ann:hunter2@localhost:{server.port}") as hot:
            await eventually(lambda: not hot.available)
            message = str(hot.get("a").exception())
        assert "WRONGPASS" in message
        assert "hunter2" not in message + hot.label + repr(hot)


@pytest.mark.parametrize("url", ["http://cache", "redis://cache/x"])
def test_a_wrong_url_is_a_value_error(url: str) -> None:
    """At construction, so that a start fails with its reason."""
    with pytest.raises(ValueError):
        RedisHot(url, TaskSupervisor())

"""One connection, against a scripted server: order, faults, login."""

import asyncio
import ssl
from collections.abc import Sequence

import pytest
import trustme

from proxy.storage.hot.address import parse_address
from proxy.storage.hot.base import RedisDown, RedisRefused
from proxy.storage.hot.link import Batch, RedisLink, connect, pack
from tests.support.eventually import eventually
from tests.support.resp_server import Command, RespServer, login_ok
from tests.support.valkey import free_port


class Owner:
    """Remembers what the link tells."""

    def __init__(self) -> None:
        self.answered: list[Batch] = []
        self.progress = 0
        self.lost: list[RedisLink] = []

    def link_progress(self, link: RedisLink, answered: list[Batch]) -> None:
        self.progress += 1
        self.answered += answered

    def link_lost(self, link: RedisLink) -> None:
        self.lost.append(link)


async def linked(url: str, owner: Owner | None = None, timeout_s: float = 5.0) -> RedisLink:
    address = parse_address(url)
    return await connect(address, address.ssl_context(), owner or Owner(), timeout_s=timeout_s)


def send(link: RedisLink, *commands: Sequence[str | int]) -> Batch:
    batch = Batch(0.0)
    for command in commands:
        batch.add(pack(tuple(command)), asyncio.get_running_loop().create_future())
    link.send(batch)
    return batch


def echo_key(command: Command) -> bytes | None:
    return b"$%d\r\n%s\r\n" % (len(command[1]), command[1]) if command[0] == b"GET" else login_ok(command)


async def test_a_login_names_the_connection_and_pings() -> None:
    """Without password and database that is all."""
    async with RespServer() as server:
        link = await linked(server.url)
        link.close()
        assert server.commands == [(b"CLIENT", b"SETNAME", b"llm-edge"), (b"PING",)]
        assert server.reads == [2]


async def test_a_login_authenticates_and_selects_first() -> None:
    """All in one write."""
    async with RespServer() as server:
        link = await linked(f"redis://ann:pw@localhost:{server.port}/3")
        link.close()
        assert server.commands[:2] == [(b"AUTH", b"ann", b"pw"), (b"SELECT", b"3")]
        assert server.reads == [4]


@pytest.mark.parametrize(
    ("refused", "reply"),
    [
        (b"AUTH", b"-WRONGPASS invalid username-password pair\r\n"),
        (b"SELECT", b"-ERR DB index is out of range\r\n"),
        (b"SELECT", b"-NOPERM no select for you\r\n"),
        (b"PING", b"-LOADING Redis is loading the dataset in memory\r\n"),
    ],
)
async def test_a_refused_login_is_redis_down(refused: bytes, reply: bytes) -> None:
    """With the server's reason and without the password; the connection is closed."""
    async with RespServer(lambda command: reply if command[0] == refused else login_ok(command)) as server:
        with pytest.raises(RedisDown) as caught:
            await linked(f"redis://ann:hunter2@localhost:{server.port}/1")
        assert reply[1:-2].decode() in caught.value.message
        assert "hunter2" not in caught.value.message


@pytest.mark.parametrize(
    ("refused", "reply"),
    [(b"CLIENT", b"-ERR unknown subcommand\r\n"), (b"PING", b"-NOPERM this user has no permissions to run the 'ping' command\r\n")],
)
async def test_refusals_that_do_not_matter_are_let_pass(refused: bytes, reply: bytes) -> None:
    """An old server without CLIENT SETNAME, an ACL without PING."""
    async with RespServer(lambda command: reply if command[0] == refused else login_ok(command)) as server:
        link = await linked(server.url)
        assert link.writable
        link.close()


async def test_a_server_that_says_nothing_is_redis_down_in_time() -> None:
    """The time-out covers connect and login."""
    async with RespServer(lambda command: None) as server:
        with pytest.raises(RedisDown, match=r"no answer within 0\.05 s"):
            await linked(server.url, timeout_s=0.05)


async def test_a_server_that_hangs_up_during_login_is_redis_down() -> None:
    """Not a hang and not a foreign exception."""
    async with RespServer(lambda command: b"nonsense\r\n") as server:
        with pytest.raises(RedisDown, match="does not speak the Redis protocol"):
            await linked(server.url)


async def test_a_refused_connection_is_redis_down() -> None:
    """Nothing listens there."""
    with pytest.raises(RedisDown, match="redis://127"):
        await linked(f"redis://127.0.0.1:{free_port()}")


async def test_an_unknown_host_is_redis_down() -> None:
    """Name resolution fails like a connect. Source: RFC 6761 reserves .invalid, read 2026-11-22."""
    with pytest.raises(RedisDown, match=r"nowhere\.invalid"):
        await linked("redis://nowhere.invalid")


async def test_a_missing_socket_file_is_redis_down() -> None:
    """Unix addresses fail alike."""
    with pytest.raises(RedisDown, match="unix:///nonexistent"):
        await linked("unix:///nonexistent/redis.sock")


async def test_a_cancelled_connect_leaves_no_connection() -> None:
    """Closing the gateway while a connect is under way."""
    async with RespServer(lambda command: None) as server:
        task = asyncio.ensure_future(linked(server.url))
        await eventually(lambda: bool(server.reads))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_replies_cut_at_every_byte_reach_their_commands_in_order() -> None:
    """Each byte in a segment of its own."""
    async with RespServer(echo_key, chunk=1) as server:
        owner = Owner()
        link = await linked(server.url, owner)
        batch = send(link, ("GET", "one"), ("GET", "zwei"), ("GET", "drei\r\n$"))
        assert await asyncio.gather(*batch.futures) == [b"one", b"zwei", b"drei\r\n$"]
        link.close()
        assert owner.answered[-1] is batch


async def test_reply_types_are_resp2s() -> None:
    """Integers, arrays, null, empty and simple strings."""
    replies = iter([b":7\r\n", b"*2\r\n$1\r\na\r\n*1\r\n:1\r\n", b"$-1\r\n", b"$0\r\n\r\n", b"+fine\r\n", b"*-1\r\n"])
    async with RespServer(lambda command: next(replies) if command[0] == b"X" else login_ok(command)) as server:
        link = await linked(server.url)
        batch = send(link, *[("X",)] * 6)
        assert await asyncio.gather(*batch.futures) == [7, [b"a", [1]], None, b"", b"fine", None]
        link.close()


async def test_an_error_reply_fails_its_own_command_only() -> None:
    """With the first word for code to look at, whether or not a connection-wide meaning hangs on it."""
    replies = iter(
        [b"+OK\r\n", b"-READONLY You can't write against a read only replica.\r\n", b"-NOAUTH Authentication required.\r\n", b":1\r\n"]
    )
    async with RespServer(lambda command: next(replies) if command[0] == b"X" else login_ok(command)) as server:
        link = await linked(server.url)
        first, second, third, fourth = await asyncio.gather(*send(link, *[("X",)] * 4).futures, return_exceptions=True)
        assert (first, fourth) == (b"OK", 1)
        assert isinstance(second, RedisRefused)
        assert isinstance(third, RedisRefused)
        assert (second.reply, third.reply) == ("READONLY", "NOAUTH")
        assert (second.status, second.code, second.retryable) == (503, "redis_refused", True)
        link.close()


async def test_a_callers_cancellation_moves_nobody_elses_reply() -> None:
    """The reply of a cancelled command is dropped in its place."""
    async with RespServer(echo_key) as server:
        link = await linked(server.url)
        batch = send(link, ("GET", "a"), ("GET", "b"), ("GET", "c"))
        batch.futures[1].cancel()
        assert await batch.futures[0] == b"a"
        assert await batch.futures[2] == b"c"
        link.close()


async def test_replies_to_a_failed_batch_are_dropped_in_their_place() -> None:
    """A time-out's late replies do not shift the next batch."""
    async with RespServer(echo_key) as server:
        link = await linked(server.url)
        server.gate.clear()
        late = send(link, ("GET", "a"), ("GET", "b"))
        late.fail("timed out")
        batch = send(link, ("GET", "c"))
        server.gate.set()
        assert await batch.futures[0] == b"c"
        for future in late.futures:
            with pytest.raises(RedisDown, match="timed out"):
                await future
        link.close()


@pytest.mark.parametrize("noise", [b"hello?\r\n", b"+OK\r\n+one too many\r\n"])
async def test_a_server_that_breaks_the_protocol_is_dropped(noise: bytes) -> None:
    """What is no RESP, and replies that nobody asked for: from there on no reply could be trusted."""
    async with RespServer(lambda command: noise if command[0] == b"X" else login_ok(command)) as server:
        owner = Owner()
        link = await linked(server.url, owner)
        send(link, ("X",))
        assert await link.lost == "the server does not speak the Redis protocol"
        assert not link.writable


async def test_a_lost_connection_fails_all_that_it_owed() -> None:
    """At once, not by time-out."""
    async with RespServer() as server:
        owner = Owner()
        link = await linked(server.url, owner)
        server.gate.clear()
        batch = send(link, ("GET", "a"), ("GET", "b"))
        server.drop_all()
        for future in batch.futures:
            with pytest.raises(RedisDown):
                await future
        assert link.lost.done()
        assert owner.lost == [link]
        with pytest.raises(RedisDown):
            link.send(Batch(0.0))
        link.close()
        link.abort("too late")


async def test_a_full_socket_stops_and_resumes_writing() -> None:
    """`writable` is False while the server reads nothing; the owner hears of the change."""
    async with RespServer() as server:
        owner = Owner()
        link = await linked(server.url, owner)
        server.gate.clear()
        while link.writable:
            send(link, ("SET", "key", "x" * 1_000_000))
        before = owner.progress
        server.gate.set()
        await eventually(lambda: link.writable)
        assert owner.progress > before
        link.abort("test is over")
        assert await link.lost == "test is over"
        for batch in link.batches:
            for future in batch.futures:
                future.exception()


async def test_tls_connections_are_verified() -> None:
    """With the right CA commands pass, without it there is no connection."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with RespServer(echo_key, tls=context) as server:
        link = await connect(parse_address(server.url), trusting, Owner(), timeout_s=5.0)
        assert await send(link, ("GET", "secret")).futures[0] == b"secret"
        link.close()
        with pytest.raises(RedisDown, match="CERTIFICATE_VERIFY_FAILED"):
            await linked(server.url)


@pytest.mark.parametrize("bad", [None, ["a"], True, object()])
def test_arguments_of_other_types_are_a_type_error(bad: object) -> None:
    """A caller's bug shows at the call."""
    with pytest.raises(TypeError):
        pack(("GET", bad))  # type: ignore[arg-type]

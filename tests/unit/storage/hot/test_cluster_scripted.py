"""A Redis Cluster as one hot store, against scripted nodes: what a real one shows only with luck."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
import trustme

from proxy.core.tasks import TaskSupervisor
from proxy.storage.hot.base import LinkState, RedisDown, RedisRefused
from proxy.storage.hot.breaker import Breaker
from proxy.storage.hot.cluster import RedisClusterHot
from proxy.storage.hot.redirects import MAX_REDIRECTS
from proxy.storage.hot.slots import slot_of
from tests.support.eventually import PATIENT_S, eventually
from tests.support.resp_server import Command, RespServer, login_ok
from tests.support.valkey import free_port

Answer = Callable[[Command], bytes | None]


class Node:
    """One scripted server; `special` is asked first, then it is a node that knows `slots` and holds nothing."""

    def __init__(self, server: RespServer) -> None:
        self.server = server
        self.slots = b"*0\r\n"
        self.special: Answer = lambda command: None
        server.answer = self.answer

    def answer(self, command: Command) -> bytes | None:
        if (reply := self.special(command)) is not None:
            return reply
        if command[0] == b"CLUSTER":
            return self.slots
        return b"$1\r\nx\r\n" if command[0] == b"GET" else login_ok(command)

    def count(self, name: bytes) -> int:
        return sum(command[0] == name for command in self.server.commands)


def table(*ranges: tuple[int, int, RespServer, bytes | None]) -> bytes:
    """`(first, last, its master, the host that the master is said to have)`."""
    reply = b"*%d\r\n" % len(ranges)
    for first, last, server, host in ranges:
        name = b"$-1\r\n" if host is None else b"$%d\r\n%s\r\n" % (len(host), host)
        reply += b"*3\r\n:%d\r\n:%d\r\n*2\r\n%s:%d\r\n" % (first, last, name, server.port)
    return reply


@asynccontextmanager
async def nodes(count: int, **options: Any) -> AsyncIterator[list[Node]]:
    """Each has an equal share of the slots, and all know it."""
    async with AsyncExitStack() as stack:
        made = [Node(await stack.enter_async_context(RespServer(**options))) for _ in range(count)]
        share(made)
        yield made


def share(made: list[Node], among: Iterable[Node] = ()) -> None:
    owners = list(among) or made
    bounds = [16384 * n // len(owners) for n in range(len(owners) + 1)]
    for node in made:
        node.slots = table(*((bounds[n], bounds[n + 1] - 1, owner.server, b"localhost") for n, owner in enumerate(owners)))


@asynccontextmanager
async def opened(made: list[Node], *, query: str = "", wait_s: float = PATIENT_S, **options: Any) -> AsyncIterator[RedisClusterHot]:
    tasks = TaskSupervisor()
    scheme = "rediss" if query else "redis"
    hosts = ",".join(f"localhost:{node.server.port}" for node in made)
    values = {"op_timeout_s": PATIENT_S, "breaker": lambda: Breaker(first_wait_s=0.05, longest_wait_s=0.1), **options}
    hot = RedisClusterHot(f"{scheme}+cluster://:hunter2@{hosts}{query}", tasks, **values)
    await hot.open(wait_s)
    try:
        yield hot
    finally:
        await hot.close()
        await tasks.close()


def key_of(node: int, count: int) -> str:
    """Of the share of this node."""
    low, high = 16384 * node // count, 16384 * (node + 1) // count
    return next(f"key-{n}" for n in range(10_000) if low <= slot_of(f"key-{n}") < high)


async def test_commands_of_one_tick_go_out_together_to_each_node() -> None:
    """One write a node, whatever the order."""
    async with nodes(2) as made, opened(made) as hot:
        for node in made:
            del node.server.reads[:]
        keys = [f"key-{n}" for n in range(64)]
        assert await asyncio.gather(*map(hot.get, keys)) == [b"x"] * 64
        assert [len(node.server.reads) for node in made] == [1, 1]
        assert sum(sum(node.server.reads) for node in made) == 64


@pytest.mark.parametrize("named", [b"", b"?"])
async def test_a_redirect_without_a_host_means_the_same_host(named: bytes) -> None:
    """As nodes with `cluster-preferred-endpoint-type unknown-endpoint` say it."""
    async with nodes(2) as made, opened(made) as hot:
        key, (one, two) = key_of(0, 2), made
        one.special = lambda c: b"-MOVED %d %s:%d\r\n" % (slot_of(c[1]), named, two.server.port) if c[0] == b"GET" else None
        assert await hot.get(key) == b"x"
        assert two.count(b"GET") == 1


@pytest.mark.parametrize("host", [None, b"", b"?"])
async def test_a_table_without_hosts_means_that_of_the_asked(host: bytes | None) -> None:
    """Likewise."""
    async with nodes(1) as made:
        (node,) = made
        node.slots = table((0, 16383, node.server, host))
        async with opened(made) as hot:
            assert hot.connected
            assert await hot.get("a") == b"x"


async def test_a_moved_slot_is_learnt_from_the_redirect() -> None:
    """Before the table is read again: the second command goes straight."""
    async with nodes(2) as made, opened(made) as hot:
        key, (one, two) = key_of(0, 2), made
        one.special = lambda c: b"-MOVED %d localhost:%d\r\n" % (slot_of(c[1]), two.server.port) if c[0] == b"GET" else None
        assert await hot.get(key) == b"x"
        assert await hot.get(key) == b"x"
        assert (one.count(b"GET"), two.count(b"GET")) == (1, 2)


async def test_a_redirected_command_ends_with_its_own_time_out() -> None:
    """Not with a new one for each node."""
    loop = asyncio.get_running_loop()
    async with nodes(2) as made, opened(made, op_timeout_s=0.2) as hot:
        key, (one, two) = key_of(0, 2), made
        redirect = b"-MOVED %d localhost:%d\r\n" % (slot_of(key), two.server.port)
        one.special = lambda c: redirect if c[0] == b"GET" else None
        one.server.gate.clear()
        two.server.gate.clear()
        began = loop.time()
        future = hot.get(key)
        loop.call_later(0.15, one.server.gate.set)
        with pytest.raises(RedisDown, match="redirects included"):
            await future
        assert 0.19 <= loop.time() - began < 0.34
        two.server.gate.set()
        await eventually(lambda: len(hot._redirects) == 0)


async def test_nodes_that_disagree_are_not_followed_for_ever() -> None:
    """Each says that the slot is the other's."""
    async with nodes(2) as made, opened(made) as hot:
        one, two = made
        for here, there in ((one, two), (two, one)):
            redirect = b"-MOVED 0 localhost:%d\r\n" % there.server.port
            here.special = lambda c, redirect=redirect: redirect if c[0] == b"GET" else None  # type: ignore[misc]
        with pytest.raises(RedisDown, match=f"redirected {MAX_REDIRECTS} times"):
            await hot.get("a")
        assert one.count(b"GET") + two.count(b"GET") == MAX_REDIRECTS + 1
        await eventually(lambda: len(hot._redirects) == 0)


async def test_a_slot_on_its_way_to_a_node_without_slots() -> None:
    """It is connected for that, stays while it is needed, and closes when the table is read long after; ASKING comes right before."""
    async with AsyncExitStack() as stack:
        one, two = made = await stack.enter_async_context(nodes(2))
        share(made, [one])
        hot = await stack.enter_async_context(opened(made[:1]))
        one.special = lambda c: b"-ASK %d localhost:%d\r\n" % (slot_of(c[1]), two.server.port) if c[0] == b"GET" else None
        assert list(await asyncio.gather(hot.get("a"), hot.get("b"))) == [b"x", b"x"]
        assert [c[0] for c in two.server.commands if c[0] in (b"GET", b"ASKING")] == [b"ASKING", b"GET"] * 2
        await hot._look()
        assert await hot.get("c") == b"x"
        assert two.server.connections == 1 + two.count(b"CLUSTER")
        assert one.count(b"GET") == 3
        hot._visited = dict.fromkeys(hot._visited, 0.0)
        await hot._look()
        await eventually(lambda: len(hot._nodes) == 1)


@pytest.mark.parametrize(
    "reply", [b"-TRYAGAIN Multiple keys request during rehashing of slot\r\n", b"-CLUSTERDOWN Hash slot not served\r\n"]
)
async def test_what_the_cluster_cannot_do_now_is_redis_down(reply: bytes) -> None:
    """With the server's word, and the table is read again."""
    async with nodes(1) as made, opened(made) as hot:
        (node,) = made
        asked = node.count(b"CLUSTER")
        node.special = lambda c: reply if c[0] == b"GET" else None
        with pytest.raises(RedisDown, match=reply[1:9].decode()):
            await hot.get("a")
        await eventually(lambda: node.count(b"CLUSTER") > asked)


async def test_other_refusals_are_the_commands_own() -> None:
    """Also a redirect that makes no sense."""
    async with nodes(1) as made, opened(made) as hot:
        for text in ("OOM command not allowed", "MOVED nowhere", "ASK 99999 h:1"):
            made[0].special = lambda c, text=text: b"-%s\r\n" % text.encode() if c[0] == b"GET" else None  # type: ignore[misc]
            with pytest.raises(RedisRefused, match=text.split()[0]):
                await hot.get("a")
        assert hot.available


async def test_a_slot_that_nobody_has_fails_alone() -> None:
    """The others are served; it is not `connected`, and half open."""
    async with nodes(1) as made:
        (node,) = made
        node.slots = table((0, 99, node.server, b"localhost"), (200, 16383, node.server, b"localhost"))
        async with opened(made, wait_s=0.5) as hot:
            lost = next(f"key-{n}" for n in range(100_000) if 100 <= slot_of(f"key-{n}") < 200)
            for command in (hot.get(lost), hot.set(lost, "v", 1), hot.execute("INCR", lost)):
                with pytest.raises(RedisDown, match="no node has this slot"):
                    await command
            assert await hot.get(key_of(0, 1)) == b"x"
            assert (hot.available, hot.connected, hot.state) == (True, False, "half_open")
            share(made)
            await eventually(lambda: hot.connected and hot.state == "closed")


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (b"-ERR This instance has cluster support disabled\r\n", "cluster support disabled"),
        (b"*0\r\n", "no slots"),
        (b"*1\r\n$3\r\nabc\r\n", "unknown form"),
        (b":5\r\n", "unknown form"),
    ],
)
async def test_a_server_that_gives_no_table_is_said(reply: bytes, reason: str, caplog: pytest.LogCaptureFixture) -> None:
    """Once in the log, and in each command's failure, without the password; it is asked again until it gives one."""
    async with nodes(1) as made:
        made[0].slots = reply
        states: list[LinkState] = []
        async with opened(made, wait_s=1, on_state=states.append) as hot:
            await eventually(lambda: states == ["open"])
            assert (hot.available, hot.connected, hot.state) == (False, False, "open")
            for command in (hot.get("a"), hot.set("a", "b"), hot.delete("a", "b"), hot.execute("PING"), hot.execute("DBSIZE")):
                with pytest.raises(RedisDown, match=reason) as failed:
                    await command
                assert "hunter2" not in failed.value.message
            for command in (hot.execute("SCAN", "0"), hot.execute("SCAN", "localhost:1/0"), hot.execute("INFO")):
                with pytest.raises(RedisDown):
                    await command
            share(made)
            await eventually(lambda: hot.connected)
            assert states == ["open", "closed"]
        assert [r.getMessage() for r in caplog.records] == ["the redis cluster is down"]
        assert "hunter2" not in caplog.text + str([vars(r) for r in caplog.records]) + hot.label


async def test_a_node_that_stalls_does_not_keep_the_table_from_being_read() -> None:
    """The next one is asked; replicas and the URL's nodes, too."""
    async with nodes(3) as made, opened(made[:2], connect_timeout_s=0.1, op_timeout_s=0.1, refresh_s=0.05) as hot:
        one, two, three = made
        one.server.gate.clear()
        share(made, [two, three])
        await eventually(lambda: three.server.connections > 0 and hot.connected)
        assert hot.state == "closed"
        one.server.gate.set()
        await eventually(lambda: len(hot._nodes) == 2)


async def test_a_lost_node_is_told_and_its_return_too() -> None:
    """Half open while it is gone, open when the last is gone."""
    states: list[LinkState] = []
    async with nodes(2) as made, opened(made, on_state=states.append, op_timeout_s=0.1, connect_timeout_s=0.1) as hot:
        one, two = made
        one.server.gate.clear()
        one.server.drop_all()
        await eventually(lambda: states == ["half_open"])
        two.server.gate.clear()
        two.server.drop_all()
        await eventually(lambda: states[:2] == ["half_open", "open"])
        assert not hot.available
        one.server.gate.set()
        two.server.gate.set()
        await eventually(lambda: states[-1] == "closed" and hot.connected)


async def test_what_means_the_whole_fails_with_any_of_its_parts() -> None:
    """A size without a node's would be a lie."""
    async with nodes(2) as made, opened(made) as hot:
        for node in made:
            node.special = lambda c: b":5\r\n" if c[0] in (b"DBSIZE", b"UNLINK") else b"$3\r\na:1\r\n" if c[0] == b"INFO" else None
        assert await hot.execute("DBSIZE") == 10
        assert await hot.execute(b"INFO", "memory") == b"a:1a:1"
        assert await hot.delete(key_of(0, 2), key_of(1, 2)) == 10
        made[1].special = lambda c: b"-NOPERM no\r\n" if c[0] in (b"DBSIZE", b"UNLINK") else None
        for command in (hot.execute("DBSIZE"), hot.delete(key_of(0, 2), key_of(1, 2))):
            with pytest.raises(RedisRefused, match="NOPERM"):
                await command
        made[1].special = lambda c: b"+what\r\n" if c[0] == b"DBSIZE" else None
        with pytest.raises(RedisDown, match="unknown form"):
            await hot.execute("DBSIZE")
        cancelled = hot.execute("DBSIZE")
        cancelled.cancel()
        assert await hot.get("a") == b"x"


async def test_a_wrong_file_for_tls_is_an_error_at_construction() -> None:
    """As with one server, so that a start fails with its reason."""
    with pytest.raises(OSError, match="No such file"):
        RedisClusterHot("rediss+cluster://h:1?ssl_ca_certs=/nowhere/ca.pem", TaskSupervisor())
    with pytest.raises(ValueError, match="begins with"):
        RedisClusterHot("redis://h:1", TaskSupervisor())


async def test_tls_and_the_password_hold_for_every_node(tmp_path: Any) -> None:
    """Also for those that only the table names; the file of the authority is read once."""
    authority = trustme.CA()
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(file)
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    async with nodes(2, tls=context) as made, opened(made[:1], query=f"?ssl_ca_certs={file}") as hot:
        assert hot.connected
        file.unlink()
        made[1].server.drop_all()
        await eventually(lambda: hot.connected and made[1].server.connections == 2)
        for node in made:
            assert (b"AUTH", b"hunter2") in node.server.commands
        assert hot.label.startswith("rediss+cluster://localhost:")


async def test_before_open_and_after_close_commands_fail() -> None:
    """At once; closing unopened is nothing."""
    hot = RedisClusterHot(f"redis+cluster://localhost:{free_port()}", TaskSupervisor())
    assert "not opened" in str(hot.get("a").exception())
    await hot.close()
    assert "closed" in str(hot.get("a").exception())

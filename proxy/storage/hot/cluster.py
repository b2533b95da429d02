"""A Redis Cluster: a `RedisHot` for each master, and the table of slots that says which one a command goes to.

Why not redis-py's cluster client: what link.py says of redis-py holds here, too, its commands go out one by one, each awaited, and its
pipeline refuses EVALSHA. It takes 113 µs of CPU for a GET alone, 63 each at 8 at once and 109 at 64 (in its pipeline 125, 50, 21); here,
where those of one loop tick and node go out in one write, it is 40, 16 and 6 (three nodes, redis 8.1, uvloop, measured 2026-11-25).

The table comes from CLUSTER SLOTS of any node that answers, those of the last table and of the URL in turn: at the start, after a MOVED,
when a node is lost, every `RETRY_S` while not every master is connected, and every `REFRESH_S`. MOVED and ASK are followed by sending the
packed command again, with its own future, within its own 100 ms. That is no retry: the node that redirects has not run it.

Loss: as of one server (redis.py), but of each node by itself: only its slots fail, at once when its breaker is open. A promoted replica
is found in the next table. TRYAGAIN (several keys of a slot that is moving) and CLUSTERDOWN end as RedisDown.

Commands with several keys need one slot, but DEL, UNLINK, EXISTS and TOUCH, which are split. DBSIZE is the sum of all masters, INFO their
texts one after the other, SCAN goes through them one by one.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import msgspec

from proxy.core.tasks import TaskSupervisor
from proxy.storage.hot.address import RedisAddress, parse_address, parse_cluster
from proxy.storage.hot.ask import ask
from proxy.storage.hot.base import LinkState, OwnedHotStore, RedisDown, RedisRefused
from proxy.storage.hot.breaker import Breaker
from proxy.storage.hot.redirects import Redirects
from proxy.storage.hot.redis import RedisHot
from proxy.storage.hot.slots import SLOTS, Arg, Endpoint, SlotRange, first_key, key_of, name_of, ranges_of, redirect_of, slot_of

REFRESH_S = 60.0
RETRY_S = 0.5
GAP_S = 0.05
"""Between two looks at the table, however many commands were redirected."""

VISIT_S = 60.0
"""How long a node without slots, to which slots are moving, is kept connected after the last command for it."""

_SPLIT = frozenset({"DEL", "UNLINK", "EXISTS", "TOUCH"})
_log = logging.getLogger("llm_edge")


class RedisClusterHot:
    """`available`: some slots can be asked. `connected`: all can. `state`: closed when all nodes' are, open when no node's is, else
    half_open.

    Raises ValueError for a wrong URL, OSError where its TLS files cannot be read."""

    def __init__(
        self,
        url: str,
        tasks: TaskSupervisor,
        *,
        op_timeout_s: float = 0.1,
        connect_timeout_s: float = 1.0,
        refresh_s: float = REFRESH_S,
        on_state: Callable[[LinkState], None] | None = None,
        breaker: Callable[[], Breaker] = Breaker,
    ) -> None:
        self._named = parse_cluster(url)
        self._template = parse_address(self._named.node_url(self._named.seeds[0]))
        self._tls = self._template.ssl_context()
        self._tasks = tasks
        self._op_timeout_s = op_timeout_s
        self._connect_timeout_s = connect_timeout_s
        self._refresh_s = refresh_s
        self._on_state = on_state
        self._breaker = breaker
        self._told: LinkState = "closed"
        self._reason = "not opened"
        self._nodes: dict[Endpoint, RedisHot] = {}
        self._table: list[RedisHot | None] = [None] * SLOTS
        self._masters: tuple[Endpoint, ...] = ()
        """Sorted."""
        self._replicas: tuple[Endpoint, ...] = ()
        self._covered = False
        """Every slot has a master."""
        self._visited: dict[Endpoint, float] = {}
        """Nodes known from a redirect only: until when they are kept, in loop time."""
        self._redirects = Redirects(self.label)
        self._turn = 0
        self._runner: asyncio.Task[Any] | None = None
        self._wanted = asyncio.Event()

    @property
    def label(self) -> str:
        return self._named.label

    @property
    def available(self) -> bool:
        return any(self._nodes[master].available for master in self._masters)

    @property
    def connected(self) -> bool:
        return self._covered and all(self._nodes[master].connected for master in self._masters)

    @property
    def state(self) -> LinkState:
        states = {self._nodes[master].state for master in self._masters}
        if states <= {"open"}:
            return "open"
        return "closed" if states == {"closed"} and self._covered else "half_open"

    async def open(self, wait_s: float = 0.2) -> bool:
        loop = asyncio.get_running_loop()
        self._reason = "the table of slots is not known yet"
        self._first = loop.create_future()
        self._runner = self._tasks.start(self._run(), name="redis-cluster", endless=True)
        deadline = loop.time() + wait_s
        await asyncio.wait({self._first}, timeout=wait_s)
        for node in list(self._nodes.values()):
            await node.wait(max(0.0, deadline - loop.time()))
        self._tell()
        return self.connected

    async def close(self) -> None:
        if self._runner is not None:
            self._runner.cancel()
            await asyncio.wait({self._runner})
        await asyncio.gather(*(node.close() for node in self._nodes.values()))
        self._nodes, self._masters, self._table = {}, (), [None] * SLOTS
        self._covered, self._reason = False, "closed"

    def execute(self, *args: Arg) -> "asyncio.Future[Any]":
        name = name_of(args)
        if name in _SPLIT and len(args) > 2:
            return self._together([self._keyed(key_of(key), (name, key)) for key in args[1:]], sum)
        if name == "DBSIZE":
            return self._together([self._nodes[master].execute(*args) for master in self._masters], sum)
        if name == "INFO":
            return self._together([self._nodes[master].execute(*args) for master in self._masters], b"".join)
        if name == "SCAN":
            return self._scan(args)
        key = first_key(args)
        if key is not None:
            return self._keyed(key, args)
        node = next((node for node in self._nodes.values() if node.connected), None)
        return self._failed() if node is None else node.execute(*args)

    def get(self, key: str | bytes) -> "asyncio.Future[bytes | None]":
        return self._keyed(key, ("GET", key))

    def set(self, key: str | bytes, value: str | bytes, ttl_s: float | None = None) -> "asyncio.Future[Any]":
        node = self._table[slot_of(key)]
        return self._failed() if node is None else node.set(key, value, ttl_s)

    def delete(self, *keys: str | bytes) -> "asyncio.Future[int]":
        return self.execute("UNLINK", *keys)

    def eval(
        self, script: str | bytes, keys: tuple[str | bytes, ...] = (), args: tuple[str | bytes | int | float, ...] = ()
    ) -> "asyncio.Future[Any]":
        return self.execute("EVAL", script, len(keys), *keys, *args)

    def _keyed(self, key: str | bytes, args: tuple[Arg, ...]) -> "asyncio.Future[Any]":
        node = self._table[slot_of(key)]
        return self._failed() if node is None else node.execute(*args)

    def _failed(self) -> "asyncio.Future[Any]":
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        future.set_exception(RedisDown(f"{self.label}: {self._reason}"))
        return future

    def _together(self, parts: "Sequence[asyncio.Future[Any]]", add_up: Callable[[list[Any]], Any]) -> "asyncio.Future[Any]":
        """Fails with the first part that does."""
        if not parts:
            return self._failed()
        whole: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def done(gathered: "asyncio.Future[list[Any]]") -> None:
            if whole.done():
                gathered.exception()
            elif (error := gathered.exception()) is not None:
                whole.set_exception(error)
            else:
                try:
                    whole.set_result(add_up(gathered.result()))
                except (TypeError, ValueError):
                    whole.set_exception(RedisDown(f"{self.label}: nodes answered in an unknown form"))

        asyncio.gather(*parts).add_done_callback(done)
        return whole

    def _scan(self, args: tuple[Arg, ...]) -> "asyncio.Future[Any]":
        """Cursors are `host:port/cursor of that node`, and 0 at both ends."""
        cursor = args[1] if isinstance(args[1], bytes) else str(args[1]).encode()
        if cursor == b"0":
            endpoint, own = min(self._masters, default=None), b"0"
        else:
            address, _, own = cursor.rpartition(b"/")
            host, _, port = address.decode().rpartition(":")
            endpoint = Endpoint(host, int(port))
        node = self._nodes.get(endpoint) if endpoint is not None else None
        if endpoint is None or node is None:
            return self._failed()
        following = min((master for master in self._masters if master > endpoint), default=None)

        def onward(answers: list[Any]) -> list[Any]:
            place, keys = answers[0]
            at, own = (endpoint, place) if place != b"0" else (following, b"0")
            return [b"%s:%d/%s" % (at.host.encode(), at.port, own) if at is not None else b"0", keys]

        return self._together([node.execute("SCAN", own, *args[2:])], onward)

    async def _run(self) -> None:
        while True:
            self._wanted.clear()
            await self._look()
            self._tell()
            if not self._first.done():
                self._first.set_result(None)
            await asyncio.sleep(GAP_S)
            try:
                async with asyncio.timeout(self._refresh_s if self.connected else RETRY_S):
                    await self._wanted.wait()
            except TimeoutError:
                pass

    async def _look(self) -> None:
        """Take the table of the first node that has one."""
        for endpoint in self._whom_to_ask():
            address = self._address(endpoint)
            try:
                ranges = ranges_of(await ask(address, self._tls, "CLUSTER", "SLOTS", timeout_s=self._connect_timeout_s))
            except (RedisDown, RedisRefused) as error:
                self._reason = error.message
            except ValueError as error:
                self._reason = f"{address.label}: {error}"
            else:
                if ranges:
                    self._take(endpoint.host, ranges)
                    return
                self._reason = f"{address.label}: the cluster has no slots"

    def _whom_to_ask(self) -> list[Endpoint]:
        """Nodes that answer first, a different one each time."""
        self._turn += 1
        well = [master for master in self._masters if self._nodes[master].connected]
        turn = self._turn % len(well) if well else 0
        return list(dict.fromkeys((*well[turn:], *well[:turn], *self._replicas, *self._masters, *self._named.seeds)))

    def _take(self, asked: str, ranges: tuple[SlotRange, ...]) -> None:
        """`asked`: the host whose word this is, and which it means where it names none."""
        table: list[RedisHot | None] = [None] * SLOTS
        masters: set[Endpoint] = set()
        replicas: set[Endpoint] = set()
        for part in ranges:
            endpoint = _of_host(part.master, asked)
            masters.add(endpoint)
            replicas.update(_of_host(replica, asked) for replica in part.replicas)
            table[part.first : part.last + 1] = [self._node(endpoint)] * (part.last + 1 - part.first)
        self._table, self._masters, self._replicas = table, tuple(sorted(masters)), tuple(sorted(replicas))
        self._covered = None not in table
        self._reason = "no node has this slot"
        now = asyncio.get_running_loop().time()
        self._visited = {endpoint: until for endpoint, until in self._visited.items() if until > now and endpoint not in masters}
        for endpoint in [known for known in self._nodes if known not in masters and known not in self._visited]:
            self._tasks.start(self._nodes.pop(endpoint).close(), name="redis-node-close")

    def _address(self, endpoint: Endpoint) -> RedisAddress:
        return msgspec.structs.replace(self._template, host=endpoint.host, port=endpoint.port)

    def _node(self, endpoint: Endpoint) -> RedisHot:
        node = self._nodes.get(endpoint)
        if node is None:
            node = self._nodes[endpoint] = RedisHot(
                self._address(endpoint),
                self._tasks,
                op_timeout_s=self._op_timeout_s,
                connect_timeout_s=self._connect_timeout_s,
                breaker=self._breaker(),
                on_state=self._node_changed,
                elsewhere=partial(self._elsewhere, endpoint),
                tls=self._tls,
            )
            node.start()
        return node

    def _node_changed(self, state: LinkState) -> None:
        if state == "open":
            self._wanted.set()
        self._tell()

    def _elsewhere(self, asked: Endpoint, packed: bytes, future: "asyncio.Future[Any]", refusal: RedisRefused, deadline: float) -> bool:
        """What a node's error reply means for the cluster."""
        if refusal.reply in ("TRYAGAIN", "CLUSTERDOWN"):
            self._wanted.set()
            future.set_exception(RedisDown(f"{self.label}: {refusal.text}"))
            return True
        redirect = redirect_of(refusal.text)
        if redirect is None:
            return False
        if not redirect.asking:
            self._wanted.set()
        if self._redirects.note(future, deadline):
            endpoint = _of_host(redirect.endpoint, asked.host)
            node = self._node(endpoint)
            if endpoint not in self._masters:
                self._visited[endpoint] = asyncio.get_running_loop().time() + VISIT_S
            if redirect.asking:
                node.execute("ASKING").add_done_callback(_ignore)
            else:
                self._table[redirect.slot] = node
            node.submit(packed, future)
        return True

    def _tell(self) -> None:
        state = self.state
        if state == self._told:
            return
        if state == "open":
            _log.warning("the redis cluster is down", extra={"redis": self.label, "reason": self._reason})
        elif self._told == "open":
            _log.info("the redis cluster is back", extra={"redis": self.label})
        self._told = state
        if self._on_state is not None:
            self._on_state(state)


def _of_host(endpoint: Endpoint, host: str) -> Endpoint:
    return endpoint if endpoint.host else Endpoint(host, endpoint.port)


def _ignore(future: "asyncio.Future[Any]") -> None:
    """An ASKING that was lost took its command with it."""
    if not future.cancelled():
        future.exception()


_: type[OwnedHotStore] = RedisClusterHot

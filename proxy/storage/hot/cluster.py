"""A Redis Cluster as one hot store: a `RedisHot` for each master, commands go where their key's slot is.

    no redirect         the node of the slot, in that node's batch of this tick
    MOVED               once more at the node that it names; the map of slots is read anew
    ASK                 once more there after an ASKING, in the same batch
    TRYAGAIN, CLUSTERDOWN, more than MAX_REDIRECTS     RedisDown: the command may be tried later
    a node is lost      commands of its slots are RedisDown at once, others go on; the map is read anew until a replica has taken over

Commands without a key go to any node, but for those that mean the whole: DBSIZE and INFO are added up, SCAN walks over all masters.
A script has to keep to one slot, which the keys' hash tags see to.

Why not redis-py's cluster client: its import takes as long and as much memory as that of redis.asyncio (see `link.py`), it sends each
command of a tick by itself, and its pipeline refuses EVALSHA (ARCHITECTURE.md).
Source: Redis Cluster specification, read 2026-11-25.
"""

import asyncio
import logging
import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from proxy.core.tasks import TaskSupervisor
from proxy.storage.hot.address import ClusterAddress, parse_cluster
from proxy.storage.hot.base import LinkState, OwnedHotStore, RedisDown, RedisRefused
from proxy.storage.hot.redis import RedisHot
from proxy.storage.hot.slots import SLOTS, Arg, Endpoint, Redirect, SlotRange, first_key, ranges_of, redirect_of, slot_of

MAX_REDIRECTS = 3
REFRESH_EVERY_S = 30.0
RECOVER_EVERY_S = 0.5
"""While a node is lost or a slot is nobody's."""
REFRESH_GAP_S = 0.1
LATER = frozenset({"TRYAGAIN", "CLUSTERDOWN"})

_log = logging.getLogger("llm_edge")


class RedisClusterHot:
    """Made anywhere, used on the loop that calls `open`. Raises as `RedisHot`."""

    def __init__(
        self,
        url: str,
        tasks: TaskSupervisor,
        *,
        op_timeout_s: float = 0.1,
        connect_timeout_s: float = 1.0,
        on_state: Callable[[LinkState], None] | None = None,
    ) -> None:
        self._address: ClusterAddress = parse_cluster(url)
        self._tasks = tasks
        self._make = partial(RedisHot, tasks=tasks, op_timeout_s=op_timeout_s, connect_timeout_s=connect_timeout_s, on_state=self._changed)
        self._on_state = on_state
        self._told: LinkState = "closed"
        self._nodes: dict[Endpoint, RedisHot] = {}
        self._masters: list[RedisHot] = []
        """In the order of their first slot."""
        self._by_slot: list[RedisHot | None] = [None] * SLOTS
        self._ranges: tuple[SlotRange, ...] = ()
        self._stale = asyncio.Event()
        self._runner: asyncio.Task[Any] | None = None

    @property
    def label(self) -> str:
        return self._address.label

    @property
    def available(self) -> bool:
        """Some node takes commands."""
        return any(node.available for node in self._masters)

    @property
    def connected(self) -> bool:
        """To every master, and every slot has one."""
        return bool(self._masters) and all(node.connected for node in self._masters) and None not in self._by_slot

    @property
    def state(self) -> LinkState:
        """Open only when every node's breaker is."""
        return "closed" if not self._masters or any(node.state == "closed" for node in self._masters) else "open"

    async def open(self, wait_s: float = 0.2) -> bool:
        self._loop = asyncio.get_running_loop()
        self._first: asyncio.Future[None] = self._loop.create_future()
        self._runner = self._tasks.start(self._run(), name="redis-cluster", endless=True)
        await asyncio.wait({self._first}, timeout=wait_s)
        return self.connected

    async def close(self) -> None:
        if self._runner is not None:
            self._runner.cancel()
            await asyncio.wait({self._runner})
        nodes, self._nodes, self._masters, self._by_slot = list(self._nodes.values()), {}, [], [None] * SLOTS
        await asyncio.gather(*(node.close() for node in nodes))

    def execute(self, *args: Arg) -> "asyncio.Future[Any]":
        key = first_key(args)
        if key is None:
            return self._keyless(args)
        return self._at(slot_of(key), args)

    def get(self, key: str | bytes) -> "asyncio.Future[bytes | None]":
        return self._at(slot_of(key), ("GET", key))

    def set(self, key: str | bytes, value: str | bytes, ttl_s: float | None = None) -> "asyncio.Future[Any]":
        if ttl_s is None:
            return self._at(slot_of(key), ("SET", key, value))
        return self._at(slot_of(key), ("SET", key, value, "PX", max(1, int(ttl_s * 1000))))

    def delete(self, *keys: str | bytes) -> "asyncio.Future[int]":
        slots: dict[int, list[str | bytes]] = {}
        for key in keys:
            slots.setdefault(slot_of(key), []).append(key)
        parts = [self._at(slot, ("UNLINK", *own)) for slot, own in slots.items()]
        return parts[0] if len(parts) == 1 else self._summed(parts, sum)

    def eval(self, script: str | bytes, keys: tuple[str | bytes, ...] = (), args: tuple[Arg, ...] = ()) -> "asyncio.Future[Any]":
        return self.execute("EVAL", script, len(keys), *keys, *args)

    def _at(self, slot: int, args: tuple[Arg, ...]) -> "asyncio.Future[Any]":
        node = self._by_slot[slot]
        outer: asyncio.Future[Any] = self._loop.create_future()
        if node is None:
            self._stale.set()
            outer.set_exception(RedisDown(f"{self.label}: no node has slot {slot}"))
        else:
            node.execute(*args).add_done_callback(partial(self._answered, outer, args, 0))
        return outer

    def _answered(self, outer: "asyncio.Future[Any]", args: tuple[Arg, ...], redirects: int, inner: "asyncio.Future[Any]") -> None:
        if outer.done():
            if not inner.cancelled():
                inner.exception()
            return
        if inner.cancelled():
            outer.cancel()
            return
        error = inner.exception()
        if error is None:
            outer.set_result(inner.result())
        elif isinstance(error, RedisRefused) and (redirect := redirect_of(error.text)) is not None:
            self._redirected(outer, args, redirects, redirect)
        elif isinstance(error, RedisRefused) and error.reply in LATER:
            self._stale.set()
            outer.set_exception(RedisDown(f"{self.label}: {error.reply}"))
        else:
            if isinstance(error, RedisDown):
                self._stale.set()
            outer.set_exception(error)

    def _redirected(self, outer: "asyncio.Future[Any]", args: tuple[Arg, ...], redirects: int, redirect: Redirect) -> None:
        if not redirect.asking:
            self._stale.set()
        node = self._nodes.get(redirect.endpoint)
        if redirects >= MAX_REDIRECTS or (node is None and not redirect.endpoint.host):
            outer.set_exception(RedisDown(f"{self.label}: redirected too often"))
            return
        if node is None:
            self._tasks.start(self._at_new(outer, args, redirects, redirect), name="redis-redirect")
            return
        self._resend(node, outer, args, redirects, asking=redirect.asking)

    async def _at_new(self, outer: "asyncio.Future[Any]", args: tuple[Arg, ...], redirects: int, redirect: Redirect) -> None:
        node = await self._node(redirect.endpoint)
        if not redirect.asking:
            self._by_slot[redirect.slot] = node
        self._resend(node, outer, args, redirects, asking=redirect.asking)

    def _resend(self, node: RedisHot, outer: "asyncio.Future[Any]", args: tuple[Arg, ...], redirects: int, *, asking: bool) -> None:
        if asking:
            node.execute("ASKING").add_done_callback(_take)
        node.execute(*args).add_done_callback(partial(self._answered, outer, args, redirects + 1))

    def _keyless(self, args: tuple[Arg, ...]) -> "asyncio.Future[Any]":
        name = str(args[0]).upper()
        if not self._masters:
            outer: asyncio.Future[Any] = self._loop.create_future()
            outer.set_exception(RedisDown(f"{self.label}: not connected"))
            return outer
        if name == "SCAN":
            return self._scan(args)
        if name == "DBSIZE":
            return self._summed([node.execute(*args) for node in self._masters], sum)
        if name == "INFO":
            return self._summed([node.execute(*args) for node in self._masters], _merged_info)
        return next((node for node in self._masters if node.connected), self._masters[0]).execute(*args)

    def _scan(self, args: tuple[Arg, ...]) -> "asyncio.Future[Any]":
        """Cursors are `node:cursor`; the first and the last one are `0` as ever."""
        given = args[1].decode() if isinstance(args[1], bytes) else str(args[1])
        number, _, cursor = given.rpartition(":")
        at = int(number or 0)
        if at >= len(self._masters):
            at, cursor = 0, "0"
        outer: asyncio.Future[Any] = self._loop.create_future()

        def answered(inner: "asyncio.Future[Any]") -> None:
            if outer.done():
                return
            if inner.cancelled() or (error := inner.exception()) is not None:
                outer.set_exception(RedisDown("cancelled") if inner.cancelled() else error or RedisDown("cancelled"))
                return
            following, keys = inner.result()
            if following == b"0" and at + 1 >= len(self._masters):
                outer.set_result([b"0", keys])
            else:
                outer.set_result([b"%d:0" % (at + 1) if following == b"0" else b"%d:%b" % (at, following), keys])

        self._masters[at].execute("SCAN", cursor, *args[2:]).add_done_callback(answered)
        return outer

    def _summed(self, parts: "Sequence[asyncio.Future[Any]]", join: Callable[[list[Any]], Any]) -> "asyncio.Future[Any]":
        """One answer out of several nodes'; the first failure is its failure."""
        outer: asyncio.Future[Any] = self._loop.create_future()

        def answered(whole: "asyncio.Future[list[Any]]") -> None:
            if outer.done():
                return
            if whole.cancelled():
                outer.cancel()
            elif (error := whole.exception()) is not None:
                outer.set_exception(error)
            else:
                outer.set_result(join(whole.result()))

        asyncio.gather(*parts).add_done_callback(answered)
        return outer

    async def _run(self) -> None:
        while True:
            self._stale.clear()
            found = await self._look()
            wait_s = REFRESH_EVERY_S if found and self.connected else RECOVER_EVERY_S
            try:
                async with asyncio.timeout(wait_s):
                    await self._stale.wait()
            except TimeoutError:
                continue
            await asyncio.sleep(REFRESH_GAP_S)

    async def _look(self) -> bool:
        """Read the map from the first node that gives one: those of now, then the seeds."""
        for endpoint in [*self._nodes, *(seed for seed in self._address.seeds if seed not in self._nodes)]:
            node = await self._node(endpoint)
            try:
                ranges = ranges_of(await node.execute("CLUSTER", "SLOTS"))
            except (RedisDown, RedisRefused, ValueError) as exc:
                _log.debug("no slots from a node", extra={"redis": node.label, "error": str(exc)[:200]})
                continue
            if ranges:
                await self._take_over(ranges, endpoint)
                return True
        return False

    async def _take_over(self, ranges: tuple[SlotRange, ...], asked: Endpoint) -> None:
        ordered = sorted(ranges, key=lambda r: r.first)
        masters: dict[Endpoint, RedisHot] = {}
        by_slot: list[RedisHot | None] = [None] * SLOTS
        for r in ordered:
            endpoint = r.master if r.master.host else Endpoint(asked.host, r.master.port)
            node = masters[endpoint] = await self._node(endpoint)
            by_slot[r.first : r.last + 1] = [node] * (r.last + 1 - r.first)
        self._masters, self._by_slot = list(masters.values()), by_slot
        for endpoint in [e for e in self._nodes if e not in masters]:
            self._tasks.start(self._nodes.pop(endpoint).close(), name="redis-node-close")
        if not self._first.done():
            self._first.set_result(None)
        self._changed("closed")

    async def _node(self, endpoint: Endpoint) -> RedisHot:
        node = self._nodes.get(endpoint)
        if node is None:
            node = self._nodes[endpoint] = self._make(self._address.node_url(endpoint))
            await node.open()
        return node

    def _changed(self, _state: LinkState) -> None:
        """Of some node."""
        state = self.state
        if _state == "open":
            self._stale.set()
        if state != self._told:
            self._told = state
            if self._on_state is not None:
                self._on_state(state)


def _merged_info(replies: list[bytes]) -> bytes:
    """What the nodes say, with their memory added up at the beginning, where a reader looks first."""
    used = sum(int(found[1]) for reply in replies if (found := re.search(rb"^used_memory:(\d+)", reply, re.MULTILINE)) is not None)
    return b"used_memory:%d\r\n" % used + b"\r\n".join(replies)


def _take(future: "asyncio.Future[Any]") -> None:
    """ASKING's own answer says nothing that the command's does not."""
    if not future.cancelled():
        future.exception()


_: type[OwnedHotStore] = RedisClusterHot

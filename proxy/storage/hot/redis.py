"""One Redis-protocol server (Redis, Valkey) for all of this process: the commands of one loop tick go out in one write.

Loss: a command is answered within `op_timeout_s` (100 ms) or ends with RedisDown. Three failures in a row (time-outs, lost
connections, refused connects) open a breaker, from then on commands end with RedisDown at once; a background task probes after
1, 2, 4, 5, 5 … seconds and closes it. No caller ever waits for a connect (1 s) or serves as the probe. While a lost connection is
made anew, commands wait for it, up to their 100 ms. A probe is a login and a PING, so a server that is LOADING counts as down.

A server that is slow but alive keeps its connection: late replies are dropped, in their order. Commands that cannot be sent yet
(`max_in_flight` writes unanswered, the socket full) gather in the next write. Nothing is retried: a lost command may have run.

A cluster is another HotStore (cluster.py) with one of these for each master.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable
from typing import Any

from proxy.core.tasks import TaskSupervisor
from proxy.storage.hot.address import RedisAddress, parse_address
from proxy.storage.hot.base import LinkState, OwnedHotStore, RedisDown
from proxy.storage.hot.breaker import Breaker
from proxy.storage.hot.link import Batch, Elsewhere, RedisLink, connect, pack

MAX_IN_FLIGHT = 16
MAX_QUEUED_BYTES = 32 * 1024 * 1024
"""What a stalled server may hold of ours for its 100 ms; more fails at once."""

RECONNECT_GAP_S = 0.02
"""Between attempts before the breaker opens: a restart that is already over is seen, a refusing server not hammered."""

LATE_S = 0.01
EXCUSE_S = 0.02
"""A timer that fires `LATE_S` late says that the loop was held up, and the replies may be waiting in the socket (uvloop runs timers
before it reads): the server gets `EXCUSE_S` more, once, before it is blamed."""

PING_EVERY_S = 5.0
"""So that `state` is true without traffic, and a half-open connection is found before a request does."""

_log = logging.getLogger("llm_edge")


class RedisHot:
    """Made anywhere, used on the loop that calls `open` or `start`. `on_state(state)` is told of every change; `elsewhere` is asked about
    error replies before they end their command.

    Raises ValueError for a wrong URL, OSError where its TLS files cannot be read.
    """

    def __init__(
        self,
        address: str | RedisAddress,
        tasks: TaskSupervisor,
        *,
        op_timeout_s: float = 0.1,
        connect_timeout_s: float = 1.0,
        max_in_flight: int = MAX_IN_FLIGHT,
        max_queued_bytes: int = MAX_QUEUED_BYTES,
        ping_every_s: float = PING_EVERY_S,
        breaker: Breaker | None = None,
        on_state: Callable[[LinkState], None] | None = None,
        elsewhere: Elsewhere | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`address`: a URL as `parse_address` reads it, or its outcome. `tls` None: the context that the address asks for."""
        self._address = parse_address(address) if isinstance(address, str) else address
        self._tls = tls or self._address.ssl_context()
        self._tasks = tasks
        self._op_timeout_s = op_timeout_s
        self._connect_timeout_s = connect_timeout_s
        self._max_in_flight = max_in_flight
        self._max_queued_bytes = max_queued_bytes
        self._ping_every_s = ping_every_s
        self._on_state = on_state
        self._elsewhere = elsewhere
        self._breaker = breaker or Breaker()
        self._told: LinkState = "closed"
        self._reason = "not opened"
        self._accepting = False
        self._link: RedisLink | None = None
        self._gathering: Batch | None = None
        self._flush_due = False
        self._watch: asyncio.TimerHandle | None = None
        self._excused = False
        self._queued_bytes = 0
        self._runner: asyncio.Task[Any] | None = None
        self.batches_sent = 0
        self.commands_sent = 0

    @property
    def label(self) -> str:
        """`redis://host:port/db`, without credentials."""
        return self._address.label

    @property
    def available(self) -> bool:
        return self._accepting

    @property
    def connected(self) -> bool:
        return self._link is not None

    @property
    def state(self) -> LinkState:
        return self._breaker.state

    async def open(self, wait_s: float = 0.2) -> bool:
        """Start connecting and wait a moment for the outcome: True when connected. False is no failure, it goes on trying."""
        self.start()
        return await self.wait(wait_s)

    async def wait(self, wait_s: float) -> bool:
        """For the outcome of the first attempt."""
        await asyncio.wait({self._first}, timeout=wait_s)
        return self.connected

    def start(self) -> None:
        """Start connecting."""
        self._loop = asyncio.get_running_loop()
        self._accepting = True
        self._first = self._loop.create_future()
        self._runner = self._tasks.start(self._run(), name="redis-link", endless=True)

    async def close(self) -> None:
        """Commands already issued still get their 100 ms, new ones fail."""
        self._accepting, self._reason = False, "closed"
        self._flush()
        if waiting := [future for batch in self._unanswered() for future in batch.futures if not future.done()]:
            await asyncio.wait(waiting, timeout=self._op_timeout_s)
        if self._runner is not None:
            self._runner.cancel()
            await asyncio.wait({self._runner})
        if self._watch is not None:
            self._watch.cancel()
        self._fail_gathering("closed")
        if (link := self._link) is not None:
            link.close()
            await asyncio.wait({link.lost}, timeout=self._op_timeout_s)

    def execute(self, *args: str | bytes | int | float) -> "asyncio.Future[Any]":
        return self.submit(pack(args), None)

    def submit(self, packed: bytes, future: "asyncio.Future[Any] | None") -> "asyncio.Future[Any]":
        """A packed command, with the future that is to end with its answer if there is one already."""
        if not self._accepting:
            return self._failed(self._reason, future)
        if self._queued_bytes + len(packed) > self._max_queued_bytes:
            return self._failed("too much is queued", future)
        batch = self._gathering
        if batch is None:
            batch = self._gathering = Batch(self._loop.time() + self._op_timeout_s, self._elsewhere)
            if self._watch is None:
                self._watch = self._loop.call_at(batch.deadline, self._check_deadlines)
        if not self._flush_due:
            self._flush_due = True
            self._loop.call_soon(self._flush)
        if future is None:
            future = self._loop.create_future()
        batch.add(packed, future)
        self._queued_bytes += len(packed)
        return future

    def get(self, key: str | bytes) -> "asyncio.Future[bytes | None]":
        return self.execute("GET", key)

    def set(self, key: str | bytes, value: str | bytes, ttl_s: float | None = None) -> "asyncio.Future[Any]":
        if ttl_s is None:
            return self.execute("SET", key, value)
        return self.execute("SET", key, value, "PX", max(1, int(ttl_s * 1000)))

    def delete(self, *keys: str | bytes) -> "asyncio.Future[int]":
        return self.execute("UNLINK", *keys)

    def eval(
        self, script: str | bytes, keys: tuple[str | bytes, ...] = (), args: tuple[str | bytes | int | float, ...] = ()
    ) -> "asyncio.Future[Any]":
        return self.execute("EVAL", script, len(keys), *keys, *args)

    def _failed(self, reason: str, future: "asyncio.Future[Any] | None" = None) -> "asyncio.Future[Any]":
        if future is None:
            future = asyncio.get_running_loop().create_future()
        future.set_exception(RedisDown(f"{self.label}: {reason}"))
        return future

    def _flush(self) -> None:
        self._flush_due = False
        batch, link = self._gathering, self._link
        if batch is None or link is None or not link.writable or len(link.batches) >= self._max_in_flight:
            return
        self._gathering = None
        self.batches_sent += 1
        self.commands_sent += len(batch.packed)
        link.send(batch)

    def link_progress(self, link: RedisLink, answered: list[Batch]) -> None:
        if link is not self._link:
            return
        for batch in answered:
            self._queued_bytes -= batch.bytes
            if not batch.expired:
                self._breaker.success()
        self._flush()

    def link_lost(self, link: RedisLink) -> None:
        if link is self._link:
            self._queued_bytes -= sum(batch.bytes for batch in link.batches)
            self._link = None

    async def _run(self) -> None:
        while True:
            if self._breaker.state == "open":
                await asyncio.sleep(self._breaker.retry_at - self._loop.time())
                self._breaker.probe()
                self._tell()
            try:
                link = await connect(self._address, self._tls, self, timeout_s=self._connect_timeout_s)
            except RedisDown as error:
                self._failure(error.message)
            else:
                self._failure(await self._serve(link))
            if not self._first.done():
                self._first.set_result(None)
            await asyncio.sleep(RECONNECT_GAP_S)

    async def _serve(self, link: RedisLink) -> str:
        """Until the link is lost: why."""
        self._link = link
        self._accepting = True
        self._breaker.success()
        self._tell()
        if not self._first.done():
            self._first.set_result(None)
        self._flush()
        while not (await asyncio.wait({link.lost}, timeout=self._ping_every_s))[0]:
            self.execute("PING").add_done_callback(_take)
        self._link = None
        return link.lost.result()

    def _failure(self, reason: str) -> None:
        self._breaker.failure(self._loop.time())
        if self._breaker.state == "closed":
            return
        self._reason = reason
        self._accepting = False
        self._fail_gathering(reason)
        if self._link is not None:
            self._link.abort(reason)
        self._tell()

    def _tell(self) -> None:
        state = self._breaker.state
        if state == self._told:
            return
        if state == "open" and self._told == "closed":
            _log.warning("redis is down", extra={"redis": self.label, "reason": self._reason})
        elif state == "closed":
            _log.info("redis is back", extra={"redis": self.label})
        self._told = state
        if self._on_state is not None:
            self._on_state(state)

    def _unanswered(self) -> list[Batch]:
        """Oldest first."""
        batches = [batch for batch in self._link.batches if not batch.expired] if self._link is not None else []
        if self._gathering is not None:
            batches.append(self._gathering)
        return batches

    def _check_deadlines(self) -> None:
        """One timer for all batches: set for the oldest when it was made, so usually it finds everything answered long ago."""
        self._watch = None
        now = self._loop.time()
        for batch in self._unanswered():
            late_s = now - batch.deadline
            if late_s < 0:
                self._watch = self._loop.call_at(batch.deadline, self._check_deadlines)
                break
            if late_s > LATE_S and not self._excused:
                self._excused = True
                self._watch = self._loop.call_later(EXCUSE_S, self._check_deadlines)
                return
            reason = f"no answer within {self._op_timeout_s * 1000:g} ms"
            if batch is self._gathering:
                self._fail_gathering(reason)
            else:
                batch.expired = True
                batch.fail(f"{self.label}: {reason}")
            self._failure(reason)
        self._excused = False

    def _fail_gathering(self, reason: str) -> None:
        batch, self._gathering = self._gathering, None
        if batch is not None:
            self._queued_bytes -= batch.bytes
            batch.fail(f"{self.label}: {reason}")


def _take(future: "asyncio.Future[Any]") -> None:
    """A background PING's outcome has been counted already."""
    future.exception()


_: type[OwnedHotStore] = RedisHot

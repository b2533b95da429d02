"""Connections to Postgres, and what its stores share.

The pool is ours: it connects when somebody asks, so a failure is the asker's and says why, and the store heals with the first call that
the server answers. (psycopg_pool connects in the background, with delays that grow in an outage, and the asker learns of a time-out only.)

A call ends within its time-out whatever the server does: libpq may wait for a silent server for ever, and so does cancelling a query,
so the socket is shut at the deadline. Loss of any kind → Unavailable (503), and the connection is thrown away.
"""

import asyncio
import os
import select
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeVar

import psycopg
from psycopg import errors
from psycopg.pq import TransactionStatus
from psycopg.types.string import TextLoader

from proxy.core.errors import BadRequest
from proxy.storage.migrations import postgres_migrations
from proxy.storage.postgres_url import PostgresUrl, parse
from proxy.storage.shared import closed, lost, outdated

T = TypeVar("T")
Row = tuple[Any, ...]
Connection = psycopg.AsyncConnection[Row]

REPORT_TIMEOUT_S = 30.0
COOL_S = 0.25
"""After a server did not even take the connection, the next calls fail at once for so long."""
PREPARE_AFTER = 5
_SESSION = """
SELECT set_config('timezone', 'UTC', false), set_config('datestyle', 'ISO', false), set_config('statement_timeout',
    CASE WHEN pg_backend_pid() = %s THEN %s ELSE current_setting('statement_timeout') END, false), pg_backend_pid()
"""
"""Behind a pooler, which has process numbers of its own making, the session is other people's too: what would change their behaviour is
left alone. (Time zone and style of dates follow the client through PgBouncer.)"""
_VERSION = "SELECT coalesce(max(version), 0) FROM schema_version"
_WRITABLE = "SELECT NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off'"


class PostgresPool:
    """Belongs to one event loop. `users`: the stores that share it; the last one closes it."""

    def __init__(self, url: PostgresUrl) -> None:
        self._url = url
        self._slots = asyncio.Semaphore(url.connections)
        self._idle: list[Connection] = []
        self._schema_known = False
        self._down: tuple[float, str] = (0.0, "")
        self.users = 0

    async def run(self, work: Callable[[Connection], Awaitable[T]], *, timeout_s: float | None = None) -> T:
        """`work` in autocommit mode, on a connection of its own; `timeout_s`: of the whole, else the URL's. Raises Unavailable, and
        BadRequest for what Postgres can't store."""
        loop = asyncio.get_running_loop()
        until = loop.time() + (timeout_s or self._url.timeout_s)
        try:
            async with asyncio.timeout_at(until):
                await self._slots.acquire()
        except TimeoutError:
            raise lost(f"all {self._url.connections} connections are busy") from None
        try:
            connection = await self._take(until)
            return await self._use(connection, work, until)
        finally:
            self._slots.release()

    async def close(self) -> None:
        while self._idle:
            await self._idle.pop().close()

    async def _take(self, until: float) -> Connection:
        while self._idle:
            connection = self._idle.pop()
            if not _hung_up(connection):
                return connection
            await connection.close()
        now = asyncio.get_running_loop().time()
        if now < self._down[0]:
            raise lost(self._down[1])
        try:
            async with asyncio.timeout_at(until):
                return await connect(self._url)
        except (TimeoutError, psycopg.Error, OSError, UnicodeError) as exc:
            reason = "no answer to a connection in time" if isinstance(exc, TimeoutError) else str(exc)
            self._down = (asyncio.get_running_loop().time() + COOL_S, reason)
            raise lost(reason) from exc

    async def _use(self, connection: Connection, work: Callable[[Connection], Awaitable[T]], until: float) -> T:
        guard = asyncio.get_running_loop().call_at(until, _cut, connection)
        fit = False
        try:
            if not self._schema_known:
                await self._check_schema(connection)
            result = await work(connection)
            fit = True
            return result
        except (psycopg.DataError, UnicodeEncodeError) as exc:
            fit = True
            raise BadRequest(f"the record store can't hold this: {' '.join(str(exc).split())}") from exc
        except (errors.UndefinedTable, errors.UndefinedColumn) as exc:
            raise outdated(str(exc).partition("\n")[0], "more") from exc
        except (psycopg.Error, OSError) as exc:
            raise lost("no answer in time" if asyncio.get_running_loop().time() >= until else exc) from exc
        except Exception:
            fit = True
            raise
        finally:
            guard.cancel()
            if fit and self.users and not connection.closed and connection.info.transaction_status == TransactionStatus.IDLE:
                self._idle.append(connection)
            else:
                await connection.close()

    async def _check_schema(self, connection: Connection) -> None:
        """Once it is new enough it stays so."""
        found, needed = await schema_version(connection), newest_version()
        if found < needed:
            raise outdated(f"schema {found}" if found else "no schema", f"schema {needed}")
        self._schema_known = True


class PostgresStore:
    """`beside`: another store over the same URL, whose connections it shares."""

    def __init__(self, url: str, *, beside: "PostgresStore | None" = None) -> None:
        self._closed = False
        self._pool: PostgresPool = beside._pool if beside is not None and not beside._closed else PostgresPool(parse(url))
        self._pool.users += 1

    async def aclose(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._pool.users -= 1
        if not self._pool.users:
            await self._pool.close()

    async def _run(self, work: Callable[[Connection], Awaitable[T]], *, timeout_s: float | None = None) -> T:
        if self._closed:
            raise closed()
        return await self._pool.run(work, timeout_s=timeout_s)

    async def _rows(self, statement: str, *values: Any) -> list[Row]:
        async def select(connection: Connection) -> list[Row]:
            return await (await connection.execute(statement, values)).fetchall()

        return await self._run(select)

    async def _report(self, statement: str, *values: Any) -> list[Row]:
        """Rows of a statement that may take long."""

        async def select(connection: Connection) -> list[Row]:
            async with connection.transaction():
                await connection.execute(f"SET LOCAL statement_timeout = {int(REPORT_TIMEOUT_S * 1e3)}".encode())
                return await (await connection.execute(statement, values)).fetchall()

        return await self._run(select, timeout_s=REPORT_TIMEOUT_S)

    async def _changed(self, statement: str, *values: Any) -> int:
        async def change(connection: Connection) -> int:
            return (await connection.execute(statement, values)).rowcount

        return await self._run(change)

    async def _changed_alone(self, lock: int, *statements: tuple[str, Row]) -> int:
        """Rows that the first statement changed; nobody else who asks for the same lock is in between."""

        async def change(connection: Connection) -> int:
            async with connection.transaction():
                await connection.execute("SELECT pg_advisory_xact_lock(%s)", (lock,))
                counts = [(await connection.execute(statement, values)).rowcount for statement, values in statements]
            return counts[0]

        return await self._run(change)

    async def ping(self) -> None:
        """Raises Unavailable, also for a standby, which can only be read."""
        if not (await self._rows(_WRITABLE))[0][0]:
            raise lost("it is read-only")


async def connect(url: PostgresUrl) -> Connection:
    """In autocommit mode; times and JSON come as text, as from SQLite.

    Through a pooler that pools by transaction a prepared statement may be another client's of the same name: with as many parameters, it
    would be done instead of ours."""
    connection = await psycopg.AsyncConnection.connect(url.conninfo, autocommit=True, prepare_threshold=None)
    try:
        for name in ("timestamptz", "jsonb", "json"):
            connection.adapters.register_loader(name, TextLoader)
        told = connection.info.backend_pid
        row = await (await connection.execute(_SESSION, (told, str(int(url.timeout_s * 1e3))))).fetchone()
        if url.prepare if url.prepare is not None else row is not None and row[-1] == told:
            connection.prepare_threshold = PREPARE_AFTER
    except BaseException:
        await connection.close()
        raise
    return connection


async def schema_version(connection: Connection) -> int:
    """0: none."""
    try:
        row = await (await connection.execute(_VERSION)).fetchone()
    except errors.UndefinedTable:
        return 0
    return int(row[0]) if row is not None else 0


def newest_version() -> int:
    return postgres_migrations()[-1].version


def _hung_up(connection: Connection) -> bool:
    """Whether the server ended an idle connection: it says nothing in between, so whatever there is to read is its end."""
    if connection.closed:
        return True
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def _cut(connection: Connection) -> None:
    """Makes whoever waits for the server see its end."""
    with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as sock:
        sock.shutdown(socket.SHUT_RDWR)

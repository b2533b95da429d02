"""Schema steps of Postgres, under an advisory lock: of several that upgrade at once, one works and the others find it done."""

import asyncio

import psycopg

from proxy.storage.migrations import postgres_migrations
from proxy.storage.postgres import connect, newest_version, schema_version
from proxy.storage.postgres_url import parse
from proxy.storage.shared import lost

UPGRADE_LOCK = 0x6C6C6D65_64676500
CONNECT_TIMEOUT_S = 10.0
_TABLE = "CREATE TABLE IF NOT EXISTS schema_version (version bigint PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())"


async def upgrade_postgres(url: str, *, check: bool = False) -> tuple[int, int]:
    """Its schema's version before and after; `check`: before and what this release needs, and nothing is changed. All or nothing.
    Raises Unavailable."""
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            connection = await connect(parse(url))
    except (psycopg.Error, OSError, TimeoutError) as exc:
        raise lost(exc) from exc
    try:
        before = await schema_version(connection)
        if check or before >= newest_version():
            return before, max(before, newest_version())
        async with connection.transaction():
            await connection.execute("SET LOCAL statement_timeout = 0")
            await connection.execute("SELECT pg_advisory_xact_lock(%s)", (UPGRADE_LOCK,))
            await connection.execute(_TABLE)
            present = await schema_version(connection)
            for step in postgres_migrations():
                if step.version > present:
                    for statement in step.statements:
                        await connection.execute(statement.encode())
                    await connection.execute("INSERT INTO schema_version (version) VALUES (%s)", (step.version,))
        return present, await schema_version(connection)
    except (psycopg.Error, OSError) as exc:
        raise lost(exc) from exc
    finally:
        await connection.close()

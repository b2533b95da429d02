"""Schema steps, one SQL file each, in the order of their numbers.

Steps only expand (new tables, new columns with defaults, new indices): a process of the release before goes on working on the new
schema while a rolling upgrade mixes both, so a store that is ahead of this release is accepted.
"""

import sqlite3
from importlib.resources import files
from typing import NamedTuple


class Migration(NamedTuple):
    version: int
    name: str
    statements: tuple[str, ...]


def sqlite_migrations() -> list[Migration]:
    """Those of `migrations/sqlite`, by version."""
    return _steps("sqlite")


def postgres_migrations() -> list[Migration]:
    """Those of `migrations/postgres`, by version."""
    return _steps("postgres")


def _steps(folder: str) -> list[Migration]:
    found = []
    for file in (files(__name__) / folder).iterdir():
        if file.name.endswith(".sql"):
            number, _, name = file.name.removesuffix(".sql").partition("_")
            found.append(Migration(int(number), name, tuple(split_statements(file.read_text(encoding="utf-8")))))
    return sorted(found)


def split_statements(script: str) -> list[str]:
    """`executescript` commits before it starts, which would end the transaction that guards a migration."""
    statements, current = [], ""
    for line in script.splitlines():
        if not line.lstrip().startswith("--"):
            current += line + "\n"
        if current.strip() and sqlite3.complete_statement(current):
            statements.append(current.strip())
            current = ""
    if current.strip():
        raise ValueError(f"unfinished statement: {current.strip()[:60]}")
    return statements


def apply(connection: sqlite3.Connection, migrations: list[Migration]) -> int:
    """Bring the schema up to date under the store's write lock; the version that it has then.

    `connection` must be in autocommit mode (`isolation_level=None`). Two processes may do this at once: the second waits for the
    first (busy time-out) and finds nothing left to do.
    """
    newest = migrations[-1].version
    if current_version(connection) >= newest:
        return current_version(connection)
    connection.execute("BEGIN EXCLUSIVE")
    try:
        connection.execute("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY, applied_at TEXT NOT NULL)")
        present = current_version(connection)
        for migration in migrations:
            if migration.version > present:
                for statement in migration.statements:
                    connection.execute(statement)
                connection.execute(
                    "INSERT INTO schema_version (version, applied_at) VALUES (?, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))",
                    (migration.version,),
                )
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    return current_version(connection)


def current_version(connection: sqlite3.Connection) -> int:
    """0 for a store without a schema."""
    known = connection.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'schema_version'").fetchone()
    if known is None:
        return 0
    return int(connection.execute("SELECT coalesce(max(version), 0) FROM schema_version").fetchone()[0])

"""URLs of Postgres."""

import pytest

from proxy.core.errors import Unavailable
from proxy.storage.postgres_url import PostgresUrl, parse


@pytest.mark.parametrize(
    ("url", "parsed"),
    [
        ("postgres://u:p%40@h:5433/x", PostgresUrl("postgresql://u:p%40@h:5433/x")),
        ("postgresql+asyncpg://h/x?sslmode=require", PostgresUrl("postgresql://h/x?sslmode=require")),
        ("postgresql://a,b/x?connections=3&timeout_ms=250&prepare=off", PostgresUrl("postgresql://a,b/x", 3, 0.25, False)),
        ("postgresql://a/x?prepare=on", PostgresUrl("postgresql://a/x", prepare=True)),
        ("postgresql://a/x?prepare=auto", PostgresUrl("postgresql://a/x")),
        (
            "postgresql:///x?host=/run/pg&connections=3&options=-c%20a%3Db",
            PostgresUrl("postgresql:///x?host=%2Frun%2Fpg&options=-c%20a%3Db", 3),
        ),
    ],
)
def test_what_is_libpqs_goes_to_libpq(url: str, parsed: PostgresUrl) -> None:
    """Without the driver's name that other programs want, and without what is ours."""
    assert parse(url) == parsed


@pytest.mark.parametrize("query", ["connections=0", "connections=x", "timeout_ms=-1", "timeout_ms=", "prepare=maybe"])
def test_nonsense_is_said(query: str) -> None:
    """By its name."""
    with pytest.raises(Unavailable, match=query.partition("=")[0]):
        parse(f"postgresql://h/x?{query}")

"""Commands tell gateways of what they changed."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from proxy.cli.notices import ONE_BY_ONE, KeyChanges
from proxy.core.clock import SystemClock
from proxy.core.tasks import TaskSupervisor
from proxy.settings import Settings
from proxy.stores import open_shared
from tests.support.valkey import Valkey, free_port


@pytest.fixture(scope="module")
def valkey() -> Iterator[Valkey]:
    with Valkey() as server:
        yield server


def settings(redis: str | None) -> Settings:
    return Settings.of(
        stores={"redis": redis, "records": "memory://"}, providers={"echo": {"kind": "echo"}}, cache={"l2": {"op_timeout_ms": 5000}}
    )


async def board_of(config: Settings) -> dict[str, bytes]:
    tasks, closers = TaskSupervisor(), []  # type: ignore[var-annotated]
    _, board = await open_shared(config, clock=SystemClock(), tasks=tasks, closers=closers)
    found = board.items("key:")
    for closer in reversed(closers):
        await closer()
    await tasks.close()
    return found


async def test_changes_stand_on_the_board(valkey: Valkey, capsys: pytest.CaptureFixture[str]) -> None:
    """At once, and nothing is said; many are one notice for everybody."""
    valkey.command("FLUSHALL")
    few, many = KeyChanges(), KeyChanges()
    few.changed("lek_a", 3)
    await few.tell(settings(valkey.url))
    assert await board_of(settings(valkey.url)) == {"key:lek_a": b"3"}
    for n in range(ONE_BY_ONE + 1):
        many.changed(f"lek_{n}", 2)
    await many.tell(settings(valkey.url))
    assert set(await board_of(settings(valkey.url))) == {"key:lek_a", "key:*"}
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("redis", [None, "embedded", "down"])
async def test_where_nobody_can_be_told_it_is_said(redis: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """With the time that it takes then."""
    changes = KeyChanges()
    changes.changed("lek_a", 3)
    async with asyncio.timeout(20):
        await changes.tell(settings(f"redis://127.0.0.1:{free_port()}/0" if redis == "down" else redis))
    assert "take notice within 10 s" in capsys.readouterr().err


async def test_without_changes_nobody_is_asked(capsys: pytest.CaptureFixture[str]) -> None:
    """And nothing is said."""
    await KeyChanges().tell(settings(None))
    assert capsys.readouterr().err == ""

"""The collector's settings."""

import asyncio
import gc
import subprocess
import sys
from pathlib import Path

from proxy.serving import garbage
from proxy.serving.sockets import bind
from tests.support.eventually import eventually
from tests.support.gateway import running, settings
from tests.unit.serving.test_process import served


async def test_a_server_alone_freezes_nothing() -> None:
    """A process may have several, one after the other, and what is frozen is never freed."""
    before = gc.get_freeze_count()
    async with running(settings(providers={"echo": {"kind": "echo"}})):
        assert gc.get_freeze_count() == before


async def test_a_process_that_serves_nothing_else_settles_before_it_is_ready(tmp_path: Path) -> None:
    """So that nobody's request waits for it."""
    config, seen = tmp_path / "c", []
    config.write_text("one")
    what = served(config)
    assert what.server.before_ready is garbage.settle
    what.server.before_ready = lambda: seen.append(what.runtime.lifecycle.is_ready)  # this process has other things to do
    task = asyncio.create_task(what.run(bind("127.0.0.1", 0)))
    await eventually(lambda: what.runtime.lifecycle.is_ready)
    assert seen == [False]
    what.server.begin_drain(delay_s=0.0)
    await task


def test_what_lives_for_ever_is_frozen() -> None:
    """And young objects are looked at less often. In a process of its own, since it is for good."""
    code = (
        "import gc\nfrom proxy.serving import garbage\ngarbage.settle()\n"
        "assert gc.get_freeze_count() > 1000\nassert gc.get_threshold() == (garbage.YOUNG, *garbage.OLD)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=30, check=False).returncode == 0

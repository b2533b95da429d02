"""The supervisor in the test's own loop, its workers real processes."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from proxy.admin.reload import ReloadRefused
from proxy.serving.options import Launch, ServeOptions
from proxy.serving.sockets import bind
from proxy.serving.supervisor import Supervisor
from proxy.settings.sources import Sources
from tests.unit.serving.test_runtime import runtime


def launch(config: Path, **options: object) -> Launch:
    wanted = {"workers": 2, "drain_delay_s": 0.0, "grace_s": 1.0, "log_level": "off", "metrics_port": 0, **options}
    return Launch(options=ServeOptions(**wanted), app="tests.support.served_app:open_app", config=str(config))  # type: ignore[arg-type]


async def start(what: Launch) -> "tuple[Supervisor, asyncio.Task[int], asyncio.Event]":
    ready = asyncio.Event()
    sockets = bind("127.0.0.1", 0, count=what.options.workers, shared=True)
    supervisor = Supervisor(what, runtime(), sockets, lambda _host, _port: ready.set())
    return supervisor, asyncio.ensure_future(supervisor.run()), ready


async def test_workers_start_reload_and_end(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The whole life, exit code 0."""
    config = tmp_path / "c"
    config.write_text("one")
    supervisor, task, ready = await start(launch(config))
    async with asyncio.timeout(60):
        await ready.wait()
        snapshot = await supervisor.merged()
        assert [s.values for s in snapshot if s.family == "llm_edge_workers"] == [(2.0,)]
        config.write_text("bad")
        await supervisor._reloader.quietly()
        assert "the old one stays in force" in caplog.text
        config.write_text("two")
        assert (await supervisor._reloader.reload()).workers == 2
        supervisor.drain()
        supervisor.drain()
        assert await task == 0


async def test_a_worker_that_was_starting_catches_up(tmp_path: Path) -> None:
    """With what the others took while it was not there to be asked; one that cannot is replaced."""
    config = tmp_path / "c"
    config.write_text("one")
    supervisor, task, ready = await start(launch(config, watch_config=False))
    async with asyncio.timeout(60):
        await ready.wait()
        late = supervisor._children[0]
        late.ready = False
        config.write_text("two")
        assert (await supervisor._reloader.reload()).workers == 1
        config.write_text("three")
        assert late.launch is not supervisor._launch
        supervisor._ready(late)
        while late.launch is not supervisor._launch:
            await asyncio.sleep(0.01)
        supervisor._launch = msgspec.structs.replace(supervisor._launch, sources=Sources({str(config): b"bad"}))
        await supervisor._catch_up(late)
        await supervisor._catch_up(late)
        assert await late.exited == -9
        for child in supervisor._children.values():
            child.ready = False
        with pytest.raises(ReloadRefused, match="no worker is ready"):
            await supervisor._reloader.reload()
        supervisor._kill_all()
        supervisor.drain()
        await task


async def test_giving_up(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Workers that crash at the start."""
    config = tmp_path / "c"
    config.write_text("crash")
    _, task, _ = await start(launch(config))
    async with asyncio.timeout(60):
        assert await task == 1
    assert "giving up" in caplog.text


async def test_a_drain_during_the_start(tmp_path: Path) -> None:
    """Workers that become ready later are told to drain."""
    config = tmp_path / "c"
    config.write_text("one")
    supervisor, task, _ = await start(launch(config))
    await asyncio.sleep(0)
    supervisor.drain()
    async with asyncio.timeout(60):
        assert await task == 0


async def test_workers_that_do_not_end_are_killed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """After the drain's time and a margin."""
    config = tmp_path / "c"
    config.write_text("one")
    supervisor, task, ready = await start(launch(config, grace_s=0.0, end_s=0.0))
    supervisor.margin_s = 0.0
    async with asyncio.timeout(60):
        await ready.wait()
        for child in supervisor._children.values():
            child.process.send_signal(19)
        supervisor.drain()
        assert await task == 0
    assert "killed" in caplog.text

"""The worker's view of metrics; its process is exercised in test_child.py and tests/integration/test_serving_workers.py."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from proxy.admin.reload import Reloaded, ReloadRefused
from proxy.core.errors import Unavailable
from proxy.core.tasks import TaskSupervisor
from proxy.serving.control import CallFailed, Channel
from proxy.serving.options import Launch, ServeOptions
from proxy.serving.process import Served
from proxy.serving.reloading import Done, Plan, Refused, encode
from proxy.serving.worker import SupervisedHub, ask_for_reload, prepare
from proxy.settings import Problem
from proxy.settings.sources import Sources
from proxy.telemetry.metrics import Metrics
from proxy.telemetry.snapshot import Sample, encode_snapshot
from tests.unit.serving.test_runtime import runtime

HITS = "llm_edge_cache_hits_total"


@asynccontextmanager
async def channel_to(answer: bytes | None) -> AsyncIterator[Channel]:
    """A supervisor at its end answers so (None: refuses)."""

    async def supervisor(op: str, data: bytes) -> bytes:
        if answer is None:
            raise CallFailed("no")
        return answer

    async def worker(op: str, data: bytes) -> bytes:
        return b""

    ours, theirs = socket.socketpair()
    channels = Channel(ours, worker), Channel(theirs, supervisor)
    tasks = TaskSupervisor()
    for n, channel in enumerate(channels):
        tasks.start(channel.run(await channel.open()), name=f"end{n}")
    yield channels[0]
    for channel in channels:
        await channel.close()
    await tasks.close(grace_s=5.0)


async def render(answer: bytes | None) -> bytes:
    """What /metrics of a worker says then."""
    metrics = Metrics()
    metrics.cache.hit("l1", 0.001)
    hub = SupervisedHub(metrics)
    async with channel_to(answer) as hub.channel:
        return (await hub.render(""))[1]


async def test_the_supervisor_s_sum() -> None:
    """Not this worker's own values."""
    assert b'llm_edge_cache_hits_total{tier="l1"} 7.0' in await render(encode_snapshot((Sample(HITS, ("l1",), (7.0,)),)))


@pytest.mark.parametrize("answer", [None, b"\x00"])
async def test_own_values_where_there_is_no_sum(answer: bytes | None, caplog: pytest.LogCaptureFixture) -> None:
    """And the log says so."""
    assert b'llm_edge_cache_hits_total{tier="l1"} 1.0' in await render(answer)
    assert "metrics of this worker only" in caplog.text


async def test_before_the_channel_is_there() -> None:
    """Own values."""
    metrics = Metrics()
    assert b"llm_edge_build_info" in (await SupervisedHub(metrics).render(""))[1]


async def test_a_reload_is_the_supervisor_s() -> None:
    """Its answer is passed on: what came into force, or why nothing did."""
    done = Reloaded(version="b", previous="a", workers=2)
    async with channel_to(encode(Done(done))) as channel:
        assert await ask_for_reload(channel) == done
    async with channel_to(encode(Refused(problems=(Problem("wrong", "server.port"),)))) as channel:
        with pytest.raises(ReloadRefused, match="wrong"):
            await ask_for_reload(channel)


@pytest.mark.parametrize("answer", [None, b"\xc1"])
async def test_a_reload_without_an_answer(answer: bytes | None) -> None:
    """503, not a guess."""
    async with channel_to(answer) as channel:
        with pytest.raises(Unavailable):
            await ask_for_reload(channel)


async def test_what_is_prepared(tmp_path: Path) -> None:
    """What is on the disk, or what another worker has read; a refusal is an answer, too."""
    config = tmp_path / "c"
    config.write_text("one")
    served = Served(Launch(options=ServeOptions(), app="tests.support.served_app:open_app", config=str(config)), runtime())
    config.write_text("bad")
    assert await prepare(served, b"") == Refused(problems=(Problem("the configuration is bad"),), sources=Sources({str(config): b"bad"}))
    given = Sources({str(config): b"two"})
    assert await prepare(served, encode(given)) == Plan(version="two", previous="one", sources=given)

"""The worker's view of metrics; its process is exercised in test_child.py and tests/integration/test_serving_workers.py."""

import socket

import pytest

from proxy.core.tasks import TaskSupervisor
from proxy.serving.control import CallFailed, Channel
from proxy.serving.worker import SupervisedHub
from proxy.telemetry.metrics import Metrics
from proxy.telemetry.snapshot import Sample, encode_snapshot

HITS = "llm_edge_cache_hits_total"


async def render(answer: bytes | None) -> bytes:
    """What /metrics of a worker says when its supervisor answers so (None: refuses)."""

    async def supervisor(op: str, data: bytes) -> bytes:
        if answer is None:
            raise CallFailed("no")
        return answer

    async def worker(op: str, data: bytes) -> bytes:
        return b""

    metrics = Metrics()
    metrics.cache.hit("l1", 0.001)
    hub = SupervisedHub(metrics)
    ours, theirs = socket.socketpair()
    channels = Channel(ours, worker), Channel(theirs, supervisor)
    tasks = TaskSupervisor()
    for n, channel in enumerate(channels):
        tasks.start(channel.run(await channel.open()), name=f"end{n}")
    hub.channel = channels[0]
    _, body = await hub.render("")
    for channel in channels:
        await channel.close()
    await tasks.close(grace_s=5.0)
    return body


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

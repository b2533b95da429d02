"""The ends of requests, gathered."""

import asyncio

from proxy.core.context import RequestContext
from proxy.core.route import RouteInfo
from proxy.telemetry.logbuffer import LogBuffer
from proxy.telemetry.logs import AccessLog
from proxy.telemetry.meter import BATCH, RequestMeter
from proxy.telemetry.metrics import Metrics
from tests.support.eventually import eventually

CHAT = RouteInfo(name="/v1/chat/completions", family="openai", dialect="openai_chat")
PROBE = RouteInfo(name="/health", family="ops")


class Lines:
    """A sink that keeps everything."""

    def __init__(self) -> None:
        self.text = b""

    def write(self, data: bytes) -> int:
        self.text += data
        return len(data)

    def close(self) -> None:
        pass


def ended(route: RouteInfo = CHAT) -> RequestContext:
    ctx = RequestContext(route, "0" * 32, 0.0)
    ctx.status, ctx.body, ctx.json = 200, b"x" * 1000, {"a": 1}
    return ctx


def counted(metrics: Metrics) -> float:
    return sum(s.values[0] for s in metrics.snapshot() if s.family == "llm_edge_requests_total")


def test_without_a_loop_nothing_waits() -> None:
    """Counted and logged at once; probes are not logged."""
    metrics, sink = Metrics(), Lines()
    meter = RequestMeter(metrics, AccessLog(LogBuffer(sink)))
    for route in (CHAT, PROBE):
        meter.request_started()
        meter.request_done(ended(route), 0.1)
    assert metrics.active == 0
    assert sink.text.count(b"\n") == 1


async def test_a_scrape_catches_up() -> None:
    """What is gathered is in the numbers that are read."""
    metrics = Metrics()
    meter = RequestMeter(metrics, None)
    for _ in range(3):
        meter.request_started()
        meter.request_done(ended(), 0.1)
    assert metrics.active == 0
    assert counted(metrics) == 3


async def test_the_timer_and_a_full_batch_work_off() -> None:
    """Lines come within a moment when traffic is low, at once when it is high; bodies are let go of meanwhile."""
    sink = Lines()
    meter = RequestMeter(Metrics(), AccessLog(LogBuffer(sink)))
    ctx = ended()
    meter.request_done(ctx, 0.1)
    assert (ctx.body, ctx.json) == (b"", None)
    assert sink.text == b""
    await eventually(lambda: sink.text.count(b"\n") == 1)
    for _ in range(BATCH):
        meter.request_done(ended(), 0.1)
    assert sink.text.count(b"\n") == 1 + BATCH
    await asyncio.sleep(0)

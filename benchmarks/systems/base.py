"""A system under test: how it is started, and where its requests go."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from benchmarks.load.jobs import Target
from benchmarks.machine import Cores
from benchmarks.payloads import ANSWER_BYTES, MARKER, MODEL, STREAM_MODEL, chat_body, first_number
from benchmarks.processes import Managed
from benchmarks.upstream.servers import Upstreams


class Missing(RuntimeError):
    """The system cannot be started here; the message is the reason and how to get it."""


class Env(NamedTuple):
    work: Path
    """Scratch directory of this run."""
    cores: Cores
    upstreams: Upstreams
    peers: Path | None
    """Directory of LLM_EDGE_BENCH_PEERS: a subdirectory a peer."""


class Endpoint(NamedTuple):
    port: int
    path: str = "/v1/chat/completions"
    model: str = MODEL
    headers: tuple[tuple[str, str], ...] = ()


@dataclass
class System:
    """One that runs. `process` None: the bare upstream, whose CPU is not counted."""

    name: str
    version: str
    governance: str
    """What is done for each request besides passing it on."""
    process: Managed | None
    answers: Endpoint
    streams: Endpoint | None
    """None: it has no streams."""
    ready_s: list[float] = field(default_factory=list)
    verbatim: bool = False
    """Passes the upstream's bytes unchanged, so an answer's exact length is known."""

    def target(self, size: str = "small", *, distinct: int = 0, fresh: int | None = None, model: str | None = None) -> Target:
        """Whole answers. `fresh`: where the digits begin; `model`: another than the usual one."""
        body = chat_body(size, model or self.answers.model)
        return Target(
            port=self.answers.port,
            path=self.answers.path,
            headers=dict(self.answers.headers),
            prefix=body.prefix,
            suffix=body.suffix,
            first_number=first_number() if fresh is None else fresh,
            distinct=distinct,
            marker=MARKER,
            length=ANSWER_BYTES if self.verbatim else None,
        )

    def stream_target(self, chunks: int, model: str | None = None) -> Target:
        if self.streams is None:
            raise ValueError(f"{self.name} has no streams")
        body = chat_body("small", model or self.streams.model, max_tokens=chunks, stream=True)
        return Target(
            port=self.streams.port,
            path=self.streams.path,
            headers=dict(self.streams.headers),
            prefix=body.prefix,
            suffix=body.suffix,
            first_number=first_number(),
        )

    def pause(self) -> None:
        if self.process is not None:
            self.process.pause()

    def resume(self) -> None:
        if self.process is not None:
            self.process.resume()

    def stop(self) -> None:
        if self.process is not None:
            self.process.stop()


Starter = Callable[[Env], System]
"""Raises Missing, StartError."""


def start_direct(env: Env) -> System:
    """The upstream itself: the baseline that latencies are compared with."""
    up = env.upstreams
    return System(
        name="direct",
        version="",
        governance="-",
        process=None,
        answers=Endpoint(up.answers_port),
        streams=Endpoint(up.streams_port, model=STREAM_MODEL),
        verbatim=True,
    )

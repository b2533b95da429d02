"""`python -m benchmarks soak`: contract O's figure. Mixed requests, and afterwards nothing has grown and nothing is left."""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.load.__main__ import new_loop
from benchmarks.machine import Cores, facts, plan_cores
from benchmarks.processes import Managed
from benchmarks.report import table
from benchmarks.scrape import gauge, scrape
from benchmarks.soak_client import Tally, run_clients
from benchmarks.soak_kinds import FAULTY_MODELS
from benchmarks.stats import spread
from benchmarks.svg import Line, lines
from benchmarks.systems.base import Env, System
from benchmarks.systems.gateway import KEY, start_gateway
from benchmarks.upstream.servers import start_upstreams

MAX_GROWTH_MB = 5.0
_MAX_REQUESTS = 5_000_000
_SAMPLES = 200
_REST_S = 45.0
"""How long sockets may take to go after the last request: pooled upstream connections live 30 s."""
_SPARE_FILES = 4


@dataclass
class Sample:
    requests: int
    seconds: float
    rss_mb: float
    files: int
    threads: int


@dataclass
class Soak:
    started: str
    machine: dict[str, Any]
    requests: int
    connections: int
    files_before: int
    samples: list[Sample] = field(default_factory=list)
    seconds: float = 0.0
    files_after: int = 0
    active_after: float | None = None
    asked: dict[str, int] = field(default_factory=dict)
    mean_ms: dict[str, float] = field(default_factory=dict)
    """By kind, as the client saw it."""
    statuses: dict[str, int] = field(default_factory=dict)
    unexpected: dict[str, int] = field(default_factory=dict)
    log_errors: int = 0

    def growth_mb(self) -> float:
        """Median resident size of the last twentieth less that of the twentieth that begins at 20 %."""
        early = [sample.rss_mb for sample in self.samples if 0.20 <= sample.requests / self.requests <= 0.25]
        late = [sample.rss_mb for sample in self.samples if sample.requests / self.requests >= 0.95]
        return spread(late).median - spread(early).median

    def checks(self) -> list[tuple[str, bool, str]]:
        """(what, held, value)."""
        growth = self.growth_mb()
        leaked = self.files_after - self.files_before
        return [
            (f"resident memory over the last 80 % grows ≤ {MAX_GROWTH_MB:g} MB", growth <= MAX_GROWTH_MB, f"{growth:+.1f} MB"),
            (f"open files at rest as before (at most {_SPARE_FILES} more)", leaked <= _SPARE_FILES, f"{leaked:+d}"),
            ("no request counts as active at rest but the scrape that asks", self.active_after in (0, 1), str(self.active_after)),
            ("every answer was one that the mix expects", not self.unexpected, f"{sum(self.unexpected.values())} others"),
            ("no failed background task, no internal error in the log", self.log_errors == 0, str(self.log_errors)),
        ]


def soak(requests: int, connections: int, out: Path, work: Path, say: Callable[[str], None]) -> int:
    """0 when every check held. Raises StartError, NoNginx."""
    if not 1000 <= requests <= _MAX_REQUESTS or not 1 <= connections <= 1000:
        raise SystemExit(f"a soak has 1000 to {_MAX_REQUESTS} requests and 1 to 1000 connections")
    cores = plan_cores(set())
    upstreams = start_upstreams(work, ())
    try:
        system = _start(Env(work, cores, upstreams, None))
        try:
            result = _soak(system, requests, connections, say)
        finally:
            system.stop()
    finally:
        upstreams.stop()
    return _write(result, out, say)


def _start(env: Env) -> System:
    """Unpinned: the client runs here, and the machine's cores are for both."""
    faulty = {"faulty": {"kind": "echo"}}
    models = {FAULTY_MODELS: {"targets": [{"provider": "faulty"}], "retries": {"attempts": 1}}}
    return start_gateway(env, "soak", cores=Cores((), ()).system, providers=faulty, models=models)


def _soak(system: System, requests: int, connections: int, say: Callable[[str], None]) -> Soak:
    process, port = system.process, system.answers.port
    if not isinstance(process, Managed):
        raise SystemExit("the gateway has no process")
    result = Soak(time.strftime("%Y-%m-%d %H:%M:%S"), facts(), requests, connections, files_before=process.open_files())
    tally = Tally()
    begin = time.monotonic()
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(_watch(process, port, result, tally, say))
    result.seconds = time.monotonic() - begin
    result.asked, result.statuses = dict(tally.asked), dict(sorted(tally.statuses.items()))
    result.mean_ms = {kind: round(seconds / tally.asked[kind] * 1e3, 2) for kind, seconds in tally.seconds.items()}
    result.unexpected = dict(tally.unexpected)
    _come_to_rest(process, port, result, say)
    result.log_errors = _log_errors(process.log)
    return result


async def _watch(process: Managed, port: int, result: Soak, tally: Tally, say: Callable[[str], None]) -> None:
    load = asyncio.ensure_future(run_clients(port, KEY, tally, result.requests, result.connections))
    begin, step = time.monotonic(), max(result.requests // _SAMPLES, 1)
    while not load.done():
        await asyncio.wait({load}, timeout=0.05)
        if tally.done >= len(result.samples) * step or load.done():
            sample = Sample(tally.done, time.monotonic() - begin, sum(process.rss_mb()), process.open_files(), process.threads())
            result.samples.append(sample)
            if len(result.samples) % (_SAMPLES // 10) == 0:
                share = tally.done / result.requests
                wrong = sum(tally.unexpected.values())
                say(f"{share:4.0%}  {tally.done} requests, {sample.rss_mb:.1f} MB, {sample.files} files, {wrong} unexpected")
    await load


def _come_to_rest(process: Managed, port: int, result: Soak, say: Callable[[str], None]) -> None:
    say("waiting for idle connections to go")
    deadline = time.monotonic() + _REST_S
    while time.monotonic() < deadline:
        result.files_after = process.open_files()
        result.active_after = gauge(scrape(port), "llm_edge_active_requests")
        if result.files_after <= result.files_before and result.active_after in (0, 1):
            return
        time.sleep(0.5)


def _log_errors(log: Path) -> int:
    """Lines that tell of our own failure, not of a client's or provider's."""
    words = ("background task failed", "internal_error", "Traceback", "was never retrieved", "was destroyed but it is pending")
    with log.open(encoding="utf-8", errors="replace") as text:
        return sum(any(word in line for word in words) for line in text)


def _write(result: Soak, out: Path, say: Callable[[str], None]) -> int:
    out.mkdir(parents=True, exist_ok=True)
    name = "soak-" + time.strftime("%Y%m%d-%H%M%S")
    (out / f"{name}.json").write_text(json.dumps(asdict(result), indent=1) + "\n")
    (out / f"{name}.md").write_text(_markdown(result))
    (out / f"{name}.svg").write_text(_plot(result))
    for text, held, value in result.checks():
        say(f"{'held' if held else 'NOT held':<9} {text}: {value}")
    for what, count in result.unexpected.items():
        say(f"  unexpected, {count} times: {what}")
    say(f"written: {out / name}.json, .md, .svg")
    return 0 if all(held for _, held, _ in result.checks()) else 1


def _markdown(result: Soak) -> str:
    machine = result.machine
    checks = [[text, value, "held" if held else "NOT held"] for text, held, value in result.checks()]
    asked = [
        [kind, str(count), f"{result.mean_ms.get(kind, 0):.1f}"] for kind, count in sorted(result.asked.items(), key=lambda item: -item[1])
    ]
    statuses = [[what, str(count)] for what, count in result.statuses.items()]
    head = (
        f"# Soak of {result.started}\n\n{result.requests} requests over {result.connections} connections in {result.seconds:.0f} s; "
        f"{machine['cpu']}, {machine['cores']} cores, Linux {machine['kernel']}, Python {machine['python']}\n"
    )
    parts = [head, table(["check", "value", ""], checks), "", "## Mix", "", table(["kind", "requests", "ms each"], asked), ""]
    parts += ["## Answers", "", table(["kind: status", "times"], statuses)]
    if result.unexpected:
        parts += ["", "## Unexpected", "", table(["what", "times"], [[what, str(count)] for what, count in result.unexpected.items()])]
    return "\n".join(parts) + "\n"


def _plot(result: Soak) -> str:
    memory = [(sample.requests, sample.rss_mb) for sample in result.samples]
    files = [(sample.requests, float(sample.files)) for sample in result.samples]
    series = [Line("resident memory, MB", memory), Line("open files", files)]
    return lines(f"Soak of {result.started}", "requests", "MB, files", series)

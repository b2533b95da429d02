"""One run: each row gets a fresh system, the script from its beginning, and the same arrivals."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from benchmarks.faults.client import Asked, Client, Door, Load
from benchmarks.faults.latencies import Slowing
from benchmarks.faults.results import FaultResults, Numbers, RowResult, numbers_of, share_by_time
from benchmarks.faults.rows import ATTEMPTS, DIRECT, MODEL, OPEN_S, PEER, Row, gateway_config, main_targets, odd_word
from benchmarks.faults.scenarios import Members, Scenario
from benchmarks.faults.script import Member
from benchmarks.faults.wire import WireCall
from benchmarks.faults.worker import ScriptedSet
from benchmarks.load.__main__ import new_loop
from benchmarks.machine import Cores, facts
from benchmarks.processes import Managed, StartError, free_port, pinned
from benchmarks.systems.base import Missing
from benchmarks.systems.gateway import KEY, launch_gateway
from benchmarks.systems.peers import LITELLM_HEADERS, launch_litellm, litellm_model
from benchmarks.throttle import throttled
from proxy.core.version import __version__

Say = Callable[[str], None]
SEATS = 4
PEER_RATE = 10.0
"""A second: what LiteLLM's proxy does without queueing on a slow core."""
_PEER_WARM = Load(requests=40, rate=5.0, limit_s=30.0)
"""Its first requests import much of it."""
_HEADERS = (("Authorization", f"Bearer {KEY}"),)
_SETTLE_S = 0.3
"""After the last answer, for what is still under way (losers of hedges, shadows), before the log is read."""
_SHADOW_SETTLE_S = 1.0
_TAIL_LINES = 40
"""Of the output of a system that ended during a row: its reason is before the last lines of its access log."""


class Started(NamedTuple):
    process: Managed | None
    door: Door


def load_of(row: Row, requests: int, seed: int) -> Load:
    """The peer gets fewer requests over the same time."""
    scenario = row.scenario
    count = max(round(requests * scenario.factor), 20)
    rate = scenario.rate
    if row.system == PEER and rate > PEER_RATE:
        count, rate = max(round(count * PEER_RATE / rate), 10), PEER_RATE
    return Load(requests=count, rate=rate, stream_share=scenario.stream_share, seed=seed, limit_s=scenario.limit_s, odd_word=odd_word(row))


class FaultRun:
    def __init__(self, work: Path, cores: Cores, *, requests: int, seed: int, peers: Path | None, say: Say) -> None:
        self._work = work
        self._cores = cores
        self._requests = requests
        self._seed = seed
        self._peers = peers
        self._say = say
        self._references: dict[bytes, Numbers] = {}
        self._no_peer = ""
        self.results = FaultResults(
            time.strftime("%Y-%m-%d %H:%M:%S"), facts(), cores.describe(), seed, requests, version=f"llm-edge {__version__}"
        )

    def go(self, rows: Sequence[Row]) -> FaultResults:
        """Raises StartError when the gateway does not start with its plainest configuration."""
        begin = time.monotonic()
        with ScriptedSet(SEATS, self._cores.load) as up:
            for i, row in enumerate(rows, start=1):
                found = self._row(up, row)
                self.results.rows.append(found)
                self._say(f"[{i}/{len(rows)}, {time.monotonic() - begin:.0f} s] {found.key:<26} {found.note or brief(found)}")
        self.results.seconds = time.monotonic() - begin
        self.results.load_after = facts()["load_average"]
        return self.results

    def _row(self, up: ScriptedSet, row: Row) -> RowResult:
        variant, load = row.variant, load_of(row, self._requests, self._seed)
        members = row.scenario.members(load.span_s)
        self._describe(row.scenario, members, load)
        found = RowResult(row.scenario.key, row.system, variant.key, variant.stories, load=msgspec.to_builtins(load), hedges=variant.hedges)
        found.attempts = 1 if row.system == DIRECT else variant.attempts
        try:
            started = self._start(row, members, up.ports(members), found)
        except (Missing, StartError) as exc:
            found.note = f"not measured: {exc}".splitlines()[0]
            if row.system == PEER:
                self._no_peer = found.note
            return found
        if started is None:
            return found
        try:
            if row.system == PEER:
                self._load(up, [_healthy(member) for member in members], started.door, _PEER_WARM)
            with self._starved(started, variant.cpu_share):
                asked, calls = self._load(up, members, started.door, load)
            if started.process is not None and not started.process.running():
                found.note = f"not measured: {row.system} ended during the row ({started.process.how_it_ended()})"
                found.last_lines = started.process.tail(_TAIL_LINES).splitlines()
                return found
        except Missing as exc:
            found.note = f"not measured here: {exc}"
            return found
        finally:
            if started.process is not None:
                started.process.stop()
        self._fill(found, row, members, asked, calls, self._reference(up, members, load))
        return found

    @staticmethod
    def _starved(started: Started, share: float | None) -> contextlib.AbstractContextManager[None]:
        """Raises Missing where that takes more rights than we have."""
        if share is None or started.process is None:
            return contextlib.nullcontext()
        return throttled(started.process.pids(), share)

    def _start(self, row: Row, members: Members, ports: Mapping[str, int], found: RowResult) -> Started | None:
        """None: this version cannot, or the peer is not there; `found.note` says why. Raises Missing, StartError."""
        if row.system == DIRECT:
            return Started(None, Door(ports[members[0].name]))
        if row.system == PEER:
            if self._no_peer:
                found.note = self._no_peer
                return None
            return self._start_peer(members, ports, row.scenario.first_token_s)
        port = free_port()
        config, why_not = gateway_config(row, members, ports, port, str(self._work))
        found.config = {name: config.get(name) for name in ("models", "routing")}
        if why_not:
            found.note = f"not in this version: {why_not}"
            return None
        process, _ = launch_gateway(self._work, self._cores.system, "llm-edge", port, config)
        return Started(process, Door(port, headers=_HEADERS))

    def _start_peer(self, members: Members, ports: Mapping[str, int], first_token_s: float) -> Started:
        """As many tries, the same time-outs and rests as ours."""
        router = {
            "routing_strategy": "simple-shuffle",
            "num_retries": ATTEMPTS - 1,
            "allowed_fails": 4,
            "cooldown_time": OPEN_S,
            "timeout": 8,
            "stream_timeout": first_token_s,
        }
        models = [litellm_model(MODEL, f"up-{member.name}", ports[member.name]) for member in main_targets(members)]
        peer = launch_litellm(self._work, self._cores.system, self._peers, {"model_list": models, "router_settings": router})
        self.results.peer = f"litellm {peer.version}"
        return Started(peer.process, Door(peer.port, headers=LITELLM_HEADERS))

    def _load(self, up: ScriptedSet, members: Sequence[Member], door: Door, load: Load) -> tuple[list[Asked], list[WireCall]]:
        up.play(members, load.seed)
        with pinned(self._cores.load), asyncio.Runner(loop_factory=new_loop) as runner:
            asked = runner.run(Client(door, load).run())
        time.sleep(_SHADOW_SETTLE_S if any(member.name.startswith("shadow") for member in members) else _SETTLE_S)
        return asked, up.calls()

    def _reference(self, up: ScriptedSet, members: Members, load: Load) -> Numbers:
        """The same load at one bare upstream of the same latency, with nothing that fails."""
        healthy = msgspec.structs.replace(_healthy(main_targets(members)[-1]), name="a")
        key = msgspec.json.encode((healthy, load))
        if key not in self._references:
            asked, calls = self._load(up, (healthy,), Door(up.ports((healthy,))["a"]), load)
            self._references[key] = numbers_of(asked, calls, attempts=1)
        return self._references[key]

    def _fill(self, found: RowResult, row: Row, members: Members, asked: list[Asked], calls: list[WireCall], reference: Numbers) -> None:
        scenario = row.scenario
        shadows = frozenset(member.name for member in members if member.name.startswith("shadow"))
        found.numbers = numbers_of(
            asked,
            calls,
            attempts=found.attempts + found.hedges,
            shadows=shadows,
            faulty=scenario.faulty,
            reference=reference,
        )
        found.statuses = dict(Counter(str(one.status) for one in asked))
        found.verdicts = dict(Counter(one.verdict for one in asked))
        found.details = dict(Counter(one.detail[:120] for one in asked if one.detail).most_common(3))
        found.share_by_time = share_by_time(calls, scenario.faulty, found.load["requests"] / found.load["rate"])

    def _describe(self, scenario: Scenario, members: Members, load: Load) -> None:
        self.results.scenarios.setdefault(
            scenario.key,
            {
                "title": scenario.title,
                "members": [member.describe() for member in members],
                "requests": load.requests,
                "rate": load.rate,
                "stream_share": load.stream_share,
                "limit_s": load.limit_s,
            },
        )


def _healthy(member: Member) -> Member:
    latency = member.latency.usual if isinstance(member.latency, Slowing) else member.latency
    return msgspec.structs.replace(member, latency=latency, rules=(), quota=None, capacity=None, refuses=False)


def brief(row: RowResult) -> str:
    found = row.numbers
    parts = [f"{found['success']:7.2%} ok"]
    parts += [f"{name} {found[f'{name}_ms']:.0f} ms" for name in ("p50", "p99") if f"{name}_ms" in found]
    parts += [f"{found['per_request']:.3f} calls a request", f"{found['duplicates']:.0f} duplicates"]
    if found["untruthful"]:
        parts.append(f"{found['untruthful']:.0f} untruthful")
    if found["after_first_byte"]:
        parts.append(f"{found['after_first_byte']:.0f} calls after the first byte")
    return ", ".join(parts)

"""One run: start everything, let the systems take turns, write what came out."""

import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.load.jobs import Job
from benchmarks.load.worker import LoadError, LoadWorker
from benchmarks.machine import Cores, facts
from benchmarks.measures import Bench, Failed, Numbers, Scenario, until_quiet
from benchmarks.plan import Plan
from benchmarks.processes import Managed, StartError
from benchmarks.results import Results, SystemResult
from benchmarks.scenarios import BASIC, GOVERNED, GOVERNED_REDIS, US, WITH_L2, scenarios, wanted
from benchmarks.systems.base import Env, Missing, Starter, System, start_direct
from benchmarks.systems.gateway import BUDGETS, LIMITS, start_gateway
from benchmarks.systems.nginx import start_nginx_proxy
from benchmarks.systems.peers import start_floor, start_litellm, start_portkey, start_tensorzero
from benchmarks.systems.valkey import start_valkey
from benchmarks.upstream.servers import start_upstreams
from benchmarks.workers import measure_workers

Say = Callable[[str], None]

STARTERS: dict[str, Starter] = {
    "nginx": start_nginx_proxy,
    US: start_gateway,
    "tensorzero": start_tensorzero,
    "portkey": start_portkey,
    "litellm": start_litellm,
    "uvicorn": start_floor,
}
VARIANTS = (BASIC, WITH_L2, GOVERNED, GOVERNED_REDIS)
NAMES = (*STARTERS, *VARIANTS)
DEFAULT = tuple(name for name in NAMES if name != "uvicorn")


class Run:
    def __init__(self, plan: Plan, cores: Cores, work: Path, *, peers: Path | None, say: Say) -> None:
        self._plan = plan
        self._cores = cores
        self._work = work
        self._peers = peers
        self._say = say
        self._systems: list[System] = []
        self._others: list[Managed] = []
        self.results = Results(started=time.strftime("%Y-%m-%d %H:%M:%S"), machine=facts(), pinning=cores.describe(), plan=plan.as_dict())

    def go(self, names: list[str], only: list[str]) -> Results:
        """Raises StartError and NoNginx when the upstreams do not start."""
        begin = time.monotonic()
        with LoadWorker(self._cores.load) as load:
            try:
                env = self._prepare()
                bench = Bench(self._plan, load, self._systems[0])
                self._start_all(env, names)
                self._heat(bench)
                self._measure_all(bench, [scenario for scenario in scenarios(self._plan) if wanted(scenario.key, only)])
                self._note_peaks()
                if US in names and wanted("workers", only):
                    self._workers(env, bench)
            finally:
                for system in self._systems:
                    system.stop()
                for process in self._others:
                    process.stop()
        self.results.seconds = time.monotonic() - begin
        self.results.load_after = facts()["load_average"]
        return self.results

    def _prepare(self) -> Env:
        upstreams = start_upstreams(self._work, self._cores.load)
        self._others += [upstreams.answers, upstreams.streams]
        self.results.streams_upstream = upstreams.streams_kind
        env = Env(self._work, self._cores, upstreams, self._peers)
        self._add(start_direct(env))
        return env

    def _start_all(self, env: Env, names: list[str]) -> None:
        for name in names:
            self._say(f"starting {name}")
            try:
                system = self._start(env, name)
            except (Missing, StartError) as exc:
                self.results.skipped[name] = str(exc)
                self._say(f"  skipped: {exc}")
                continue
            self._add(system)

    def _start(self, env: Env, name: str) -> System:
        """The gateway starts several times for its time to ready; the last one stays."""
        if name in VARIANTS:
            return self._variant(env, name)
        starter = STARTERS[name]
        ready: list[float] = []
        for _ in range(self._plan.starts - 1 if name == US else 0):
            system = starter(env)
            ready += system.ready_s
            system.stop()
        system = starter(env)
        system.ready_s = ready + system.ready_s
        return system

    def _variant(self, env: Env, name: str) -> System:
        """The gateway, configured otherwise."""
        if name == BASIC:
            return start_gateway(env, name, usage={"enabled": False})
        if name == GOVERNED:
            return start_gateway(env, name, limits=LIMITS, budgets=BUDGETS)
        valkey, url = start_valkey(self._work, self._cores.load)
        self._others.append(valkey)
        if name == GOVERNED_REDIS:
            return start_gateway(env, name, stores={"redis": url}, limits=LIMITS, budgets=BUDGETS)
        return start_gateway(env, name, stores={"redis": url}, cache={"l1": {"max_entries": 1}})

    def _add(self, system: System) -> None:
        found = SystemResult(version=system.version, governance=system.governance, ready_s=system.ready_s)
        if system.process is not None:
            time.sleep(1.0)
            found.idle_rss_mb = system.process.rss_mb()
            self._say(f"  {system.name} {system.version}: ready in {system.ready_s[-1]:.2f} s, {sum(found.idle_rss_mb):.0f} MB at rest")
            system.pause()
        self._systems.append(system)
        self.results.systems[system.name] = found

    def _heat(self, bench: Bench) -> None:
        for system in self._systems:
            self._say(f"warming up {system.name}")
            system.resume()
            bench.load.run(Job("closed", (system.target(),), requests=1_000_000, max_s=self._plan.heat_s, connections=32))
            system.pause()

    def _measure_all(self, bench: Bench, chosen: list[Scenario]) -> None:
        for number in range(self._plan.passes):
            for scenario in chosen:
                self._say(f"pass {number + 1} of {self._plan.passes}: {scenario.title}")
                turn = number % len(self._systems)
                for system in self._systems[turn:] + self._systems[:turn]:
                    if scenario.applies(system) and not self._too_slow(system, scenario):
                        self._one(bench, scenario, system)

    def _one(self, bench: Bench, scenario: Scenario, system: System) -> None:
        found = self.results.systems[system.name]
        system.resume()
        until_quiet(system)
        try:
            numbers = scenario.measure(bench, system)
        except (Failed, LoadError, OSError) as exc:
            found.notes[scenario.key] = str(exc)
            self._say(f"  {system.name:<12} no numbers: {exc}")
            return
        finally:
            system.pause()
        found.measures.setdefault(scenario.key, []).append(numbers)
        self._say(f"  {system.name:<12} {brief(numbers)}")

    def _too_slow(self, system: System, scenario: Scenario) -> bool:
        """An open loop beyond what the system can do measures only its queue."""
        kind, _, rate = scenario.key.partition("/")
        if kind != "open":
            return False
        found = self.results.systems[system.name]
        most = found.median("closed/small/32", "rps")
        if most is None or int(rate) <= 0.6 * most:
            return False
        found.notes[scenario.key] = f"not tried: it does {most:.0f} requests/s at most"
        return True

    def _note_peaks(self) -> None:
        for system in self._systems:
            if system.process is not None:
                self.results.systems[system.name].peak_rss_mb = system.process.peak_rss_mb()

    def _workers(self, env: Env, bench: Bench) -> None:
        found = self.results.systems.get(US)
        if found is None:
            return
        self._say("two workers against one")
        try:
            found.measures["workers"] = measure_workers(env, bench, self._plan.passes, self._say)
        except (Missing, StartError, Failed) as exc:
            found.notes["workers"] = str(exc)
            self._say(f"  not measured: {exc}")


_BRIEF = (
    ("cpu_us", "CPU {:.1f} µs"),
    ("rps", "{:.0f}/s"),
    ("chunks_per_s", "{:.0f} chunks/s"),
    ("p50_us", "p50 {:.0f} µs"),
    ("p99_us", "p99 {:.0f} µs"),
    ("added_p50_us", "added p50 {:.0f} µs"),
    ("added_p95_us", "added p95 {:.0f} µs"),
    ("first_token_p50_us", "first token p50 {:.0f} µs"),
    ("lookup_p99_us", "look-up p99 {:.0f} µs"),
    ("lag_p99_ms", "lag p99 {:.1f} ms"),
)


def brief(numbers: Numbers) -> str:
    return ", ".join(form.format(numbers[name]) for name, form in _BRIEF if numbers.get(name))

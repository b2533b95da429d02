"""Rows: each scenario with the ways through it. What the gateway cannot do in this version is left out with its reason."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.faults import scenarios as s
from benchmarks.faults.features import Config, merged, missing, with_optional
from benchmarks.faults.scenarios import Members, Scenario
from benchmarks.systems.gateway import KEY

MODEL = "bench"
ATTEMPTS = 3
OPEN_S = 2.0
"""Of breakers: short, so that a row of some seconds sees them close again."""
STARVED = 0.06
"""Of a core: less than what the load of `shedding` takes."""
DIRECT, ONE, PEER = "direct", "one", "litellm"
SYSTEMS = (DIRECT, ONE, "llm-edge", PEER)
_ODD_WORD = "databases"
_PRICES = {"a": 1.0, "b": 2.0, "c": 3.0}
"""USD a million tokens."""


@dataclass(frozen=True)
class Variant:
    """One way. `config`: what it is about, over the usual configuration."""

    key: str
    config: Config
    attempts: int = ATTEMPTS
    """Configured tries of a request."""
    hedges: bool = False
    one_target: bool = False
    """Only the first member is configured."""
    cpu_share: float | None = None
    """Of a core, that is all the gateway gets (takes root)."""
    stories: str = ""
    """What it shows, where its name does not say."""


@dataclass(frozen=True)
class Row:
    scenario: Scenario
    system: str
    variant: Variant

    @property
    def key(self) -> str:
        return f"{self.scenario.key}/{self.variant.key}"


def _entry(**fields: Any) -> dict[str, Any]:
    return {"models": {MODEL: fields}}


def _strategy(name: str, **fields: Any) -> dict[str, Any]:
    return _entry(strategy=name, **fields)


def _attempts(count: int) -> dict[str, Any]:
    return {"routing": {"retries": {"attempts": count}}}


FAILOVER = Variant("failover", _strategy("failover"))
STRATEGIES = (
    Variant("model", _strategy("model")),
    FAILOVER,
    Variant("cost", _strategy("cost"), stories="a is the cheapest"),
    Variant("latency", _strategy("latency")),
    Variant("weighted", _strategy("weighted"), stories="each 1"),
    Variant("round_robin", _strategy("round_robin")),
    Variant("hybrid", _strategy("hybrid")),
    Variant(
        "content",
        _strategy("content", rules=[{"when": {"keywords": [_ODD_WORD]}, "targets": ["b/up-b", "c/up-c"]}]),
        stories="every other request is for b by a keyword",
    ),
)
TWO_TRIES = tuple(
    Variant(f"{variant.key}-2", merged(variant.config, _attempts(2)), attempts=2, stories="attempts: 2")
    for variant in STRATEGIES
    if variant.key in ("failover", "latency", "round_robin")
)
_HEDGE = _entry(hedge={"enabled": True, "share": 0.05})
HEDGED = tuple(
    Variant(f"{variant.key}-hedged", merged(variant.config, _HEDGE), hedges=True, stories="hedge after p95 of the time to first token")
    for variant in STRATEGIES
    if variant.key in ("failover", "latency", "round_robin")
)
_NO_BREAKER = {"routing": {"breaker": {"enabled": False}}}
_ONE = Variant(ONE, {}, one_target=True, stories="the gateway with the first target only")
_DIRECT = Variant(DIRECT, {}, one_target=True, stories="the first upstream without a gateway")
_PEER = Variant(PEER, {}, stories="LiteLLM's router, simple-shuffle")
_BASELINES = ((DIRECT, _DIRECT), (ONE, _ONE))


def _budget(share: float, floor_per_s: float) -> dict[str, Any]:
    return {"routing": {"retry_budget": {"share": share, "floor_per_s": floor_per_s}}}


def _shedding(**fields: Any) -> dict[str, Any]:
    return {"server": {"shedding": fields}}


def _slow_start(seconds: float) -> dict[str, Any]:
    return merged(_strategy("round_robin"), {"routing": {"slow_start_s": seconds}})


def _quota_reserve(share: float) -> dict[str, Any]:
    return merged(_strategy("failover"), {"routing": {"quota_reserve": share}})


def _places(members: Members, **fields: Any) -> list[dict[str, Any]]:
    return [{"provider": member.name, "model": f"up-{member.name}", **fields} for member in members]


def _special() -> Iterator[tuple[Scenario, tuple[Variant, ...]]]:
    per_try = {"routing": {"retries": {"per_try_s": 0.5}}}
    yield (
        s.HANGS,
        (
            Variant("per-try", merged(_strategy("failover"), per_try), stories="per_try_s: 0.5"),
            Variant("no-per-try", _strategy("failover"), stories="until total_s"),
        ),
    )
    yield (
        s.ALL_DOWN,
        (
            Variant("budget", merged(_NO_BREAKER, _budget(0.2, 1)), stories="retry budget 20 % and 1/s, breaker off"),
            Variant("no-budget", merged(_NO_BREAKER, _budget(1, 10_000)), stories="retry budget as good as none, breaker off"),
        ),
    )
    yield (
        s.RECOVERY,
        (
            Variant("slow-start", _slow_start(4), stories="slow_start_s: 4"),
            Variant("at-once", _slow_start(0), stories="slow_start_s: 0"),
        ),
    )
    yield (
        s.RECOVERY,
        (Variant("probed", merged(_strategy("failover"), {"routing": {"probes": {"every_s": 0.5}}}), stories="active probes each 0.5 s"),),
    )
    yield (
        s.QUOTA,
        (
            Variant("reserve", _quota_reserve(0.1), stories="quota_reserve: 0.1"),
            Variant("no-reserve", _quota_reserve(0), stories="quota_reserve: 0"),
        ),
    )
    crowd = s.BULKHEAD.members(1)
    yield (
        s.BULKHEAD,
        (
            Variant(
                "bulkhead",
                _strategy("round_robin", targets=_places(crowd, concurrency=6, queue=50, queue_wait_s=1)),
                stories="concurrency: 6, queue: 50, queue_wait_s: 1",
            ),
            Variant("open", _strategy("round_robin"), stories="no bound"),
        ),
    )
    starved = f"{STARVED:g} of a core"
    yield (
        s.SHEDDING,
        (
            Variant("at-most", _shedding(max_in_flight=40), one_target=True, stories="max_in_flight: 40"),
            Variant("starved", _shedding(enabled=True), one_target=True, cpu_share=STARVED, stories=starved),
            Variant("starved-off", _shedding(enabled=False), one_target=True, cpu_share=STARVED, stories=f"{starved}, shedding off"),
        ),
    )
    shadow = {"models": {"candidate": {"targets": _places(s.SHADOW.members(1)[1:])}, MODEL: {"shadow": {"model": "candidate", "share": 1}}}}
    yield s.SHADOW, (Variant("shadow", shadow), Variant("no-shadow", {}))
    for scenario, name in ((s.CONTEXT, "context_window_fallbacks"), (s.POLICY, "content_policy_fallbacks")):
        other = {"models": {"long": {"targets": _places(scenario.members(1)[1:])}}}
        yield scenario, (Variant("fallback", merged(other, _entry(**{name: ["long"]}))), Variant("no-fallback", other))
    yield (
        s.CUT,
        (
            Variant("continued", _strategy("failover", continue_streams=True), stories="continue_streams: true"),
            Variant("ended", _strategy("failover"), stories="an error in the stream"),
        ),
    )
    yield (
        s.EXACT,
        tuple(
            Variant(
                f"attempts-{count}",
                merged(_strategy("failover"), _attempts(count), _NO_BREAKER, _budget(1, 10_000)),
                attempts=count,
                stories=f"attempts: {count}",
            )
            for count in (1, 2, 4)
        ),
    )


def rows(only_scenarios: Sequence[str] = ()) -> list[Row]:
    """All, in order of running."""
    found: list[Row] = []

    def add(scenario: Scenario, system: str, *variants: Variant) -> None:
        found.extend(Row(scenario, system, variant) for variant in variants)

    for scenario in (s.HEALTHY, *s.FAULTS):
        for system, variant in _BASELINES:
            add(scenario, system, variant)
        add(scenario, "llm-edge", *STRATEGIES)
        if scenario.key in ("down", "flapping"):
            add(scenario, "llm-edge", *TWO_TRIES, Variant("no-breaker", merged(_strategy("failover"), _NO_BREAKER)))
        add(scenario, PEER, _PEER)
    for scenario in s.TAILS:
        add(scenario, DIRECT, _DIRECT)
        plain = tuple(variant for variant in STRATEGIES if variant.key in ("failover", "latency", "round_robin"))
        add(scenario, "llm-edge", *plain, *HEDGED)
        add(scenario, PEER, _PEER)
    for system, variant in _BASELINES:
        add(s.INSIDE, system, variant)
    add(s.INSIDE, "llm-edge", *STRATEGIES)
    add(s.INSIDE, PEER, _PEER)
    for scenario, variants in _special():
        add(scenario, "llm-edge", *variants)
    return [row for row in found if not only_scenarios or row.scenario.key in only_scenarios]


def odd_word(row: Row) -> str:
    return _ODD_WORD if row.variant.key == "content" else ""


def main_targets(members: Members) -> Members:
    """Those that the entry under test has."""
    return tuple(member for member in members if not member.name.startswith(("shadow", "other")))


def gateway_config(row: Row, members: Members, ports: Mapping[str, int], port: int, work: str) -> tuple[dict[str, Any], str]:
    """(configuration, why this version cannot have it). The latter is empty when it can."""
    targets = main_targets(members)[: 1 if row.variant.one_target else None]
    providers = {
        member.name: {"kind": "openai", "base_url": f"http://127.0.0.1:{ports[member.name]}/v1", "api_keys": ["sk-upstream"]}
        for member in members
    }
    base: dict[str, Any] = {
        "server": {"host": "127.0.0.1", "port": port, "metrics_port": None, "drain_delay_s": 0, "grace_s": 1},
        "auth": {"static_keys": [KEY]},
        "stores": {"records": f"sqlite:///{work}/{port}.db"},
        "providers": providers,
        "models": {MODEL: {"targets": _places(targets)}},
        "prices": {
            f"{member.name}/up-{member.name}": {"input": _PRICES.get(member.name, 4.0), "output": _PRICES.get(member.name, 4.0)}
            for member in members
        },
        "routing": {
            "retries": {"attempts": ATTEMPTS},
            "timeouts": {"first_token_s": row.scenario.first_token_s, "between_chunks_s": 0.5, "total_s": 8},
            "breaker": {"threshold": 5, "open_s": OPEN_S, "successes": 2},
        },
        "cache": {"enabled": False},
    }
    whole = merged(with_optional(base, _OPTIONAL), row.variant.config)
    return whole, missing(whole, row.variant.config)


_OPTIONAL: tuple[Config, ...] = ({"routing": {"slow_start_s": 2}}, {"routing": {"retry_budget": {"share": 0.2, "floor_per_s": 10}}})
"""Of the usual configuration, where this version knows it."""

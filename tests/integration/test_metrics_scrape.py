"""A scrape of a gateway under mixed traffic has every family of the table, with values that make sense."""

import asyncio
import time
import urllib.request
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from proxy.telemetry.families import DERIVED, FAMILIES
from tests.support.edge_process import EdgeProcess
from tests.support.gateway import running, settings
from tests.support.mix import MODELS, Mix, run, scripted
from tests.support.upstream import Upstream, chat, failing, json_answer

NOTHING_HAPPENED = {
    "llm_edge_cache_revalidations_total",
    "llm_edge_shadow_requests_total",
    "llm_edge_shed_requests_total",
    "llm_edge_rate_limited_total",
    "llm_edge_budget_refused_total",
    "llm_edge_budget_alerts_total",
    "llm_edge_idempotent_requests_total",
    "llm_edge_task_failures_total",
    "llm_edge_worker_restarts_total",
    "llm_edge_http_refused_total",
    "llm_edge_unpriced_calls_total",
    "llm_edge_incomplete_costs_total",
    "llm_edge_response_records_lost_total",
    "llm_edge_single_flight_handovers_total",
    "llm_edge_single_flight_leases_lost_total",
    "llm_edge_retries_total",
    "llm_edge_fallbacks_total",
    "llm_edge_entry_fallbacks_total",
    "llm_edge_retry_budget_exhausted_total",
    "llm_edge_circuit_breaker_transitions_total",
    "llm_edge_probes_total",
    "llm_edge_key_in_flight",
    "llm_edge_target_resting",
    "llm_edge_target_quota_left_ratio",
    "llm_edge_hedges_total",
    "llm_edge_hedges_withheld_total",
    "llm_edge_hedge_loser_cost_usd_total",
    "llm_edge_stream_continuations_total",
}
"""Families of what does not happen here; each has tests of its own."""


class Scrape:
    """Samples by name, and the names of all families."""

    def __init__(self, text: str) -> None:
        self.families = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE ")}
        self.samples = [s for family in text_string_to_metric_families(text) for s in family.samples]

    def values(self, name: str, **labels: str) -> list[float]:
        return [s.value for s in self.samples if s.name == name and labels.items() <= s.labels.items()]

    def total(self, name: str, **labels: str) -> float:
        return sum(self.values(name, **labels))

    def labels(self, name: str, label: str) -> set[str]:
        return {s.labels[label] for s in self.samples if s.name == name}


def scraped(port: int) -> Scrape:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
        return Scrape(answer.read().decode())


async def at_rest(port: int) -> Scrape:
    """A scrape when no request is in flight and L2's size has been measured since."""
    async with asyncio.timeout(20):
        while True:
            now = await asyncio.to_thread(scraped, port)
            if not now.total("llm_edge_active_requests") and now.total("llm_edge_cache_size_entries", tier="l2"):
                return now
            await asyncio.sleep(0.1)


async def after_traffic(tmp_path: Path) -> tuple[Scrape, Mix]:
    """400 requests of all kinds to two workers that share an embedded L2."""
    async with Upstream() as upstream:
        upstream.on(scripted)
        provider: dict[str, Any] = {"kind": "openai", "base_url": f"{upstream.url}/v1", "api_keys": ["sk-provider"]}
        wanted = {
            "server": {"workers": 2},
            "stores": {"redis": "embedded"},
            "routing": {"retries": {"attempts": 2}, "breaker": {"enabled": False}},
        }
        with EdgeProcess(tmp_path / "config.yaml", providers={"openai": provider}, models=MODELS, **wanted) as served:
            mix = Mix(await asyncio.to_thread(lambda: served.port))
            await run(mix, upstream, 400, seed=3)
            return await at_rest(served.metrics_port), mix


async def test_every_family_has_sensible_values(tmp_path: Path) -> None:
    """The sum over both workers."""
    found, mix = await after_traffic(tmp_path)
    wanted = {f.name for f in FAMILIES} | {d.name for d in DERIVED}
    assert wanted <= found.families
    names = {s.name.removesuffix("_bucket") for s in found.samples}
    assert wanted - names <= NOTHING_HAPPENED

    asked, left = mix.seen.total(), sum(n for (kind, _), n in mix.seen.items() if kind.startswith("left"))
    assert asked - left <= found.total("llm_edge_requests_total") <= asked
    assert found.total("llm_edge_request_duration_seconds_count") == found.total("llm_edge_requests_total")
    assert found.total("llm_edge_requests_total", status="404") == mix.seen["unknown", 404]
    assert found.labels("llm_edge_requests_total", "model") == {"gpt-4o-mini", "none", "other"}
    assert 0 < found.total("llm_edge_client_disconnects_total") <= left
    assert found.total("llm_edge_stream_truncations_total", provider="openai") >= mix.seen["cut", 200]
    assert found.total("llm_edge_single_flight_joins_total") > 0
    assert found.total("llm_edge_tokens_used_total") > 0
    assert found.total("llm_edge_cost_usd_total", provider="openai") > 0
    for tier in ("l1", "l2"):
        for name in ("hits_total", "misses_total", "writes_total", "size_entries", "memory_bytes", "latency_seconds_count"):
            assert found.total(f"llm_edge_cache_{name}", tier=tier) > 0, (name, tier)
        assert found.values("llm_edge_cache_errors_total", tier=tier) == [0.0]
        assert found.values("llm_edge_cache_available", tier=tier) == [1.0]
    assert found.values("llm_edge_provider_available") == found.values("llm_edge_provider_health") == [1.0]
    for state, value in {"closed": 1.0, "open": 0.0, "half_open": 0.0}.items():
        assert found.values("llm_edge_circuit_breaker_state", provider="openai", state=state) == [value]
    assert found.values("llm_edge_target_in_flight") == [0.0]
    assert found.values("llm_edge_workers") == [2.0]
    assert found.values("llm_edge_config_info") == [1.0]
    assert found.total("llm_edge_config_reloads_total") == 0
    assert found.total("llm_edge_memory_bytes") > 3 * 20e6
    assert found.total("llm_edge_cpu_seconds_total") > 0
    started, loaded = (found.total(f"llm_edge_{name}_seconds") for name in ("start_time", "config_last_reload_success_timestamp"))
    assert time.time() - 600 < started <= loaded <= time.time()


async def test_retries_and_fallbacks_are_counted() -> None:
    """The first target refuses our key, so the second is tried, and once more after it has failed."""
    async with Upstream() as upstream:
        upstream.script(failing(401), failing(500), json_answer(chat()))
        provider = {"kind": "openai", "base_url": f"{upstream.url}/v1"}
        config = settings(
            providers={name: {**provider, "api_keys": [f"sk-{name}"]} for name in ("one", "two")},
            models={"gpt-4o-mini": {"targets": [{"provider": "one"}, {"provider": "two"}]}},
        )
        async with running(config) as edge:
            assert (await edge.chat()).status_code == 200
            found = Scrape((await edge.client.get("/metrics")).text)
        assert found.total("llm_edge_attempts_total") == 3
        assert found.total("llm_edge_fallbacks_total", provider="two") == 1
        assert found.total("llm_edge_retries_total", provider="two") == 1

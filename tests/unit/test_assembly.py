"""From settings to the parts of a pipeline."""

from collections.abc import Mapping
from typing import Any

import pytest

from proxy.assembly import UNBOUNDED_S, build_charges, build_routes, kinds_of, make_codecs
from proxy.core.clock import SystemClock
from proxy.core.errors import ModelNotFound
from proxy.providers.base import Provider
from proxy.providers.registry import build_providers
from proxy.routing.health import HealthBook
from proxy.routing.ordered import Ordered
from proxy.routing.rules import RouteRules
from proxy.routing.strategies import STRATEGIES
from proxy.settings import Settings, SettingsError
from proxy.state import ConfigRefused
from proxy.transport.scripted import ScriptedTransport
from tests.support.library import in_process, one_provider, provider

HTTP = {"kind": "openai_compatible", "base_url": "http://up.test/v1"}


def settings(**sections: Any) -> Settings:
    return Settings.of(
        **{"auth": {"static_keys": ["k"]}, "stores": {"records": "memory://"}, "providers": {"a": HTTP, "b": HTTP}, **sections}
    )


def adapters(*names: str) -> Mapping[str, Provider]:
    return {name: provider(ScriptedTransport([]), name) for name in names}


def test_each_dialect_has_its_codec() -> None:
    """By its own name."""
    codecs = make_codecs(SystemClock())
    assert {name: codec.name for name, codec in codecs.items()} == {n: n for n in codecs}
    assert set(codecs) == {
        "openai_chat",
        "anthropic_messages",
        "bedrock_converse",
        "bedrock_invoke",
        "gemini_generate",
        "openai_completions",
        "openai_responses",
    }


def test_an_entrys_own_settings_win() -> None:
    """Over `routing`'s; what it leaves out comes from there."""
    config = settings(
        models={"m": {"targets": [{"provider": "b", "model": "real"}], "retries": {"attempts": 7}, "timeouts": {"first_token_s": 3}}},
        routing={"timeouts": {"between_chunks_s": 4}},
    )
    route = build_routes(config, adapters("a", "b"), HealthBook()).resolve("m")
    assert (route.targets[0].id, route.attempts) == ("b/real", 7)
    assert (route.timeouts.first_token_s, route.timeouts.between_chunks_s) == (3, 4)


def test_no_total_is_a_day() -> None:
    """It bounds a forgotten stream."""
    config = settings(routing={"timeouts": {"total_s": None}})
    assert build_routes(config, adapters("a"), HealthBook()).resolve("a/x").timeouts.total_s == UNBOUNDED_S


def test_a_providers_own_timeouts_hold_for_its_unlisted_models() -> None:
    """There is no entry to give them."""
    config = settings(providers={"a": HTTP, "b": {**HTTP, "timeouts": {"connect_s": 1.5}}})
    routes = build_routes(config, adapters("a", "b"), HealthBook())
    assert (routes.resolve("b/x").timeouts.connect_s, routes.resolve("a/x").timeouts.connect_s) == (1.5, 5.0)


def test_targets_without_an_adapter_are_left_out() -> None:
    """An entry that has no other is unknown, like a name nobody listed."""
    targets = {"mixed": {"targets": [{"provider": "a"}, {"provider": "b"}]}, "none": {"targets": [{"provider": "b"}]}}
    routes = build_routes(settings(models=targets), adapters("a"), HealthBook())
    assert [t.provider for t in routes.resolve("mixed").targets] == ["a"]
    with pytest.raises(ModelNotFound):
        routes.resolve("none")


async def test_caps_and_switches_reach_the_pipeline() -> None:
    """In bytes and seconds."""
    config = one_provider(
        server={"max_response_mb": 2, "keepalive_after_s": 3, "body_metadata": False},
        cache={"scope": "key", "when": "opt_in", "tool_calls": True},
    )
    async with in_process(config=config) as edge:
        pipe = edge.gateway.state.pipeline
        assert (pipe.max_response_bytes, pipe.keepalive_after_s, pipe.body_metadata, pipe.cache_scope) == (2 * 1024 * 1024, 3, False, "key")
        assert (pipe.cache_rules.when, pipe.cache_rules.store_tool_calls) == ("opt_in", True)


def test_own_strategies_go_before_the_table() -> None:
    """By the name of one in it, or by one of their own, with the prefix; what nobody has is refused with its place."""
    mine = Ordered()
    kinds = kinds_of(settings(routing={"strategy": "own:mine"}), {"mine": mine, "weighted": mine})
    assert kinds["own:mine"].make("e", RouteRules()) is kinds["weighted"].make("e", RouteRules()) is mine
    assert set(STRATEGIES) < set(kinds)
    models = {"m": {"targets": [{"provider": "a"}], "strategy": "own:theirs"}}
    with pytest.raises(SettingsError, match=r"models\.m\.strategy: no strategy 'theirs'"):
        kinds_of(settings(models=models), {"mine": mine})


async def test_a_reload_that_names_a_strategy_nobody_has_is_refused() -> None:
    """The old configuration stays."""
    async with in_process() as edge:
        with pytest.raises(ConfigRefused, match="no strategy 'theirs'"):
            await edge.gateway.reload(one_provider(routing={"strategy": "own:theirs"}))
        assert (await edge.gateway.prepare(one_provider())).state.settings.routing.strategy == "model"


def test_candidates_know_their_prices_and_limits() -> None:
    """From the catalogue and the settings; a free provider's are 0."""
    config = settings(
        providers={"openai": {**HTTP, "kind": "openai"}, "own": {**HTTP, "price": "free"}},
        models={"m": {"targets": [{"provider": "openai", "model": "gpt-4o"}, {"provider": "own", "model": "gpt-4o"}]}},
    )
    providers = build_providers(config.providers, SystemClock())
    routes = build_routes(config, providers, HealthBook(), build_charges(config, providers), at=1.8e9)
    paid, free = (target.facts for target in routes.resolve("m").targets)
    assert (paid.input_pico_usd, paid.output_pico_usd, paid.context_tokens) == (2_500_000, 10_000_000, 128_000)
    assert (free.input_pico_usd, free.output_pico_usd) == (0, 0)

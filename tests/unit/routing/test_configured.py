"""From settings to routing's records."""

from proxy.routing.breaker import BreakerRules
from proxy.routing.configured import health_rules, key_bounds, rules_of, target_of
from proxy.routing.gate import GateRules
from proxy.routing.health import HealthRules
from proxy.routing.room import Bounds
from proxy.routing.rules import ContentRule, HedgeRules, HybridWeights, RetryRules, ShadowRules
from proxy.routing.target import Target
from proxy.settings import ModelSettings, ProviderSettings, Settings, TargetSettings


def test_a_target_keeps_what_it_says() -> None:
    """Its model may be left open."""
    asked = TargetSettings(provider="p", weight=2, priority=1, quality=0.5, region="eu", tags=("a",))
    assert target_of(asked) == Target("p", "", 2.0, 1, 0.5, "eu", ("a",))


def test_an_entry_wins_over_the_defaults() -> None:
    """Section by section."""
    model = ModelSettings.model_validate(
        {
            "targets": [{"provider": "e", "model": "m"}],
            "retries": {"attempts": 2, "per_try_s": 4},
            "sticky": "user",
            "hybrid": {"cost": 1, "latency": 0, "reliability": 0},
            "hedge": {"after_s": 0.5, "bill": "gateway"},
            "shadow": {"model": "other", "share": 0.5, "budget_usd": 2, "concurrency": 7},
            "rules": [{"when": {"keywords": ["SQL"], "headers": {"X-Tier": "gold"}}, "targets": ["e/m"]}],
            "fallbacks": "a, b",
        }
    )
    rules = rules_of(Settings.of(providers={"e": {"kind": "echo"}}), model)
    assert rules.retry == RetryRules(attempts=2, per_try_s=4)
    assert (rules.sticky, rules.hybrid) == ("user", HybridWeights(cost=1, latency=0, reliability=0))
    assert rules.hedge == HedgeRules(after_s=0.5, bill="gateway")
    assert rules.shadow == ShadowRules(model="other", share=0.5, budget_nanos=2_000_000_000, concurrency=7)
    assert rules.content == (ContentRule(targets=("e/m",), keywords=("sql",), headers=(("x-tier", "gold"),)),)
    assert rules.fallbacks == ("a", "b")


def test_a_hedge_can_be_switched_off() -> None:
    """As a whole."""
    model = ModelSettings.model_validate({"targets": [{"provider": "e"}], "hedge": False})
    settings = Settings.of(providers={"e": {"kind": "echo"}}, routing={"sticky": "key"})
    assert rules_of(settings, model).hedge is None
    assert rules_of(settings, model).sticky == "key"


def test_health_is_of_the_whole_gateway() -> None:
    """By default 5 failures, 30 s, 2 successes."""
    echo = {"e": {"kind": "echo"}}
    assert health_rules(Settings.of(providers=echo)) == HealthRules(breaker=BreakerRules(), slow_start_s=30.0, quota_reserve=0.02)
    told = {"breaker": {"enabled": False, "threshold": 3, "open_s": 7, "successes": 1}, "slow_start_s": 0, "quota_reserve": 0.5}
    rules = BreakerRules(enabled=False, threshold=3, open_s=7.0, successes=1)
    assert health_rules(Settings.of(providers=echo, routing=told)) == HealthRules(breaker=rules, slow_start_s=0.0, quota_reserve=0.5)


def test_bounds_of_keys_and_queues_for_them() -> None:
    """Limits that bind nothing are none; a queue without a bound of the target's own is kept, for its keys."""
    provider = ProviderSettings.model_validate({"kind": "echo", "key_limits": {"rpm": 5}})
    assert key_bounds(provider) == Bounds(rpm=5)
    assert key_bounds(ProviderSettings.model_validate({"kind": "echo", "key_limits": {}})) is None
    assert key_bounds(ProviderSettings.model_validate({"kind": "echo"})) is None
    assert target_of(TargetSettings(provider="p", model="m", queue=3)).gate == GateRules(queue=3)
    assert target_of(TargetSettings(provider="p", model="m")).gate is None

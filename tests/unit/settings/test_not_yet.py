"""What is configured but has no effect."""

from typing import Any

import pytest

from proxy.settings import Settings

ECHO = {"echo": {"kind": "echo"}}


def lines(**values: Any) -> list[str]:
    return Settings.of(**{"providers": ECHO, **values}).not_yet()


@pytest.mark.parametrize(
    ("values", "begin"),
    [
        ({"budgets": {"default_monthly_usd": 100, "warn_at": 0.8, "on_shortfall": "cap", "on_redis_loss": "ledger"}}, "budgets: "),
        ({"audit": {"previews": False}}, "audit: "),
        ({"masking": {"logs": True, "audit": True, "provider": False}}, "masking: "),
        ({"agents": {"anything": {"goes": 1}}}, "agents: "),
        ({"stores": {"audit": "jsonl:///var/log"}}, "stores.audit: "),
        ({"stores": {"audit": ["jsonl:///var/log", "kafka://b:9092"]}}, "stores.audit: "),
        ({"cache": {"l2": {"enabled": True}}}, "cache.l2: "),
    ],
)
def test_each_has_a_line(values: dict[str, Any], begin: str) -> None:
    """It parses, and somebody reading the log learns that it does nothing."""
    (line,) = lines(**values)
    assert line.startswith(begin)


@pytest.mark.parametrize("strategy", ["model", "failover", "cost", "latency", "weighted", "hybrid", "round_robin", "content"])
def test_what_is_built_has_none(strategy: str) -> None:
    """Every strategy."""
    assert lines(models={"m": {"strategy": strategy, "targets": [{"provider": "echo"}]}}) == []

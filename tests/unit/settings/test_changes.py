"""What a reload changes, by path."""

from typing import Any

import pytest

from proxy.settings import Settings
from proxy.settings.changes import changed_paths

BASE: dict[str, Any] = {
    "providers": {"echo": {"kind": "echo"}, "up": {"kind": "openai", "base_url": "http://a", "api_keys": ["sk-one-0123456789"]}},
    "models": {"m": {"targets": [{"provider": "echo", "model": "a"}, {"provider": "echo", "model": "b", "weight": 2}]}},
}


def settings(**sections: Any) -> Settings:
    return Settings.of(**{**BASE, **sections})


def models(*targets: dict[str, Any]) -> dict[str, Any]:
    return {"models": {"m": {"targets": [{"provider": "echo", **target} for target in targets]}}}


@pytest.mark.parametrize(
    ("after", "paths"),
    [
        ({}, []),
        ({"cache": {"l1": {"ttl_s": 5}}, "server": {"port": 1}}, ["server.port", "cache.l1.ttl_s"]),
        (models({"model": "a"}, {"model": "b", "weight": 3}), ["models.m.targets[1].weight"]),
        (models({"model": "a"}), ["models.m.targets"]),
        ({"models": {"n": BASE["models"]["m"]}}, ["models.m", "models.n"]),
        (
            {"providers": {"up": {"kind": "openai", "base_url": "http://a", "api_keys": ["sk-two-0123456789"]}, "echo": {"kind": "echo"}}},
            ["providers.up.api_keys[0]"],
        ),
    ],
)
def test_each_change_is_named_by_its_place(after: dict[str, Any], paths: list[str]) -> None:
    """Never by its value; order of a mapping is no change."""
    assert changed_paths(settings(), settings(**after)) == paths

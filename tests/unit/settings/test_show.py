"""The effective configuration."""

import json
from pathlib import Path

import pytest
import yaml

from proxy.settings import Settings, load_settings
from proxy.settings.show import as_json, as_text, effective, origins

CANARY = "sk-canary-7f3a9c2e41d8b650"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    config = tmp_path / "config.yaml"
    config.write_text("providers:\n  gpt.up:\n    kind: openai\n    api_keys: [env:KEY]\nagents: {x: 1}\nstores: {redis: env:REDIS}\n")
    environ = {"KEY": CANARY, "REDIS": f"redis://:{CANARY}@h/0", "PORT": "81", "API_KEYS": CANARY}
    return load_settings(config, environ=environ, dotenv=None)


def test_secrets_are_hidden(settings: Settings) -> None:
    """In both forms; that there is one is shown."""
    shown = as_text(settings) + json.dumps(as_json(settings))
    assert CANARY not in shown
    assert effective(settings)["providers"]["gpt.up"]["api_keys"] == ["***"]
    assert effective(settings)["stores"]["redis"] == "redis://***@h/0"


def test_each_value_tells_where_it_came_from(settings: Settings) -> None:
    """Defaults say nothing."""
    found = origins(settings)
    assert found["server.port"] == "environment PORT"
    assert found["providers.gpt.up.kind"] == "config.yaml:3:5"
    assert found["agents.x"] == "config.yaml:5:10"
    assert "server.host" not in found


def test_the_text_is_yaml_with_comments(settings: Settings) -> None:
    """It reads back as the same values."""
    text = as_text(settings)
    assert yaml.safe_load(text) == effective(settings)
    assert "  port: 81  # environment PORT" in text
    assert "# agents: not available yet" in text


def test_the_json_form_has_digest_and_notes(settings: Settings) -> None:
    """For machines."""
    shown = as_json(settings)
    assert shown["digest"] == settings.digest()
    assert shown["not_yet"] == settings.not_yet()

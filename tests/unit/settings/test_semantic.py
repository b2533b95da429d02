"""The semantic cache's section."""

import pytest
from pydantic import ValidationError

from proxy.settings.semantic import SemanticSettings


@pytest.mark.parametrize("embedder", ["", "openai", "/m", "p/", "remote"])
def test_an_embedder_is_local_or_a_deployment(embedder: str) -> None:
    """Nothing else."""
    with pytest.raises(ValidationError):
        SemanticSettings(embedder=embedder)


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the extra to install; only where it is on."""
    monkeypatch.setattr("proxy.settings.semantic.find_spec", lambda name: None)
    assert SemanticSettings().enabled is False
    with pytest.raises(ValidationError, match=r"llm-edge\[semantic\]"):
        SemanticSettings(enabled=True)

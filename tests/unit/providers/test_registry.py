"""Providers from their settings."""

import sys
import typing
from pathlib import Path
from typing import Any

import pytest

from proxy.core.clock import SystemClock
from proxy.providers.anthropic import Anthropic
from proxy.providers.base import Provider
from proxy.providers.echo import MODELS
from proxy.providers.litellm_bridge import LitellmBridge
from proxy.providers.openai_compatible import AzureOpenAI, OpenAICompatible
from proxy.providers.registry import KINDS, build_providers
from proxy.settings import ProviderSettings
from proxy.settings.providers import Kind
from tests.support.fake_litellm import pretend_installed
from tests.unit.providers.outgoing import outgoing


async def build(**settings: Any) -> Provider:
    (provider,) = build_providers({"p": ProviderSettings(**settings)}, SystemClock()).values()
    await provider.aclose()
    return provider


def test_every_kind_has_an_adapter() -> None:
    """Each that the settings know."""
    assert set(KINDS) == set(typing.get_args(Kind))


@pytest.mark.parametrize(
    ("settings", "adapter", "url"),
    [
        ({"kind": "openai", "api_keys": ["sk-1"]}, OpenAICompatible, "https://api.openai.com/v1/chat/completions"),
        ({"kind": "openai_compatible", "base_url": "http://local.test/v1"}, OpenAICompatible, "http://local.test/v1/chat/completions"),
        ({"kind": "anthropic", "api_keys": ["sk-1"]}, Anthropic, "https://api.anthropic.com/v1/messages"),
    ],
)
async def test_a_kind_knows_its_own_address(settings: dict[str, Any], adapter: type, url: str) -> None:
    """Unless the settings give another."""
    provider = await build(**settings)
    assert isinstance(provider, adapter)
    assert provider.request(outgoing(dialect=provider.dialect), provider.keys.members[0]).url == url


async def test_settings_reach_the_adapter() -> None:
    """Keys, headers, version and price."""
    provider = await build(
        kind="azure", base_url="http://res.test", api_keys=["a", "b"], headers={"X-Team": "t"}, api_version="v9", price="free"
    )
    assert isinstance(provider, AzureOpenAI)
    request = provider.request(outgoing(), provider.keys.members[1])
    assert (dict(request.headers)[b"x-team"], dict(request.headers)[b"api-key"]) == (b"t", b"b")
    assert request.url.endswith("api-version=v9")
    assert (provider.name, provider.free) == ("p", True)


async def test_echo_is_free_and_lists_its_models() -> None:
    """Nothing leaves the process."""
    provider = await build(kind="echo")
    assert (provider.free, provider.models) == (True, MODELS)


async def test_echo_has_a_price_where_that_is_wanted() -> None:
    """So that budgets can be tried without a provider."""
    assert not (await build(kind="echo", price="catalogue")).free


@pytest.mark.parametrize(
    ("settings", "dialects"),
    [
        ({"kind": "echo"}, {"openai_chat", "openai_embeddings"}),
        ({"kind": "gemini", "api_keys": ["k"], "dialects": ["generate_content"]}, {"gemini_generate"}),
        ({"kind": "bedrock", "api_keys": ["k"], "dialects": ["converse"]}, {"bedrock_converse"}),
        ({"kind": "openai", "api_keys": ["k"], "dialects": ["embeddings"]}, {"openai_embeddings"}),
        ({"kind": "azure", "base_url": "http://r.test"}, {"openai_chat", "openai_responses", "openai_embeddings"}),
    ],
)
async def test_what_an_upstream_speaks(settings: dict[str, Any], dialects: set[str]) -> None:
    """What its kind can, unless the settings say less."""
    provider = await build(**settings)
    assert provider.dialects == dialects
    assert provider.dialect in dialects


async def test_kind_litellm_is_built_without_the_package_s_import(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """That takes seconds, and waits for the start."""
    pretend_installed(monkeypatch, tmp_path)
    before = "litellm" in sys.modules
    provider = await build(kind="litellm", model_prefix="groq/")
    assert isinstance(provider, LitellmBridge)
    assert ("litellm" in sys.modules) is before

"""One upstream's fields."""

import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from proxy.settings import ProviderSettings
from tests.support.fake_litellm import pretend_installed


def provider(**fields: Any) -> ProviderSettings:
    return ProviderSettings.model_validate(fields)


@pytest.mark.parametrize(
    ("kind", "url", "speaks"),
    [
        ("openai", "https://api.openai.com/v1", ("chat", "completions", "responses", "embeddings")),
        ("anthropic", "https://api.anthropic.com", ("messages",)),
        ("gemini", "https://generativelanguage.googleapis.com", ("generate_content", "embed_content")),
    ],
)
def test_the_kind_gives_address_and_dialects(kind: str, url: str, speaks: tuple[str, ...]) -> None:
    """Unless they are given."""
    assert (provider(kind=kind, api_keys=["k"]).url, provider(kind=kind, api_keys=["k"]).speaks) == (url, speaks)
    own = provider(kind=kind, base_url="http://up/", dialects=["chat"])
    assert (own.url, own.speaks) == ("http://up", ("chat",))


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"kind": "openai"}, r"needs api_keys .*env:OPENAI_API_KEY"),
        ({"kind": "anthropic"}, "needs api_keys"),
        ({"kind": "openai_compatible"}, "needs base_url"),
        ({"kind": "azure", "api_keys": ["k"]}, "needs base_url"),
        ({"kind": "echo", "proxy": "http://p:1"}, "needs transport: httpx"),
        ({"kind": "echo", "proxy": "socks5://p:1", "transport": "httpx"}, "http:// or https://"),
        ({"kind": "echo", "headers": {"x y": "1"}}, "header's name"),
        ({"kind": "echo", "headers": {"x": "a\r\nb: c"}}, "CR, LF"),
        ({"kind": "echo", "headers": {"Content-Length": "1"}}, "written by the transport"),
        ({"kind": "openai", "api_keys": ["a b"]}, "white space"),
        ({"kind": "openai", "api_keys": ["ключ"]}, "not ASCII"),
        ({"kind": "echo", "dialects": []}, "at least 1"),
        ({"kind": "echo", "max_connections": 0}, "greater than or equal to 1"),
    ],
)
def test_what_cannot_work_is_refused(fields: dict[str, Any], text: str) -> None:
    """Before the first request meets it."""
    with pytest.raises(ValidationError, match=text):
        provider(**fields)


def test_an_outbound_proxy_goes_with_httpx() -> None:
    """Its credentials don't print."""
    made = provider(kind="echo", transport="httpx", proxy="http://user:pass@proxy:3128")
    assert made.proxy is not None
    assert "pass" not in repr(made)


LITELLM = {"kind": "litellm", "model_prefix": "groq/"}


def test_kind_litellm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its prefix says which provider it is; keys and address may come from elsewhere."""
    pretend_installed(monkeypatch, tmp_path)
    made = provider(**LITELLM)
    assert (made.url, made.speaks) == ("", ("chat", "embeddings"))
    assert provider(kind="litellm", model_prefix="bedrock/us-east-1/").model_prefix == "bedrock/us-east-1/"


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"model_prefix": None}, "needs model_prefix.*for example groq/"),
        ({"model_prefix": "groq"}, "needs model_prefix"),
        ({"model_prefix": "/"}, "needs model_prefix"),
        ({"model_prefix": "http://x/"}, "needs model_prefix"),
        ({"transport": "httpx", "proxy": "http://p:1"}, "does not use proxy, transport"),
        ({"max_connections": 5}, "does not use max_connections"),
        ({"region": "eu-west-1"}, "does not use region"),
    ],
)
def test_what_kind_litellm_cannot_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fields: dict[str, Any], text: str) -> None:
    """Said at the start, instead of being passed over."""
    pretend_installed(monkeypatch, tmp_path)
    with pytest.raises(ValidationError, match=text):
        provider(**{**LITELLM, **fields})


def test_a_missing_package_is_a_mistake_in_the_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to install; found without an import, and not at the first request."""
    monkeypatch.setitem(sys.modules, "litellm", None)
    with pytest.raises(ValidationError, match=r"pip install 'llm-edge\[litellm\]'"):
        provider(**LITELLM)

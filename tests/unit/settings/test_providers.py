"""One upstream's fields."""

from typing import Any

import pytest
from pydantic import ValidationError

from proxy.settings import ProviderSettings


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


def test_kinds_without_an_adapter_say_so() -> None:
    """They parse, and are left out."""
    assert provider(kind="echo").built
    assert not provider(kind="litellm").built
    assert provider(kind="litellm").url == ""

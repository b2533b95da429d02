"""Anthropic's Messages API."""

from typing import Any

import pytest

from proxy.providers.anthropic import Anthropic
from proxy.providers.key_pool import KeyPool
from proxy.transport.scripted import ScriptedTransport
from tests.unit.providers.outgoing import outgoing


def anthropic(base_url: str = "http://up.test", api_version: str | None = None) -> Anthropic:
    return Anthropic("a", base_url=base_url, keys=KeyPool(["sk-ant"]), transport=ScriptedTransport([]), api_version=api_version)


@pytest.mark.parametrize("base_url", ["http://up.test", "http://up.test/", "http://up.test/v1", "http://up.test/v1/"])
def test_both_spellings_of_the_base_url_work(base_url: str) -> None:
    """With and without `/v1`."""
    assert anthropic(base_url).url(outgoing(dialect="anthropic_messages")) == "http://up.test/v1/messages"
    assert anthropic(base_url).count_url("m", b"beta=true&x=1") == "http://up.test/v1/messages/count_tokens?beta=true"


def test_the_key_and_a_version_are_always_sent() -> None:
    """The API refuses requests without either."""
    provider = anthropic()
    headers = dict(provider.request(outgoing(dialect="anthropic_messages"), provider.keys.members[0]).headers)
    assert (headers[b"x-api-key"], headers[b"anthropic-version"]) == (b"sk-ant", b"2023-06-01")


def test_the_clients_version_wins_over_the_configured_one() -> None:
    """And that over the adapter's."""
    provider = anthropic(api_version="2024-01-01")
    key = provider.keys.members[0]
    assert dict(provider.request(outgoing(dialect="anthropic_messages"), key).headers)[b"anthropic-version"] == b"2024-01-01"
    asked = outgoing(
        dialect="anthropic_messages", headers={b"anthropic-version": b"2025-01-01", b"anthropic-beta": b"x"}, query=b"beta=true"
    )
    request = provider.request(asked, key)
    assert [value for name, value in request.headers if name == b"anthropic-version"] == [b"2025-01-01"]
    assert dict(request.headers)[b"anthropic-beta"] == b"x"
    assert request.url == "http://up.test/v1/messages?beta=true"


def test_a_bedrock_clients_betas_are_not_sent_in_the_body() -> None:
    """The API refuses fields that it does not know."""
    body: dict[str, Any] = {"model": "m", "anthropic_beta": ["x"]}
    anthropic().amend(body, "anthropic_messages")
    assert body == {"model": "m"}

"""Anything that answers `POST {base_url}/chat/completions`."""

from typing import Any

import pytest

from proxy.providers.key_pool import KeyPool
from proxy.providers.openai_compatible import API_VERSION, AzureOpenAI, OpenAICompatible
from proxy.transport.scripted import ScriptedTransport
from tests.unit.providers.outgoing import outgoing


def openai() -> OpenAICompatible:
    return OpenAICompatible("o", base_url="http://up.test/v1", keys=KeyPool(["sk-o"]), transport=ScriptedTransport([]))


def azure(api_version: str | None = None) -> AzureOpenAI:
    return AzureOpenAI("z", base_url="http://res.test", keys=KeyPool(["k"]), transport=ScriptedTransport([]), api_version=api_version)


def test_the_credential_is_a_bearer_token() -> None:
    """At `{base_url}/chat/completions`."""
    provider = openai()
    request = provider.request(outgoing(), provider.keys.members[0])
    assert (request.url, dict(request.headers)[b"authorization"]) == ("http://up.test/v1/chat/completions", b"Bearer sk-o")


@pytest.mark.parametrize(
    ("body", "options"),
    [
        ({"stream": True}, {"include_usage": True}),
        ({"stream": True, "stream_options": None}, {"include_usage": True}),
        ({"stream": True, "stream_options": {"include_usage": False, "x": 1}}, {"include_usage": True, "x": 1}),
        ({"stream": False}, None),
        ({}, None),
    ],
)
def test_streams_always_report_usage(body: dict[str, Any], options: Any) -> None:
    """Metering needs it; whole answers are left alone."""
    openai().amend(body, "openai_chat")
    assert body.get("stream_options") == options


def test_the_clients_own_options_stay_as_they_were() -> None:
    """They are part of the request that a fallback starts from."""
    options = {"include_usage": False}
    openai().amend({"stream": True, "stream_options": options}, "openai_chat")
    assert options == {"include_usage": False}


def test_azure_names_its_deployment_in_the_path() -> None:
    """Percent-encoded, with an API version and its own credential header."""
    provider = azure()
    request = provider.request(outgoing(model="my/gpt 4"), provider.keys.members[0])
    assert request.url == f"http://res.test/openai/deployments/my%2Fgpt%204/chat/completions?api-version={API_VERSION}"
    assert dict(request.headers)[b"api-key"] == b"k"
    assert b"authorization" not in dict(request.headers)


def test_azures_version_can_be_set() -> None:
    """Preview versions come often."""
    assert azure("2025-03-01-preview").url(outgoing()).endswith("?api-version=2025-03-01-preview")


def test_embeddings_have_their_own_path() -> None:
    """At Azure that of the deployment."""
    call = outgoing(model="my emb", dialect="openai_embeddings")
    assert openai().url(call) == "http://up.test/v1/embeddings"
    assert azure("v9").url(call) == "http://res.test/openai/deployments/my%20emb/embeddings?api-version=v9"

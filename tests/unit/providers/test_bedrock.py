"""Amazon Bedrock's adapter."""

from typing import Any
from urllib.parse import quote

import pytest

from proxy.core.clock import SystemClock
from proxy.providers.bedrock import Bedrock, endpoint
from proxy.providers.registry import build_providers
from proxy.settings import ProviderSettings
from proxy.transport.signing import SigningTransport
from tests.unit.providers.outgoing import outgoing


def bedrock(environ: dict[str, str] | None = None, **settings: Any) -> Bedrock:
    (provider,) = build_providers({"b": ProviderSettings(kind="bedrock", **settings)}, SystemClock(), environ or {}).values()
    assert isinstance(provider, Bedrock)
    return provider


@pytest.mark.parametrize(
    ("model", "dialect", "stream", "path"),
    [
        ("amazon.nova-lite-v1:0", "bedrock_converse", False, "/model/amazon.nova-lite-v1%3A0/converse"),
        ("m", "bedrock_invoke", False, "/model/m/invoke"),
        ("m", "bedrock_invoke", True, "/model/m/invoke-with-response-stream"),
        (
            "arn:aws:bedrock:us-east-1:1:inference-profile/us.x",
            "bedrock_converse",
            True,
            "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fus.x/converse-stream",
        ),
    ],
)
def test_model_and_streaming_stand_in_the_path(model: str, dialect: str, stream: bool, path: str) -> None:
    """Encoded as boto3 encodes them; the body holds neither."""
    provider = bedrock(region="eu-west-1")
    assert provider.url(outgoing(model=model, stream=stream, dialect=dialect)) == endpoint("eu-west-1") + path
    body: dict[str, Any] = {"model": model, "stream": stream, "messages": []}
    provider.amend(body, dialect)
    assert body == {"messages": []}


def test_converse_comes_first() -> None:
    """What is translated goes there, unless the upstream offers InvokeModel alone; what speaks either passes."""
    provider = bedrock()
    assert (provider.dialect, sorted(provider.dialects)) == ("bedrock_converse", ["bedrock_converse", "bedrock_invoke"])
    assert bedrock(dialects=["invoke"]).dialect == "bedrock_invoke"
    assert list(bedrock(dialects=["converse"]).dialects) == ["bedrock_converse"]


def test_headers() -> None:
    """Frames are asked for where the answer streams; the client's settings pass, and nothing else of its."""
    provider = bedrock(api_keys=["k1"])
    given = {
        b"x-amzn-bedrock-guardrailidentifier": b"g",
        b"x-amzn-bedrock-service-tier": b"flex",
        b"x-amzn-bedrock-x": b"1",
        b"accept": b"x",
    }
    call = outgoing(dialect="bedrock_invoke", stream=True, headers=given)
    headers = dict(provider.request(call, provider.keys.members[0]).headers)
    assert headers[b"accept"] == b"application/vnd.amazon.eventstream"
    assert {name for name in headers if name.startswith(b"x-amzn")} == {
        b"x-amzn-bedrock-guardrailidentifier",
        b"x-amzn-bedrock-service-tier",
    }


def test_api_keys_are_bearer_tokens() -> None:
    """From the settings, else from AWS's variable; the transport signs nothing then."""
    for provider in (bedrock(api_keys=["k1"]), bedrock({"AWS_BEARER_TOKEN_BEDROCK": "k1"})):
        headers = dict(provider.request(outgoing(dialect="bedrock_converse"), provider.keys.members[0]).headers)
        assert headers[b"authorization"] == b"Bearer k1"
        assert not isinstance(provider.transport, SigningTransport)


def test_without_keys_requests_are_signed() -> None:
    """With the usual credential chain; the region is the settings', else the environment's."""
    provider = bedrock({"AWS_REGION": "ap-south-1"})
    assert isinstance(provider.transport, SigningTransport)
    assert provider.base_url == endpoint("ap-south-1")
    assert b"authorization" not in dict(provider.request(outgoing(dialect="bedrock_converse"), provider.keys.members[0]).headers)


@pytest.mark.parametrize(
    ("model", "counted"),
    [
        ("anthropic.claude-x-v1:0", "anthropic.claude-x-v1%3A0"),
        ("eu.anthropic.claude-x-v1:0", "anthropic.claude-x-v1%3A0"),
        ("us-gov.amazon.nova-pro-v1:0", "amazon.nova-pro-v1%3A0"),
        ("arn:aws:bedrock:eu-west-1:1:inference-profile/global.anthropic.claude-x", "anthropic.claude-x"),
        ("arn:aws:bedrock:eu-west-1:1:application-inference-profile/abc", None),
        ("us.x", "us.x"),
    ],
)
def test_a_models_tokens_are_counted_under_its_own_id(model: str, counted: str | None) -> None:
    """CountTokens refuses inference profiles; one of the account's own shows no model."""
    expected = quote(model, safe="") if counted is None else counted
    assert bedrock(base_url="http://b.test").count_url(model, b"") == f"http://b.test/model/{expected}/count-tokens"


@pytest.mark.parametrize(("stream", "operation"), [(False, "invoke"), (True, "invoke-with-response-stream")])
def test_each_dialect_has_its_operations(stream: bool, operation: str) -> None:
    """InvokeModel beside Converse, which other dialects are translated to."""
    provider = bedrock(region="eu-west-1")
    url = provider.url(outgoing(model="amazon.titan-embed-text-v2:0", stream=stream, dialect="bedrock_invoke"))
    assert url == f"{endpoint('eu-west-1')}/model/amazon.titan-embed-text-v2%3A0/{operation}"
    assert (provider.dialect, provider.dialects) == ("bedrock_converse", frozenset({"bedrock_converse", "bedrock_invoke"}))

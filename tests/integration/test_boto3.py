"""boto3 with another endpoint_url and nothing else: Converse and ConverseStream, at any provider."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from proxy.storage.issue import new_access_key
from tests.support.boto3_clients import by_hook, by_signature, called_by, client_of, signing
from tests.support.gateway import Running, running, settings
from tests.support.upstream import Upstream, chat, failing, json_answer

MESSAGES = [{"role": "user", "content": [{"text": "Hello"}]}]
TOOLS: Any = {
    "tools": [
        {
            "toolSpec": {
                "name": "get_weather",
                "inputSchema": {"json": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}},
            }
        }
    ],
    "toolChoice": {"any": {}},
}


@pytest.fixture
async def edge() -> AsyncIterator[Running]:
    async with running(settings()) as started:
        yield started


def said(stream: Iterator[Any]) -> tuple[str, list[str], str, int]:
    """Text, order of event kinds, stop reason, output tokens."""
    text, reason, tokens = "", "", 0
    kinds: list[str] = []
    for event in stream:
        ((kind, value),) = event.items()
        if not kinds or kinds[-1] != kind:
            kinds.append(kind)
        if kind == "contentBlockDelta":
            text += value["delta"].get("text", "")
        elif kind == "messageStop":
            reason = value["stopReason"]
        elif kind == "metadata":
            tokens = value["usage"]["outputTokens"]
    return text, kinds, reason, tokens


@pytest.mark.parametrize("prefix", ["", "/llm-gateway", "/api/llm-gateway"])
async def test_converse(edge: Running, prefix: str) -> None:
    """An answer, its usage and its request id; the same again comes from the cache."""
    client = by_hook(edge.url + prefix)
    for _ in range(2):
        answer = await asyncio.to_thread(client.converse, modelId="echo", messages=MESSAGES, inferenceConfig={"maxTokens": 50})
        assert answer["output"]["message"]["content"][0]["text"]
        assert answer["stopReason"] == "end_turn"
        assert answer["usage"]["totalTokens"] == answer["usage"]["inputTokens"] + answer["usage"]["outputTokens"]
        assert len(answer["ResponseMetadata"]["RequestId"]) == 32
    assert answer["ResponseMetadata"]["HTTPHeaders"]["x-llm-edge-cache"] == "hit"


async def test_converse_stream(edge: Running) -> None:
    """Real AWS frames in their order, whole and from the cache."""
    client = by_hook(edge.url)
    whole = await asyncio.to_thread(client.converse, modelId="echo", messages=MESSAGES)
    answer = await asyncio.to_thread(client.converse_stream, modelId="echo", messages=[*MESSAGES])
    text, kinds, reason, tokens = await asyncio.to_thread(said, answer["stream"])
    assert text == whole["output"]["message"]["content"][0]["text"]
    assert (kinds[0], kinds[-2:], reason) == ("messageStart", ["messageStop", "metadata"], "end_turn")
    assert tokens == whole["usage"]["outputTokens"]


async def test_tools(edge: Running) -> None:
    """A call with its input as an object, and back with its result."""
    client = by_hook(edge.url)
    first = await asyncio.to_thread(client.converse, modelId="echo", messages=MESSAGES, toolConfig=TOOLS)
    assert first["stopReason"] == "tool_use"
    message = first["output"]["message"]
    use = next(block["toolUse"] for block in message["content"] if "toolUse" in block)
    assert (use["name"], type(use["input"])) == ("get_weather", dict)
    result = {"toolResult": {"toolUseId": use["toolUseId"], "content": [{"text": "sunny"}]}}
    config = {"tools": TOOLS["tools"]}
    turns = [*MESSAGES, message, {"role": "user", "content": [result]}]
    second = await asyncio.to_thread(client.converse, modelId="echo", messages=turns, toolConfig=config)
    assert second["stopReason"] == "end_turn"


async def test_errors_are_boto3s_own(edge: Running) -> None:
    """Validation, unknown model, bad key: the exception types that the SDK knows."""
    client = by_hook(edge.url)
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        async with running(settings(models={"only": {"targets": [{"provider": "echo"}]}})) as other:
            await asyncio.to_thread(by_hook(other.url).converse, modelId="unknown", messages=MESSAGES)
    careless = by_hook(edge.url, parameter_validation=False)
    wrongs: tuple[dict[str, Any], ...] = (
        {"messages": []},
        {"messages": MESSAGES, "inferenceConfig": {"maxTokens": 0}},
        {"messages": [{"role": "user"}]},
    )
    for wrong in wrongs:
        with pytest.raises(careless.exceptions.ValidationException):
            await asyncio.to_thread(careless.converse, modelId="echo", **wrong)
    stranger = client_of(edge.url, config=Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1}))
    with pytest.raises(ClientError) as refused:
        await asyncio.to_thread(stranger.converse, modelId="echo", messages=MESSAGES)
    assert refused.value.response["Error"]["Code"] == "UnrecognizedClientException"


async def test_a_throttled_provider_throttles_boto3() -> None:
    """429 keeps its meaning and its message; another dialect's provider makes no difference."""
    async with Upstream() as up:
        up.script(json_answer(chat("hello")), failing(429))
        async with running(settings(up.url, routing={"retries": {"attempts": 1}})) as edge:
            client = by_hook(edge.url)
            answer = await asyncio.to_thread(client.converse, modelId="gpt-4o", messages=MESSAGES)
            assert answer["output"]["message"]["content"] == [{"text": "hello"}]
            other = [{"role": "user", "content": [{"text": "again"}]}]
            with pytest.raises(client.exceptions.ThrottlingException):
                await asyncio.to_thread(client.converse, modelId="gpt-4o", messages=other)


async def test_an_api_key_in_awss_own_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS_BEARER_TOKEN_BEDROCK holds the gateway's key; boto3 sends it over TLS only."""
    async with called_by("variable", tmp_path, monkeypatch) as (_, client):
        answer = await asyncio.to_thread(client.converse, modelId="echo", messages=MESSAGES)
        assert answer["stopReason"] == "end_turn"


@pytest.mark.parametrize("model", ["echo", "echo/arn:aws:bedrock:us-east-1:1:inference-profile/us.x-v1:0"])
async def test_ordinary_signed_requests(edge: Running, model: str) -> None:
    """An access key of the gateway's, any region, whole and streamed, under each prefix, ids percent-encoded as boto3 does it."""
    client, access_key = await by_signature(edge)
    secret = client._get_credentials().secret_key
    for prefix in ("", "/llm-gateway", "/api/llm-gateway"):
        client = signing(edge.url + prefix, access_key, secret)
        answer = await asyncio.to_thread(client.converse, modelId=model, messages=MESSAGES)
        assert answer["stopReason"] == "end_turn"
    stream = (await asyncio.to_thread(client.converse_stream, modelId=model, messages=MESSAGES))["stream"]
    assert (await asyncio.to_thread(said, stream))[2] == "end_turn"


async def test_signatures_that_are_not_ours(edge: Running) -> None:
    """AWS's own keys, a wrong secret, a revoked key: 403 with the names that AWS uses; an id is no bearer token."""
    client, access_key = await by_signature(edge, models=("echo",))
    assert (await asyncio.to_thread(client.converse, modelId="echo", messages=MESSAGES))["stopReason"] == "end_turn"
    for key, word in (("AKIAIOSFODNN7EXAMPLE", "UnrecognizedClientException"), (access_key, "InvalidSignatureException")):
        with pytest.raises(ClientError) as refused:
            await asyncio.to_thread(signing(edge.url, key, "wrong").converse, modelId="echo", messages=MESSAGES)
        assert refused.value.response["Error"]["Code"] == word
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    for header in (f"Bearer {access_key}", f"Bearer sigv4:{access_key}"):
        answer = await edge.client.post("/model/echo/converse", json={"messages": MESSAGES}, headers={"authorization": header})
        assert answer.status_code == 401
    with pytest.raises(client.exceptions.AccessDeniedException):
        await asyncio.to_thread(client.converse, modelId="echo/other", messages=MESSAGES)


async def test_a_revoked_access_key_is_refused(edge: Running) -> None:
    """As soon as its look-up is not believed any more."""
    client, access_key = await by_signature(edge)
    await edge.gateway.state.records.set_status(access_key, "revoked")
    with pytest.raises(ClientError) as refused:
        await asyncio.to_thread(client.converse, modelId="echo", messages=MESSAGES)
    assert refused.value.response["Error"]["Code"] == "UnrecognizedClientException"


async def test_a_signature_is_for_bedrock_routes_only(edge: Running) -> None:
    """Elsewhere it is no credential."""
    signature = "AWS4-HMAC-SHA256 Credential=LEK1KAAAA/20260101/us-east-1/bedrock/aws4_request, SignedHeaders=host, Signature=00"
    answer = await edge.client.post("/v1/chat/completions", json={"model": "echo", "messages": []}, headers={"authorization": signature})
    assert answer.status_code == 401


OLD, NEW = "the-old-signing-secret-of-0123456789", "the-new-signing-secret-of-0123456789"


@pytest.mark.parametrize(
    ("auth", "record", "word"),
    [
        ({"signing_secret": NEW, "previous_signing_secret": OLD}, {}, None),
        ({"signing_secret": NEW}, {}, "InvalidSignatureException"),
        ({"signing_secret": OLD}, {"expires_at": 1.0}, "ExpiredTokenException"),
        ({"signing_secret": OLD}, {"allowed_ips": ("192.0.2.1",)}, "AccessDeniedException"),
        ({"signing_secret": OLD}, {"allowed_ips": ("127.0.0.1",)}, None),
        ({"signing_secret": OLD}, {"role": "nobody"}, "AccessDeniedException"),
    ],
)
async def test_an_access_key_of_an_older_secret(auth: dict[str, str], record: dict[str, Any], word: str | None) -> None:
    """It is good while that secret is; its record's expiry, networks and role count as any key's do."""
    async with running(settings(auth=auth)) as edge:
        access_key, secret_key, made = new_access_key(OLD.encode(), time.time(), **record)
        await edge.gateway.state.records.create(made)
        client = signing(edge.url, access_key, secret_key)
        if word is None:
            assert (await asyncio.to_thread(client.converse, modelId="echo", messages=MESSAGES))["stopReason"] == "end_turn"
            return
        with pytest.raises(ClientError) as refused:
            await asyncio.to_thread(client.converse, modelId="echo", messages=MESSAGES)
        assert refused.value.response["Error"]["Code"] == word

"""boto3's InvokeModel and InvokeModelWithResponseStream through a whole gateway: bodies of each vendor's own, at any provider."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EventStreamError

from proxy.codecs.eventstream import exception_frame
from tests.support.boto3_clients import WAYS, by_hook, by_signature, called_by
from tests.support.embedding_answers import answering, titan_embedding, vector_of
from tests.support.gateway import running, settings
from tests.support.invoke_samples import FOREIGN, chunk, counted, frames_answer, inner_events, sample
from tests.support.upstream import Upstream, chat, failing, json_answer, stream_answer

CLAUDE: dict[str, Any] = {
    "anthropic_version": "bedrock-2023-05-31",
    "max_tokens": 50,
    "messages": [{"role": "user", "content": "Hello"}],
}
BODIES: dict[str, dict[str, Any]] = {"claude": CLAUDE, "titan": {"inputText": "Hello"}, "llama": {"prompt": "Hello", "max_gen_len": 50}}
MODELS = {
    "claude": "anthropic.claude-sonnet-4-5-20250929-v1:0",
    "titan": "amazon.titan-text-express-v1",
    "llama": "us.meta.llama3-3-70b-instruct-v1:0",
}
FAMILIES = list(BODIES)


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as up:
        yield up


def at_bedrock(up: Upstream, **more: Any) -> dict[str, Any]:
    """A provider of kind bedrock for every model, one try."""
    providers = {"bedrock": {"kind": "bedrock", "base_url": up.url, "api_keys": ["bedrock-api-key-1234567890"], **more}}
    return {"providers": providers, "routing": {"retries": {"attempts": 1}}}


async def whole(client: Any, model: str, body: Any, **more: Any) -> tuple[Any, dict[str, str]]:
    """The answer's body and headers."""

    def ask() -> tuple[Any, dict[str, str]]:
        answer = client.invoke_model(modelId=model, body=json.dumps(body), **more)
        assert answer["contentType"] == "application/json"
        return json.loads(answer["body"].read()), answer["ResponseMetadata"]["HTTPHeaders"]

    return await asyncio.to_thread(ask)


async def streamed(client: Any, model: str, body: Any, **more: Any) -> list[Any]:
    """What the chunks hold."""

    def ask() -> list[Any]:
        answer = client.invoke_model_with_response_stream(modelId=model, body=json.dumps(body), **more)
        assert answer["contentType"] == "application/json"
        with contextlib.closing(answer["body"]) as events:
            return [json.loads(event["chunk"]["bytes"]) for event in events]

    return await asyncio.to_thread(ask)


def text_of(family: str, answer: Any) -> str:
    if family == "claude":
        return str(answer["content"][0]["text"])
    return str(answer["results"][0]["outputText"] if family == "titan" else answer["generation"])


def said(family: str, events: list[Any]) -> str:
    if family == "claude":
        return "".join(event["delta"].get("text", "") for event in events if event["type"] == "content_block_delta")
    return "".join(event["outputText" if family == "titan" else "generation"] for event in events)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("way", WAYS)
async def test_translated(way: str, family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider of another dialect answers each family in its own form, whole and streamed; a repeat comes from the cache."""
    async with called_by(way, tmp_path, monkeypatch) as (_, client):
        answer, headers = await whole(client, "echo", BODIES[family])
        assert text_of(family, answer) == "Echo: Hello"
        assert (headers["x-amzn-bedrock-input-token-count"], headers["x-amzn-bedrock-output-token-count"]) == ("2", "3")
        assert len(headers["x-amzn-requestid"]) == 32
        again, headers = await whole(client, "echo", BODIES[family])
        assert (text_of(family, again), headers["x-llm-edge-cache"]) == (text_of(family, answer), "hit")
        assert family != "claude" or again["id"] != answer["id"]
        assert headers["x-amzn-bedrock-output-token-count"] == "3"
        for _ in range(2):
            events = await streamed(client, "echo", BODIES[family])
            assert said(family, events) == "Echo: Hello"
            assert events[-1]["amazon-bedrock-invocationMetrics"] == {"inputTokenCount": 2, "outputTokenCount": 3}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("way", WAYS)
async def test_passed_on(way: str, family: str, upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To Bedrock as it came, by the same operation; the answer and its events as they come."""
    body = {k: v for k, v in sample(f"request_{family}").items() if k not in ("model", "stream")}
    answer, events = sample(f"answer_{family}"), sample(f"stream_{family}")
    upstream.script(json_answer(answer), frames_answer([chunk(event) for event in events]))
    model = MODELS[family]
    path = f"/model/{model.replace(':', '%3A')}"
    async with called_by(way, tmp_path, monkeypatch, None, **at_bedrock(upstream)) as (_, client):
        got, headers = await whole(client, model, {**body, "unknown": [1.5, None]})
        assert got == answer
        assert int(headers["x-amzn-bedrock-output-token-count"]) > 0
        assert await streamed(client, model, body) == events
    first, second = upstream.calls
    assert (first.path, second.path) == (f"{path}/invoke", f"{path}/invoke-with-response-stream")
    assert (first.json, second.json) == ({**body, "unknown": [1.5, None]}, body)
    assert (first.headers["accept"], first.headers["content-type"]) == ("application/json", "application/json")
    assert second.headers["accept"] == "application/vnd.amazon.eventstream"
    assert first.headers["authorization"] == "Bearer bedrock-api-key-1234567890"


@pytest.mark.parametrize("model", list(FOREIGN))
async def test_other_vendors_pass_untouched(upstream: Upstream, model: str) -> None:
    """Bodies and answers that nobody here reads; usage from Bedrock's headers and from the last chunk."""
    body, answer, events = FOREIGN[model]
    counts = {"x-amzn-bedrock-input-token-count": "7", "x-amzn-bedrock-output-token-count": "5", "x-amzn-bedrock-invocation-latency": "90"}
    upstream.script(json_answer(answer, headers=counts), frames_answer([chunk(event) for event in counted(events)]))
    async with running(settings(**at_bedrock(upstream))) as edge:
        client = by_hook(edge.url)
        for _ in range(2):
            got, headers = await whole(client, model, body)
            assert got == answer
            assert (headers["x-amzn-bedrock-input-token-count"], headers["x-amzn-bedrock-output-token-count"]) == ("7", "5")
        for _ in range(2):
            assert await streamed(client, model, body) == counted(events)
    assert [call.json for call in upstream.calls] == [body, body], "a repeat comes from the cache"


@pytest.mark.parametrize("model", list(FOREIGN))
async def test_other_vendors_bodies_reach_no_other_provider(model: str) -> None:
    """boto3's own ValidationException, which says where such a body can go."""
    async with running(settings()) as edge:
        client = by_hook(edge.url)
        for call in (whole, streamed):
            with pytest.raises(client.exceptions.ValidationException, match="bedrock"):
                await call(client, f"echo/{model}", FOREIGN[model][0])


@pytest.mark.parametrize("prefix", ["", "/llm-gateway", "/api/llm-gateway"])
@pytest.mark.parametrize("model", ["echo", "echo/arn:aws:bedrock:us-east-1:1:application-inference-profile/abc123"])
async def test_prefixes_and_arns(prefix: str, model: str) -> None:
    """Ids percent-encoded as boto3 does it."""
    async with running(settings()) as edge:
        client = by_hook(edge.url + prefix)
        assert text_of("claude", (await whole(client, model, CLAUDE))[0]) == "Echo: Hello"
        assert said("titan", await streamed(client, model, BODIES["titan"])) == "Echo: Hello"


def claude_upstream() -> tuple[dict[str, Any], list[bytes]]:
    """The sample's answer and stream as Anthropic sends them."""
    events = [{k: v for k, v in event.items() if not k.startswith("amazon")} for event in sample("stream_claude")]
    return sample("answer_claude"), [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events]


async def test_claudes_bodies_at_anthropic(upstream: Upstream) -> None:
    """Tools, betas and cache points arrive as the Messages API has them; whole and streamed answers come back as Bedrock's."""
    answer, stream = claude_upstream()
    upstream.script(json_answer(answer), stream_answer(stream))
    body = {k: v for k, v in sample("request_claude").items() if k not in ("model", "stream")}
    providers = {"anthropic": {"kind": "anthropic", "base_url": upstream.url, "api_keys": ["sk-ant-1234567890"]}}
    models = {"smart": {"targets": [{"provider": "anthropic", "model": "claude-sonnet-4-5"}]}}
    async with running(settings(providers=providers, models=models)) as edge:
        client = by_hook(edge.url)
        got, headers = await whole(client, "smart", body)
        events = await streamed(client, "smart", body)
    assert "x-llm-edge-dropped" not in headers
    assert got == answer
    assert said("claude", events) == "Sunny."
    starts = [event["content_block"] for event in events if event["type"] == "content_block_start"]
    assert (starts[1]["id"], starts[1]["name"]) == ("toolu_1", "weather")
    pieces = [event["delta"].get("partial_json", "") for event in events if event["type"] == "content_block_delta"]
    assert json.loads("".join(pieces)) == {"city": "Rome"}
    assert events[-2]["delta"]["stop_reason"] == "tool_use"
    assert events[-1]["amazon-bedrock-invocationMetrics"]["cacheReadInputTokenCount"] == 4
    sent = {k: v for k, v in body.items() if k not in ("anthropic_version", "anthropic_beta")} | {"model": "claude-sonnet-4-5"}
    assert [call.json for call in upstream.calls] == [sent, sent | {"stream": True}]
    for call in upstream.calls:
        assert (call.path, call.headers["anthropic-beta"]) == ("/v1/messages", "context-1m-2025-08-07")
        assert call.headers["anthropic-version"] == "2023-06-01"


async def test_tool_calls_of_a_chat_model(upstream: Upstream) -> None:
    """In Claude's form, with its usage; a result goes back."""
    call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Rome"}'}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    upstream.script(
        json_answer(chat(choices=[{"index": 0, "message": message, "finish_reason": "tool_calls"}])), json_answer(chat("Sunny"))
    )
    body = {**CLAUDE, "tools": sample("request_claude")["tools"]}
    async with running(settings(upstream.url)) as edge:
        client = by_hook(edge.url)
        first, _ = await whole(client, "gpt-4o", body)
        (use,) = first["content"]
        assert (first["stop_reason"], use["name"], use["input"]) == ("tool_use", "weather", {"city": "Rome"})
        result = {"type": "tool_result", "tool_use_id": use["id"], "content": "sunny"}
        turns = [*body["messages"], {"role": "assistant", "content": first["content"]}, {"role": "user", "content": [result]}]
        second, _ = await whole(client, "gpt-4o", {**body, "messages": turns})
        assert text_of("claude", second) == "Sunny"
    assert upstream.calls[1].json["messages"][-1]["tool_call_id"] == use["id"]


async def test_a_name_that_leads_to_another_vendors_model(upstream: Upstream) -> None:
    """The provider speaks InvokeModel, but that model takes another body: the request is translated to Converse."""
    converse = {"output": {"message": {"role": "assistant", "content": [{"text": "Hello"}]}}, "stopReason": "end_turn"}
    upstream.on(json_answer({**converse, "usage": {"inputTokens": 3, "outputTokens": 1, "totalTokens": 4}}))
    models = {"smart": {"targets": [{"provider": "bedrock", "model": "amazon.nova-lite-v1:0"}]}}
    async with running(settings(**at_bedrock(upstream), models=models)) as edge:
        for family, body in BODIES.items():
            answer, _ = await whole(by_hook(edge.url), "smart", body)
            assert text_of(family, answer) == "Hello"
    assert {call.path for call in upstream.calls} == {"/model/amazon.nova-lite-v1%3A0/converse"}


async def test_a_family_at_another_familys_model(upstream: Upstream) -> None:
    """With InvokeModel alone it is translated from body to body."""
    upstream.on(json_answer(sample("answer_llama")))
    models = {"smart": {"targets": [{"provider": "bedrock", "model": MODELS["llama"]}]}}
    async with running(settings(**at_bedrock(upstream, dialects=["invoke"]), models=models)) as edge:
        client = by_hook(edge.url)
        answer, _ = await whole(client, "smart", {"inputText": "Hi", "textGenerationConfig": {"maxTokenCount": 9, "x": 1}})
        assert text_of("titan", answer) == "Good bye"
        assert upstream.calls[0].json.keys() == {"prompt", "max_gen_len"}
        assert text_of("llama", (await whole(client, "smart", {"prompt": "as it is"}))[0]) == "Good bye"
        assert upstream.calls[1].json == {"prompt": "as it is"}


async def test_settings_in_headers(upstream: Upstream) -> None:
    """A guardrail reaches Bedrock and counts in the cache's key; a provider that has none leaves it behind, and that is said."""
    upstream.on(json_answer(sample("answer_titan")))
    guard = {"guardrailIdentifier": "g1", "guardrailVersion": "2", "trace": "ENABLED", "performanceConfigLatency": "optimized"}
    async with running(settings(**at_bedrock(upstream))) as edge:
        client = by_hook(edge.url)
        for more in (guard, {}, {**guard, "guardrailVersion": "3"}, guard):
            await whole(client, MODELS["titan"], BODIES["titan"], **more)
    assert len(upstream.calls) == 3
    sent = upstream.calls[0].headers
    assert (sent["x-amzn-bedrock-guardrailidentifier"], sent["x-amzn-bedrock-trace"]) == ("g1", "ENABLED")
    assert sent["x-amzn-bedrock-performanceconfig-latency"] == "optimized"
    assert not any(name.startswith("x-amzn-bedrock") for name in upstream.calls[1].headers)
    async with running(settings()) as edge:
        client = by_hook(edge.url)
        _, headers = await whole(client, "echo", BODIES["titan"], **{**guard, "trace": "DISABLED"})
        names = ("guardrailidentifier", "guardrailversion", "performanceconfig-latency")
        assert headers["x-llm-edge-dropped"].split(",") == [f"x-amzn-bedrock-{name}" for name in names]


async def test_errors_are_boto3s_own(upstream: Upstream) -> None:
    """Wrong fields, an unknown model, a key without the right, a throttled and a failing provider: the exceptions that the SDK knows."""
    upstream.script(failing(429), failing(503), failing(408))
    models = {"gpt-4o": {"targets": [{"provider": "openai"}]}}
    async with running(settings(upstream.url, models=models, routing={"retries": {"attempts": 1}})) as edge:
        client = by_hook(edge.url)
        wrongs: list[tuple[str, Any, str]] = [
            ("gpt-4o", {**CLAUDE, "messages": []}, "messages"),
            ("gpt-4o", {k: v for k, v in CLAUDE.items() if k != "max_tokens"}, "max_tokens"),
            ("gpt-4o", {**CLAUDE, "anthropic_beta": ["a\r\nx: y"]}, "anthropic_beta"),
            ("gpt-4o", {"inputText": 5}, "inputText"),
            ("gpt-4o", {"prompt": "x", "max_gen_len": 0}, "max_gen_len"),
            ("gpt-4o", {}, "forms of Claude"),
        ]
        for model, body, word in wrongs:
            with pytest.raises(client.exceptions.ValidationException, match=word):
                await whole(client, model, body)
        with pytest.raises(client.exceptions.ResourceNotFoundException):
            await whole(client, "anthropic.claude-unknown", CLAUDE)
        for call, kind in ((whole, "ThrottlingException"), (streamed, "ServiceUnavailableException"), (whole, "ModelTimeoutException")):
            with pytest.raises(getattr(client.exceptions, kind)):
                await call(client, "gpt-4o", CLAUDE)
        limited, _ = await by_signature(edge, models=("other",))
        with pytest.raises(client.exceptions.AccessDeniedException):
            await whole(limited, "gpt-4o", CLAUDE)


async def test_embeddings(upstream: Upstream) -> None:
    """Titan's body at Titan, unchanged, and at a provider of OpenAI's dialect; a model without embeddings is a ValidationException."""
    upstream.on(answering())
    titan, body = "amazon.titan-embed-text-v2:0", {"inputText": "hello", "dimensions": 4, "normalize": True}
    at = at_bedrock(upstream)
    async with running(settings(**at)) as edge:
        made, _ = await whole(by_hook(edge.url), titan, body)
        assert made == titan_embedding(body)
        assert upstream.calls[0].json == body
        assert upstream.calls[0].path == "/model/amazon.titan-embed-text-v2%3A0/invoke"
    async with running(settings(upstream.url)) as edge:
        client, _ = await by_signature(edge)
        made, _ = await whole(client, titan, body)
        assert (made["embedding"], made["inputTextTokenCount"]) == (vector_of("hello", 4), 2)
        with pytest.raises(client.exceptions.ValidationException, match="inputText"):
            await whole(client, titan, {})
    anthropic = {"kind": "anthropic", "base_url": upstream.url, "api_keys": ["sk-ant-1234567890"]}
    async with running(settings(providers={"anthropic": anthropic})) as edge:
        client, _ = await by_signature(edge)
        with pytest.raises(client.exceptions.ValidationException, match="has no embeddings"):
            await whole(client, titan, body)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("kind", ["throttlingException", "modelStreamErrorException"])
async def test_a_stream_that_fails_raises(upstream: Upstream, family: str, kind: str) -> None:
    """Bedrock's exception frame after the first content is one for the client, too, and nothing is cached."""
    events = sample(f"stream_{family}")[:3]
    broken = [*(chunk(event) for event in (events if family == "claude" else events[:1])), exception_frame(kind, b'{"message": "no more"}')]
    upstream.on(frames_answer(broken))
    async with running(settings(**at_bedrock(upstream))) as edge:
        for _ in range(2):
            with pytest.raises(EventStreamError, match="no more") as caught:
                await streamed(by_hook(edge.url), MODELS[family], BODIES[family])
            assert kind in str(caught.value)
    assert len(upstream.calls) == 2


async def test_a_gateways_name_for_a_bedrock_model(upstream: Upstream) -> None:
    """`smart` with Claude's body is Claude at Bedrock: untranslated; an inference profile may be of any model."""
    upstream.on(json_answer(sample("answer_claude")))
    profile = "arn:aws:bedrock:us-east-1:1:application-inference-profile/abc"
    models = {
        name: {"targets": [{"provider": "bedrock", "model": model}]} for name, model in (("smart", MODELS["claude"]), ("own", profile))
    }
    async with running(settings(**at_bedrock(upstream), models=models)) as edge:
        for name in models:
            assert (await whole(by_hook(edge.url), name, {**CLAUDE, "x": 1}))[0] == sample("answer_claude")
    assert [call.json for call in upstream.calls] == [{**CLAUDE, "x": 1}] * 2
    assert upstream.calls[1].path == "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Aapplication-inference-profile%2Fabc/invoke"


async def test_frames_are_those_of_the_provider(upstream: Upstream) -> None:
    """Byte for byte, padding included."""
    frames = [chunk(event) for event in sample("stream_llama")]
    upstream.on(frames_answer(frames))
    async with running(settings(**at_bedrock(upstream))) as edge:
        answer = await edge.client.post(f"/model/{MODELS['llama']}/invoke-with-response-stream", json=BODIES["llama"])
        assert answer.headers["content-type"] == "application/vnd.amazon.eventstream"
        assert answer.content == b"".join(frames)
        assert inner_events(answer.content) == sample("stream_llama")

"""InvokeModel's bodies at providers of every dialect, and clients of every dialect at a provider that speaks InvokeModel alone."""

import json
from collections.abc import AsyncIterator
from typing import Any

import anthropic
import pytest

from tests.support import gemini_samples, responses_samples
from tests.support.boto3_clients import by_signature
from tests.support.converse_samples import wire, wire_stream
from tests.support.gateway import running, settings
from tests.support.invoke_samples import chunk, frames_answer, inner_events, sample
from tests.support.upstream import Upstream, chat, chat_stream, json_answer, stream_answer

MODELS = {
    "claude": "anthropic.claude-sonnet-4-5-20250929-v1:0",
    "titan": "amazon.titan-text-express-v1",
    "llama": "us.meta.llama3-3-70b-instruct-v1:0",
}
CLAUDE: dict[str, Any] = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 50, "messages": [{"role": "user", "content": "Hello"}]}
BODIES: dict[str, dict[str, Any]] = {"claude": CLAUDE, "titan": {"inputText": "Hello"}, "llama": {"prompt": "Hello", "max_gen_len": 50}}
FAMILIES = list(BODIES)
SSE = [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in sample("stream_claude")]
SAYS = {"chat": "Hello there", "responses": "Grüß dich, Welt 🌍", "messages": "Sunny.", "converse": "Cats purr.", "gemini": "Hello."}
PROVIDERS: dict[str, tuple[dict[str, Any], bytes, list[bytes]]] = {
    "chat": ({"kind": "openai_compatible"}, json.dumps(chat("Hello there")).encode(), chat_stream("Hello", " there")),
    "responses": (
        {"kind": "openai_compatible", "dialects": ["responses"]},
        responses_samples.sample("response_text.json"),
        [responses_samples.sample("stream_text.sse")],
    ),
    "messages": (
        {"kind": "anthropic"},
        json.dumps(sample("answer_claude")).encode(),
        SSE,
    ),
    "converse": ({"kind": "bedrock", "dialects": ["converse"]}, wire("answer_text.json"), [wire_stream("stream_text.json")]),
    "gemini": ({"kind": "gemini"}, gemini_samples.sample("answer_text.json"), [gemini_samples.sample("stream_text.sse")]),
}


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as up:
        yield up


def invoke_only(up: Upstream) -> Any:
    bedrock = {"kind": "bedrock", "base_url": up.url, "api_keys": ["bedrock-api-key-1234567890"], "dialects": ["invoke"]}
    return settings(providers={"bedrock": bedrock}, models={"*": {"targets": [{"provider": "bedrock"}]}})


def text_of(family: str, answer: Any) -> str:
    if family == "claude":
        return "".join(part.get("text", "") for part in answer["content"])
    return str(answer["results"][0]["outputText"] if family == "titan" else answer["generation"])


def said(family: str, events: list[Any]) -> str:
    if family == "claude":
        return "".join(event["delta"].get("text", "") for event in events if event["type"] == "content_block_delta")
    return "".join(event["outputText" if family == "titan" else "generation"] for event in events)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("dialect", list(PROVIDERS))
async def test_every_family_at_every_dialect(upstream: Upstream, dialect: str, family: str) -> None:
    """The answer's text and counts are the provider's, in the family's own form, whole and streamed."""
    provider, answer, stream = PROVIDERS[dialect]
    upstream.script(json_answer(answer), stream_answer(stream))
    providers = {"p": {"base_url": upstream.url, "api_keys": ["provider-key-1234567890"], **provider}}
    models = {"smart": {"targets": [{"provider": "p", "model": "m"}]}}
    async with running(settings(providers=providers, models=models, cache={"enabled": False})) as edge:
        whole = await edge.client.post("/model/smart/invoke", json=BODIES[family])
        assert whole.status_code == 200, whole.text
        streamed = await edge.client.post("/model/smart/invoke-with-response-stream", json=BODIES[family])
        events = inner_events(streamed.content)
    assert text_of(family, whole.json()) == SAYS[dialect]
    assert said(family, events) == ("Hello, wörld." if dialect == "gemini" else SAYS[dialect])
    counts = events[-1]["amazon-bedrock-invocationMetrics"]
    assert counts["outputTokenCount"] > 0
    assert int(whole.headers["x-amzn-bedrock-output-token-count"]) > 0
    assert "Hello" in json.dumps(upstream.calls[0].json)


@pytest.mark.parametrize("family", FAMILIES)
async def test_chat_clients_at_an_invoke_only_provider(upstream: Upstream, family: str) -> None:
    """`dialects: [invoke]`: any client reaches Bedrock's models by their own bodies, whole and streamed."""
    upstream.script(json_answer(sample(f"answer_{family}")), frames_answer([chunk(event) for event in sample(f"stream_{family}")]))
    text = {"claude": "Sunny.", "titan": "Hello there", "llama": "Good bye"}[family]
    async with running(invoke_only(upstream)) as edge:
        answer = (await edge.chat("Weather?", model=MODELS[family])).json()
        assert answer["choices"][0]["message"]["content"] == text
        assert answer["usage"]["completion_tokens"] > 0
        assert answer["id"]
        assert answer["model"]
        stream = await edge.chat("And now?", model=MODELS[family], stream=True)
        chunks = [json.loads(line[6:]) for line in stream.text.splitlines() if line.startswith("data: {")]
        assert "".join(choice["delta"].get("content") or "" for one in chunks for choice in one["choices"]) == text
        assert stream.text.endswith("data: [DONE]\n\n")
    first, second = upstream.calls
    assert first.path.endswith("/invoke")
    assert second.path.endswith("/invoke-with-response-stream")
    assert {"model", "stream"}.isdisjoint(first.json)
    assert "Weather?" in json.dumps(first.json)
    assert ("anthropic_version" in first.json) == (family == "claude")


async def test_messages_clients_at_an_invoke_only_provider(upstream: Upstream) -> None:
    """The header's betas go into the body, but for those that Bedrock refuses: they are reported."""
    upstream.on(json_answer(sample("answer_claude")))
    async with running(invoke_only(upstream)) as edge:
        body = {"model": MODELS["claude"], "max_tokens": 5, "messages": CLAUDE["messages"]}
        betas = {"anthropic-beta": "claude-code-20250219, interleaved-thinking-2025-05-14"}
        answer = await edge.client.post("/v1/messages", json=body, headers=betas)
        assert answer.json() == sample("answer_claude")
        assert answer.headers["x-llm-edge-dropped"] == "anthropic-beta"
    assert upstream.calls[0].json["anthropic_beta"] == ["interleaved-thinking-2025-05-14"]
    assert "anthropic-beta" not in upstream.calls[0].headers


async def test_anthropics_own_bedrock_client(upstream: Upstream) -> None:
    """It signs with an access key of the gateway's, and puts its betas into the body."""
    answer = sample("answer_claude")
    upstream.script(json_answer(answer), frames_answer([chunk(event) for event in sample("stream_claude")]))
    async with running(invoke_only(upstream)) as edge:
        boto, access_key = await by_signature(edge)
        secret = boto._get_credentials().secret_key
        client: Any = anthropic.AsyncAnthropicBedrock(
            base_url=edge.url, aws_access_key=access_key, aws_secret_key=secret, aws_region="eu-west-1", max_retries=0
        )
        asked: dict[str, Any] = {"model": MODELS["claude"], "max_tokens": 9, "messages": CLAUDE["messages"]}
        async with client:
            message = await client.beta.messages.create(**asked, betas=["context-1m-2025-08-07"])
            assert (message.content[0].text, message.usage.output_tokens) == ("Sunny.", 9)
            async with client.messages.stream(**asked) as stream:
                final = await stream.get_final_message()
            assert final.content[1].input == {"city": "Rome"}
    assert upstream.calls[0].json["anthropic_beta"] == ["context-1m-2025-08-07"]

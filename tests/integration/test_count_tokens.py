"""Token counting at the front door, by the four SDKs that have it, at a provider of each kind."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import anthropic
import openai
import pytest
from botocore.exceptions import ClientError
from google import genai

from proxy.storage.issue import new_key, signing_secret
from tests.support.every_kind import MODELS, aws, every_kind, google
from tests.support.gateway import KEY, Running, running
from tests.support.upstream import Call, Upstream, failing, json_answer

pytestmark = pytest.mark.allow_tasks("the gateway stands outside of the test, with its connections to the upstream")

TEXT = "How long is a piece of string?"
ANSWERS: dict[str, tuple[str, dict[str, Any]]] = {
    "openai": ("/v1/responses/input_tokens", {"object": "response.input_tokens", "input_tokens": 41}),
    "anthropic": ("/v1/messages/count_tokens", {"input_tokens": 42}),
    "bedrock": ("/model/anthropic.claude-up-v1%3A0/count-tokens", {"inputTokens": 43}),
    "gemini": (
        "/v1beta/models/gemini-up:countTokens",
        {"totalTokens": 44, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 44}]},
    ),
}
"""Provider → path of its counting endpoint, and its answer."""
COUNTS = {"openai": 41, "anthropic": 42, "bedrock": 43, "gemini": 44}


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as up:

        async def count(call: Call) -> None:
            path = call.path.partition("?")[0]
            answer = next((body for known, body in ANSWERS.values() if known == path), None)
            await call.answer(200 if answer else 404, answer or {"error": {"message": f"no such path: {path}"}})

        up.on(count)
        yield up


@pytest.fixture
async def edge(upstream: Upstream) -> AsyncIterator[Running]:
    async with running(every_kind(upstream.url)) as started:
        yield started


async def by_sdk(sdk: str, url: str, model: str, text: str = TEXT) -> int:
    """The count that a client program gets."""
    if sdk == "anthropic":
        async with anthropic.AsyncAnthropic(base_url=url, api_key=KEY, max_retries=0) as client:
            return (await client.messages.count_tokens(model=model, messages=[{"role": "user", "content": text}])).input_tokens
    if sdk == "openai":
        async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0) as other:
            return (await other.responses.input_tokens.count(model=model, input=text)).input_tokens
    if sdk == "boto3":
        asked = {"converse": {"messages": [{"role": "user", "content": [{"text": text}]}]}}
        counted: int = (await asyncio.to_thread(aws(url).count_tokens, modelId=model, input=asked))["inputTokens"]
        return counted
    gemini = google(url)
    try:
        return (await gemini.aio.models.count_tokens(model=model, contents=text)).total_tokens or 0
    finally:
        await gemini.aio.aclose()
        gemini.close()


@pytest.mark.parametrize("sdk", ["anthropic", "google", "boto3", "openai"])
@pytest.mark.parametrize("provider", list(COUNTS))
async def test_each_sdk_gets_each_providers_count(upstream: Upstream, edge: Running, sdk: str, provider: str) -> None:
    """Asked at the provider's own counting endpoint, in its own dialect, under the model's name there; nothing else is sent."""
    assert await by_sdk(sdk, edge.url, provider) == COUNTS[provider]
    (call,) = upstream.calls
    assert call.path == ANSWERS[provider][0]
    assert TEXT in call.body.decode()
    sent = call.json
    expected = {
        "openai": {"model", "input"},
        "anthropic": {"model", "messages"},
        "bedrock": {"input"},
        "gemini": {"contents"} if sdk == "google" else {"generateContentRequest"},
    }
    assert set(sent) == expected[provider]
    if provider in ("openai", "anthropic"):
        assert sent["model"] == MODELS[provider]


@pytest.mark.parametrize("sdk", ["anthropic", "google", "boto3", "openai"])
@pytest.mark.parametrize("provider", ["compatible", "echo"])
async def test_who_counts_nothing_is_estimated(upstream: Upstream, edge: Running, sdk: str, provider: str) -> None:
    """The same by every door, and no call is made."""
    assert await by_sdk(sdk, edge.url, provider) == 4 + 3 + 8
    assert upstream.calls == []


BODIES: dict[str, tuple[str, dict[str, Any]]] = {
    "anthropic": ("/v1/messages/count_tokens", {"messages": [{"role": "user", "content": TEXT}]}),
    "openai": ("/v1/responses/input_tokens", {"input": TEXT}),
    "boto3": ("/model/{}/count-tokens", {"input": {"converse": {"messages": [{"role": "user", "content": [{"text": TEXT}]}]}}}),
    "google": ("/v1beta/models/{}:countTokens", {"contents": [{"role": "user", "parts": [{"text": TEXT}]}]}),
    "google v1": ("/v1/models/{}:countTokens", {"contents": [{"role": "user", "parts": [{"text": TEXT}]}]}),
}


async def post(edge: Running, door: str, model: str, *, headers: dict[str, str] | None = None, prefix: str = "", **more: Any) -> Any:
    path, body = BODIES[door]
    named = {} if "{}" in path else {"model": model}
    return await edge.client.post(prefix + path.format(model), json={**body, **named, **more}, headers=headers or {})


@pytest.mark.parametrize("door", list(BODIES))
async def test_an_estimate_is_said_to_be_one(edge: Running, door: str) -> None:
    """By a header; a count is not. Neither costs anything."""
    estimate, count = await post(edge, door, "echo"), await post(edge, door, "anthropic")
    assert (estimate.status_code, count.status_code) == (200, 200)
    assert estimate.headers["x-llm-edge-estimated"] == "true"
    assert "x-llm-edge-estimated" not in count.headers
    assert estimate.headers["x-llm-edge-cost-usd"] == count.headers["x-llm-edge-cost-usd"] == "0.000000000"
    assert (count.headers["x-llm-edge-provider"], count.headers["x-llm-edge-attempts"]) == ("anthropic", "1")
    scraped = (await edge.client.get("/metrics")).text
    assert not [line for line in scraped.splitlines() if line.startswith("llm_edge_tokens_total") and not line.endswith(" 0")]


@pytest.mark.parametrize("door", list(BODIES))
@pytest.mark.parametrize("prefix", ["/llm-gateway", "/api/llm-gateway"])
async def test_each_door_also_stands_under_the_prefixes(edge: Running, door: str, prefix: str) -> None:
    """As every route does."""
    assert (await post(edge, door, "echo", prefix=prefix)).status_code == 200


async def test_the_same_dialect_passes_with_its_betas(upstream: Upstream, edge: Running) -> None:
    """Fields that the gateway does not know, beta headers and `?beta=true`; the answer's bytes are the provider's."""
    async with anthropic.AsyncAnthropic(base_url=edge.url, api_key=KEY, max_retries=0) as client:
        count = await client.beta.messages.count_tokens(
            model="anthropic",
            messages=[{"role": "user", "content": TEXT}],
            betas=["token-counting-2024-11-01"],
            extra_body={"novel": {"x": 1}},
            extra_query={"beta": "true", "other": "1"},
        )
    assert count.input_tokens == 42
    (call,) = upstream.calls
    assert call.path == "/v1/messages/count_tokens?beta=true"
    assert call.headers["anthropic-beta"].startswith("token-counting-2024-11-01")
    assert call.headers["x-api-key"] == "sk-a-1234567890"
    assert call.json == {"model": "claude-up", "messages": [{"role": "user", "content": TEXT}], "novel": {"x": 1}}
    assert (await post(edge, "google", "gemini")).json() == ANSWERS["gemini"][1]


async def test_googles_whole_request_counts(upstream: Upstream, edge: Running) -> None:
    """Under the target's name at Google; translated with its instructions and tools elsewhere."""
    inner = {
        "model": "models/gemini",
        "contents": [{"parts": [{"text": TEXT}]}],
        "systemInstruction": {"parts": [{"text": "S"}]},
        "tools": [{"functionDeclarations": [{"name": "f"}]}],
    }
    for model in ("gemini", "anthropic"):
        path = f"/v1beta/models/{model}:countTokens"
        assert (await edge.client.post(path, json={"generateContentRequest": inner})).json()["totalTokens"] == COUNTS[model]
    same, other = upstream.calls
    assert same.json == {"generateContentRequest": {**inner, "model": "models/gemini-up"}}
    assert other.json["system"] in ("S", [{"type": "text", "text": "S"}])
    assert other.json["tools"][0]["name"] == "f"


async def test_what_translation_loses_is_told_with_its_place(upstream: Upstream, edge: Running) -> None:
    """As the client wrote it; strictly, it is refused."""
    body = {"messages": [{"role": "user", "content": [{"text": TEXT}]}], "toolConfig": {"tools": [{"systemTool": {"name": "nova"}}]}}
    answer = await edge.client.post("/model/anthropic/count-tokens", json={"input": {"converse": body}})
    assert (answer.status_code, answer.json()) == (200, {"inputTokens": 42})
    assert answer.headers["x-llm-edge-dropped"].startswith("input.converse.toolConfig")
    strict = {"x-llm-edge-strict": "true"}
    refused = await edge.client.post("/model/anthropic/count-tokens", json={"input": {"converse": body}}, headers=strict)
    assert refused.status_code == 422
    assert len(upstream.calls) == 1


@pytest.mark.parametrize("status", [404, 405, 501])
async def test_an_endpoint_that_is_not_there_is_estimated(upstream: Upstream, edge: Running, status: int) -> None:
    """Where the gateway chose to ask it; in the client's own dialect the refusal is the provider's answer."""
    upstream.on(failing(status))
    answer = await post(edge, "google", "openai")
    assert (answer.status_code, answer.headers["x-llm-edge-estimated"]) == (200, "true")
    assert "x-llm-edge-dropped" not in answer.headers
    assert (await post(edge, "openai", "openai")).status_code == status


async def test_bedrock_counts_for_some_models_only(upstream: Upstream, edge: Running) -> None:
    """Then it is an estimate; another refusal is one."""
    message = "The provided model doesn't support counting tokens."
    upstream.script(json_answer({"message": message}, 400), json_answer({"message": "malformed"}, 400))
    assert (await post(edge, "anthropic", "bedrock")).headers["x-llm-edge-estimated"] == "true"
    refused = await post(edge, "anthropic", "bedrock")
    assert (refused.status_code, refused.json()["error"]["message"]) == (400, "malformed")


async def test_another_target_is_tried(upstream: Upstream) -> None:
    """As for an answer: the provider's failure costs a try, the next one counts."""
    models = {"m": {"targets": [{"provider": "anthropic", "model": "a"}, {"provider": "gemini", "model": "gemini-up"}]}}
    upstream.script(failing(500), json_answer({"totalTokens": 9}))
    async with running(every_kind(upstream.url, models=models, routing={"retries": {"attempts": 2}})) as edge:
        answer = await post(edge, "anthropic", "m")
        assert (answer.json(), answer.headers["x-llm-edge-attempts"]) == ({"input_tokens": 9}, "2")


@pytest.mark.parametrize("door", list(BODIES))
async def test_who_may_not_use_the_model_may_not_count_for_it(edge: Running, door: str) -> None:
    """No key: 401. An unknown model: 404. Both in the door's dialect."""
    unknown = await post(edge, door, "nobody")
    edge.client.headers.pop("authorization")
    keyless = await post(edge, door, "echo")
    assert (unknown.status_code, keyless.status_code) == (404, 401)
    for answer in (unknown, keyless):
        assert "message" in (answer.json() if door == "boto3" else answer.json()["error"])


async def test_a_key_with_a_list_of_models(edge: Running) -> None:
    """403 for the others, wherever the count would come from."""
    records = edge.gateway.state.records
    key, record = new_key(await signing_secret(records, None), 0.0, models=("echo",))
    await records.create(record)
    headers = {"authorization": f"Bearer {key}"}
    assert (await post(edge, "anthropic", "echo", headers=headers)).status_code == 200
    for model in ("compatible", "anthropic"):
        assert (await post(edge, "anthropic", model, headers=headers)).status_code == 403


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("/v1/messages/count_tokens", {"messages": [{"role": "user", "content": "x"}]}, "model"),
        ("/v1/messages/count_tokens", {"model": "echo"}, "messages"),
        ("/v1/messages/count_tokens", {"model": "echo", "messages": []}, "messages"),
        ("/v1/messages/count_tokens", {"model": "echo", "messages": [{"role": "boss", "content": "x"}]}, "messages[0].role"),
        ("/v1/messages/count_tokens", {"model": "echo", "messages": [{"role": "user", "content": 2**70}]}, "messages[0].content"),
        ("/v1/responses/input_tokens", {"model": "echo"}, "input"),
        ("/model/echo/count-tokens", {}, "input"),
        ("/model/echo/count-tokens", {"input": {}}, "input"),
        ("/model/echo/count-tokens", {"input": {"invokeModel": {"body": base64.b64encode(b"{}").decode()}}}, "input.invokeModel"),
        (
            "/model/echo/count-tokens",
            {"input": {"converse": {"messages": [{"role": "x", "content": []}]}}},
            "input.converse.messages[0].role",
        ),
        ("/v1beta/models/echo:countTokens", {}, "contents"),
        ("/v1beta/models/echo:countTokens", {"contents": [{"parts": [{"text": 5}]}]}, "contents[0].parts[0].text"),
        (
            "/v1beta/models/echo:countTokens",
            {"generateContentRequest": {"contents": [{"parts": [{"text": 5}]}]}},
            "generateContentRequest.contents[0].parts[0].text",
        ),
    ],
)
async def test_a_wrong_field_is_named(edge: Running, path: str, body: dict[str, Any], param: str) -> None:
    """400 with its JSON path."""
    answer = await edge.client.post(path, content=json.dumps(body), headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert param in answer.text


@pytest.mark.parametrize("provider", ["openai", "echo"])
@pytest.mark.parametrize(("field", "status"), [("previous_response_id", 501), ("conversation", 403)])
async def test_what_another_answer_left_behind_is_not_counted(
    upstream: Upstream, edge: Running, provider: str, field: str, status: int
) -> None:
    """Its id would open another tenant's at the provider; a conversation's needs a scope besides."""
    named: dict[str, Any] = {field: "resp_1"}
    answer = await post(edge, "openai", provider, **named)
    assert (answer.status_code, answer.json()["error"]["param"]) == (status, field)
    assert upstream.calls == []


@pytest.mark.parametrize("body", [b"{}", b"[]", b'{"input_tokens": "7"}', b'{"input_tokens": -1}', b"<html>", b""])
async def test_a_providers_nonsense_is_502(upstream: Upstream, edge: Running, body: bytes) -> None:
    """In both lanes, naming the field."""
    upstream.on(json_answer(body))
    for door in ("anthropic", "google"):
        answer = await post(edge, door, "anthropic")
        assert answer.status_code == 502


async def test_the_sdks_raise_their_own_exceptions(edge: Running) -> None:
    """For a model that is not there."""
    with pytest.raises(anthropic.NotFoundError):
        await by_sdk("anthropic", edge.url, "nobody")
    with pytest.raises(openai.NotFoundError):
        await by_sdk("openai", edge.url, "nobody")
    with pytest.raises(genai.errors.ClientError):
        await by_sdk("google", edge.url, "nobody")
    with pytest.raises(ClientError) as refused:
        await by_sdk("boto3", edge.url, "nobody")
    assert refused.value.response["Error"]["Code"] == "ResourceNotFoundException"

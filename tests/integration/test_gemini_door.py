"""Gemini's API at the front door: any provider behind it, whole answers and both forms of streams."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from google import genai

from tests.support.gateway import KEY, Running, running, settings
from tests.support.upstream import Upstream, chat, failing, json_answer

BODY: dict[str, Any] = {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}
PATH = "/v1beta/models/echo:"


@pytest.fixture
async def edge() -> AsyncIterator[Running]:
    async with running(settings()) as started:
        yield started


def texts(answers: list[Any]) -> str:
    return "".join(part.get("text", "") for a in answers for c in a.get("candidates", []) for part in c.get("content", {}).get("parts", []))


@pytest.mark.parametrize("way", ["x-goog-api-key", "query", "bearer"])
async def test_each_way_to_send_the_key(edge: Running, way: str) -> None:
    """Google's header, Google's query parameter, and the gateway's usual one."""
    headers = {"authorization": f"Bearer {KEY}"} if way == "bearer" else {"x-goog-api-key": KEY} if way == "x-goog-api-key" else {}
    edge.client.headers.pop("authorization")
    answer = await edge.client.post(f"{PATH}generateContent{f'?key={KEY}' if way == 'query' else ''}", json=BODY, headers=headers)
    assert answer.status_code == 200
    assert answer.json()["candidates"][0]["finishReason"] == "STOP"
    assert answer.json()["usageMetadata"]["totalTokenCount"] > 0


async def test_no_key_and_a_wrong_one(edge: Running) -> None:
    """In Google's shape."""
    edge.client.headers.pop("authorization")
    for headers in ({}, {"x-goog-api-key": "wrong"}):
        answer = await edge.client.post(f"{PATH}generateContent", json=BODY, headers=headers)
        assert (answer.status_code, answer.json()["error"]["status"]) == (401, "UNAUTHENTICATED")


async def test_both_forms_of_a_stream_say_the_same(edge: Running) -> None:
    """Events where `alt=sse` was asked for, else one JSON array; live, and again from the cache."""
    whole = (await edge.client.post(f"{PATH}generateContent", json=BODY)).json()
    for cached in (False, True):
        body = {**BODY, "generationConfig": {"seed": 7}}
        events = await edge.client.post(f"{PATH}streamGenerateContent?alt=sse", json=body)
        assert events.headers["content-type"].startswith("text/event-stream")
        parsed = [json.loads(line[6:]) for line in events.text.splitlines() if line.startswith("data: ")]
        array = await edge.client.post(f"{PATH}streamGenerateContent", json=body)
        assert array.headers["content-type"].startswith("application/json")
        assert texts(parsed) == texts(array.json()) == texts([whole])
        assert parsed[-1]["candidates"][0]["finishReason"] == array.json()[-1]["candidates"][0]["finishReason"] == "STOP"
        assert array.headers["x-llm-edge-cache"] == "hit"
        assert events.headers["x-llm-edge-cache"] == ("hit" if cached else "miss")


async def test_an_openai_provider_behind_it() -> None:
    """Model from the path, tools translated, the provider's refusal in Google's words."""
    async with Upstream() as up:
        up.script(json_answer(chat("hello")), failing(429))
        async with running(settings(up.url, routing={"retries": {"attempts": 1}})) as edge:
            tools = [{"functionDeclarations": [{"name": "f", "parameters": {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}}]}]
            answer = await edge.client.post("/v1beta/models/gpt-4o:generateContent", json={**BODY, "tools": tools})
            assert texts([answer.json()]) == "hello"
            assert up.calls[0].json["model"] == "gpt-4o"
            assert up.calls[0].json["tools"][0]["function"]["name"] == "f"
            refused = await edge.client.post("/v1beta/models/gpt-4o:generateContent", json=BODY)
            assert (refused.status_code, refused.json()["error"]["status"]) == (429, "RESOURCE_EXHAUSTED")


@pytest.mark.parametrize(
    ("body", "field"),
    [({}, "contents"), ({"contents": []}, "contents"), ({**BODY, "generationConfig": {"temperature": 9}}, "generationConfig.temperature")],
)
async def test_bad_input_names_the_field(edge: Running, body: dict[str, Any], field: str) -> None:
    """400 INVALID_ARGUMENT before any provider is called."""
    answer = await edge.client.post(f"{PATH}generateContent", json=body)
    error = answer.json()["error"]
    assert (answer.status_code, error["status"]) == (400, "INVALID_ARGUMENT")
    assert field in json.dumps(error["details"])


async def test_googles_own_sdk(edge: Running) -> None:
    """google-genai with another base URL: whole, streamed, with a tool, and an error as its own exception."""
    retries = genai.types.HttpRetryOptions(attempts=1)
    # a client of its own, since with aiohttp in the environment the SDK would take that one, which warns
    http = httpx2.AsyncClient(trust_env=False)
    options = genai.types.HttpOptions(base_url=edge.url, retry_options=retries, httpx_async_client=http)
    client = genai.Client(api_key=KEY, http_options=options)
    models = client.aio.models
    try:
        answer = await models.generate_content(model="echo", contents="Hello")
        assert answer.text
        assert answer.usage_metadata is not None
        streamed = [chunk.text or "" async for chunk in await models.generate_content_stream(model="echo", contents="Hello")]
        assert "".join(streamed) == answer.text
        tool = genai.types.Tool(function_declarations=[genai.types.FunctionDeclaration(name="f", description="d")])
        mode = genai.types.FunctionCallingConfig(mode=genai.types.FunctionCallingConfigMode.ANY)
        config = genai.types.GenerateContentConfig(tools=[tool], tool_config=genai.types.ToolConfig(function_calling_config=mode))
        called = await models.generate_content(model="echo", contents="call it", config=config)
        assert called.function_calls is not None
        assert called.function_calls[0].name == "f"
        with pytest.raises(genai.errors.ClientError) as refused:
            await models.generate_content(model="nobody/x://y", contents="Hello")
        assert refused.value.code in (400, 404)
    finally:
        await client.aio.aclose()
        client.close()
        await http.aclose()

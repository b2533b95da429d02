"""The models at the front door, listed and fetched by three SDKs: each in its own shape, page by page, and only what the key may use."""

from collections.abc import AsyncIterator
from typing import Any

import anthropic
import httpx2
import openai
import pytest
from google import genai

from proxy.storage.issue import new_key, signing_secret
from tests.support.every_kind import google
from tests.support.gateway import KEY, Running, running, settings

pytestmark = pytest.mark.allow_tasks("the gateway stands outside of the test")
NAMES = ["smart", "claude-up", "team/slow", "gemini-up", "echo"]
MODELS: dict[str, Any] = {
    "smart": {"targets": [{"provider": "openai", "model": "gpt-4o"}]},
    "claude-up": {"targets": [{"provider": "anthropic", "model": "claude-sonnet-4-5"}]},
    "team/slow": {"targets": [{"provider": "openai", "model": "nobody-knows"}]},
    "gemini-up": {"targets": [{"provider": "gemini", "model": "gemini-2.5-flash"}]},
    "echo": {"targets": [{"provider": "echo", "model": "echo"}]},
    "any-*": {"targets": [{"provider": "echo"}]},
}


@pytest.fixture
async def edge() -> AsyncIterator[Running]:
    providers = {
        "openai": {"kind": "openai", "base_url": "http://127.0.0.1:9/v1", "api_keys": ["sk-o-1234567890"]},
        "anthropic": {"kind": "anthropic", "base_url": "http://127.0.0.1:9", "api_keys": ["sk-a-1234567890"]},
        "gemini": {"kind": "gemini", "base_url": "http://127.0.0.1:9", "api_keys": ["sk-g-1234567890"]},
        "echo": {"kind": "echo"},
    }
    async with running(settings(providers=providers, models=MODELS)) as started:
        yield started


async def test_openais_sdk(edge: Running) -> None:
    """As before: one list, in configured order, without patterns."""
    async with openai.AsyncOpenAI(base_url=f"{edge.url}/v1", api_key=KEY, max_retries=0) as client:
        assert [model.id async for model in client.models.list()] == NAMES
        model = await client.models.retrieve("team/slow")
        assert (model.id, model.object, model.owned_by) == ("team/slow", "model", "openai")
        with pytest.raises(openai.NotFoundError) as refused:
            await client.models.retrieve("nobody")
        assert refused.value.code == "model_not_found"


async def test_anthropics_sdk(edge: Running) -> None:
    """Forwards and backwards through pages of two; what the catalogue knows of a model is there."""
    async with anthropic.AsyncAnthropic(base_url=edge.url, api_key=KEY, max_retries=0) as client:
        assert [model.id async for model in client.models.list(limit=2)] == NAMES
        assert [model.id async for model in client.models.list()] == NAMES
        page = await client.models.list(limit=2, before_id="gemini-up")
        assert ([model.id for model in page.data], page.has_more) == (NAMES[1:3], True)
        assert (page.first_id, page.last_id) == ("claude-up", "team/slow")
        model = await client.models.retrieve("claude-up")
        assert (model.id, model.type, model.display_name, model.created_at.year) == ("claude-up", "model", "claude-up", 1970)
        assert model.max_input_tokens is not None
        assert model.max_input_tokens >= 200_000
        assert (await client.models.retrieve("team/slow")).max_tokens is None
        with pytest.raises(anthropic.NotFoundError) as refused:
            await client.models.retrieve("nobody")
        assert isinstance(refused.value.body, dict)
        assert (refused.value.body["type"], refused.value.body["error"]["type"]) == ("error", "not_found_error")
        assert refused.value.request_id


@pytest.mark.parametrize("version", ["v1beta", "v1"])
async def test_googles_sdk(edge: Running, version: str) -> None:
    """At either version of its paths, of which one is everybody's."""
    client = google(edge.url, version)
    try:
        pager = await client.aio.models.list(config={"page_size": 2})
        assert [model.name async for model in pager] == [f"models/{name}" for name in NAMES]
        model = await client.aio.models.get(model="gemini-up")
        assert (model.name, model.display_name) == ("models/gemini-up", "gemini-up")
        assert "generateContent" in (model.supported_actions or [])
        assert (model.input_token_limit or 0) >= 1_000_000
        assert (model.output_token_limit or 0) > 0
        assert (await client.aio.models.get(model="models/team/slow")).input_token_limit is None
        with pytest.raises(genai.errors.ClientError) as refused:
            await client.aio.models.get(model="nobody")
        assert (refused.value.code, refused.value.status) == (404, "NOT_FOUND")
    finally:
        await client.aio.aclose()
        client.close()


async def key_for(edge: Running, *models: str) -> str:
    records = edge.gateway.state.records
    key, record = new_key(await signing_secret(records, None), 0.0, models=models)
    await records.create(record)
    return key


DOORS: list[tuple[str, dict[str, str], str]] = [
    ("/v1/models", {}, "data"),
    ("/v1/models", {"anthropic-version": "2023-06-01"}, "data"),
    ("/v1/models", {"x-goog-api-client": "x"}, "models"),
    ("/v1beta/models", {}, "models"),
    ("/llm-gateway/v1/models", {}, "data"),
    ("/api/llm-gateway/v1beta/models", {}, "models"),
]


def listed(answer: httpx2.Response, field: str) -> list[str]:
    return [model.get("id") or model["name"].removeprefix("models/") for model in answer.json()[field]]


@pytest.mark.parametrize(("path", "headers", "field"), DOORS)
async def test_a_key_sees_what_it_may_use(edge: Running, path: str, headers: dict[str, str], field: str) -> None:
    """A name on its list, or one whose target is on it; the others are neither listed nor there."""
    key = await key_for(edge, "echo", "openai/gpt-4o", "any-thing")
    mine = {**headers, "authorization": f"Bearer {key}"}
    assert listed(await edge.client.get(path, headers=mine), field) == ["smart", "echo"]
    assert (await edge.client.get(f"{path}/echo", headers=mine)).status_code == 200
    assert (await edge.client.get(f"{path}/claude-up", headers=mine)).status_code == 404


@pytest.mark.parametrize(("path", "headers", "field"), DOORS)
async def test_without_a_key_the_refusal_is_in_the_clients_shape(edge: Running, path: str, headers: dict[str, str], field: str) -> None:
    """Although the path is everybody's."""
    edge.client.headers.pop("authorization")
    answer = await edge.client.get(path, headers=headers)
    assert answer.status_code == 401
    body = answer.json()
    if "anthropic-version" in headers:
        assert (body["type"], body["error"]["type"]) == ("error", "authentication_error")
        assert "request-id" in answer.headers
    elif field == "models":
        assert body["error"]["status"] == "UNAUTHENTICATED"
    else:
        assert body["error"]["code"] == "missing_api_key"


@pytest.mark.parametrize(
    ("path", "param"),
    [
        ("/v1/models?limit=0", "limit"),
        ("/v1/models?limit=x", "limit"),
        ("/v1/models?after_id=nobody", "after_id"),
        ("/v1/models?before_id=nobody", "before_id"),
        ("/v1/models?before_id=echo&after_id=smart", "before_id"),
        ("/v1beta/models?pageSize=-1", "pageSize"),
        ("/v1beta/models?page_size=x", "pageSize"),
        ("/v1beta/models?pageToken=%21%21", "pageToken"),
        ("/v1beta/models?pageToken=AAAA", "pageToken"),
    ],
)
async def test_a_page_that_is_none_is_refused(edge: Running, path: str, param: str) -> None:
    """400, naming the parameter."""
    headers = {"anthropic-version": "2023-06-01"} if path.startswith("/v1/") else {}
    answer = await edge.client.get(path, headers=headers)
    assert answer.status_code == 400
    assert param in answer.text

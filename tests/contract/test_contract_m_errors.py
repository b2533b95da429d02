"""Contract M: the provider's status class and Retry-After are kept; the body is in the client's dialect; the source is told.

Here: the OpenAI and Anthropic families. The others come with their endpoints.
"""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.gateway import Running, running, settings
from tests.support.upstream import Call, Upstream, chat, failing, json_answer


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as up:
        yield up


def both(up: Upstream) -> Any:
    """gpt-* at an OpenAI upstream, claude-* at an Anthropic one, one try each."""
    return settings(
        providers={
            "openai": {"kind": "openai", "base_url": f"{up.url}/v1", "api_keys": ["sk-x-1234567890"]},
            "anthropic": {"kind": "anthropic", "base_url": up.url, "api_keys": ["sk-ant-1234567890"]},
        },
        routing={"retries": {"attempts": 1}},
    )


async def ask(edge: Running, family: str, model: str) -> Any:
    if family == "openai":
        return await edge.chat(model=model)
    if family == "embeddings":
        return await edge.client.post("/v1/embeddings", json={"model": model, "input": "x"})
    body = {"model": model, "max_tokens": 5, "messages": [{"role": "user", "content": "x"}]}
    return await edge.client.post("/v1/messages", json=body)


@pytest.mark.parametrize("family", ["openai", "anthropic"])
@pytest.mark.parametrize("model", ["gpt-4o", "claude-x"])
@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 429, 500, 503, 529])
async def test_a_providers_error_keeps_its_status(upstream: Upstream, family: str, model: str, status: int) -> None:
    """In every pair of client and provider, with its message."""
    if model == "gpt-4o":
        upstream.on(failing(status, "told you so", {"retry-after": "7"}))
    else:
        error = {"type": "error", "error": {"type": "api_error", "message": "told you so"}}
        upstream.on(json_answer(error, status, {"retry-after": "7"}))
    async with running(both(upstream)) as edge:
        answer = await ask(edge, family, model)
        assert answer.status_code == status
        assert answer.headers["x-llm-edge-error-source"] == "provider"
        assert answer.headers["retry-after"] == "7"
        body = answer.json()
        assert body["error"]["message"] == "told you so"
        assert ("type" in body) == (family == "anthropic")
        assert ("x-should-retry" in answer.headers) == (status in (400, 401, 403, 404, 413))


@pytest.mark.parametrize("family", ["openai", "anthropic", "embeddings"])
@pytest.mark.parametrize("body", [b"<html><h1>502 Bad Gateway</h1></html>", b"", b"null", b'{"error": 5}', b"\xff\xfe"])
async def test_an_unreadable_error_is_still_the_dialects(upstream: Upstream, family: str, body: bytes) -> None:
    """Whatever a broken proxy in between sends."""
    upstream.on(json_answer(body, 502))
    async with running(both(upstream)) as edge:
        answer = await ask(edge, family, "gpt-4o")
        assert answer.status_code == 502
        assert answer.json()["error"]["message"]


@pytest.mark.parametrize("model", ["emb-openai", "emb-titan", "emb-gemini"])
@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 429, 500, 503, 529])
async def test_a_providers_error_on_embeddings(upstream: Upstream, model: str, status: int) -> None:
    """Each provider's own form in, OpenAI's out; with one of several calls refused as with one alone."""
    bodies = {
        "emb-openai": {"error": {"message": "told you so", "type": "server_error", "code": None, "param": None}},
        "emb-titan": {"message": "told you so"},
        "emb-gemini": {"error": {"code": status, "message": "told you so", "status": "UNKNOWN"}},
    }
    upstream.on(json_answer(bodies[model], status, {"retry-after": "7"}))
    targets = {
        "emb-openai": {"provider": "openai", "model": "text-embedding-3-small"},
        "emb-titan": {"provider": "bedrock", "model": "amazon.titan-embed-text-v2:0"},
        "emb-gemini": {"provider": "gemini", "model": "gemini-embedding-001"},
    }
    config = settings(
        providers={
            "openai": {"kind": "openai", "base_url": f"{upstream.url}/v1", "api_keys": ["sk-x-1234567890"]},
            "bedrock": {"kind": "bedrock", "base_url": upstream.url, "api_keys": ["bedrock-api-key-1234567890"]},
            "gemini": {"kind": "gemini", "base_url": upstream.url, "api_keys": ["gemini-api-key-1234567890"]},
        },
        models={name: {"targets": [target]} for name, target in targets.items()},
        routing={"retries": {"attempts": 1}},
    )
    async with running(config) as edge:
        answer = await edge.client.post("/v1/embeddings", json={"model": model, "input": ["a", "b", "c"]})
        assert (answer.status_code, answer.headers["retry-after"]) == (status, "7")
        assert answer.headers["x-llm-edge-error-source"] == "provider"
        assert answer.json()["error"]["message"] == "told you so"
        assert ("x-should-retry" in answer.headers) == (status in (400, 401, 403, 404, 413))


async def test_an_upstream_that_is_down_is_502(upstream: Upstream) -> None:
    """Connection refused; its address is not told."""
    config = both(upstream)
    await upstream.__aexit__()
    async with running(config) as edge:
        answer = await edge.chat(model="gpt-4o")
        assert answer.status_code == 502
        assert answer.json()["error"]["code"] == "upstream_error"
        assert "127.0.0.1" not in answer.text


@pytest.mark.parametrize(
    ("path", "body", "status", "param"),
    [
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "x"}]}, 400, "model"),
        ("/v1/chat/completions", {"model": "gpt-4o"}, 400, "messages"),
        ("/v1/chat/completions", {"model": "gpt-4o", "messages": []}, 400, "messages"),
        ("/v1/chat/completions", {"model": "gpt-4o", "messages": [{"content": "x"}]}, 400, "messages[0].role"),
        ("/v1/chat/completions", {"model": "gpt-4o", "messages": [{"role": "user", "content": "x"}], "temperature": 3}, 400, "temperature"),
        ("/v1/chat/completions", {"model": "gpt-4o", "messages": [{"role": "user", "content": "x"}], "stream": "yes"}, 400, "stream"),
        ("/v1/chat/completions", {"model": "http://x", "messages": [{"role": "user", "content": "x"}]}, 400, "model"),
        ("/v1/embeddings", {"input": "x"}, 400, "model"),
        ("/v1/embeddings", {"model": "gpt-4o"}, 400, "input"),
        ("/v1/embeddings", {"model": "gpt-4o", "input": ["a", {}]}, 400, "input[1]"),
        ("/v1/embeddings", {"model": "claude-x", "input": "a"}, 400, "model"),
        ("/v1/embeddings", {"model": "http://x", "input": "a"}, 400, "model"),
    ],
)
async def test_wrong_fields_are_named(upstream: Upstream, path: str, body: Any, status: int, param: str) -> None:
    """Before any call."""
    async with running(both(upstream)) as edge:
        answer = await edge.client.post(path, json=body)
        assert (answer.status_code, answer.json()["error"]["param"]) == (status, param)
        assert answer.headers["x-llm-edge-error-source"] == "gateway"
    assert not upstream.calls


async def test_e_s_texts(upstream: Upstream) -> None:
    """Clients match on them."""
    async with running(both(upstream)) as edge:
        assert (await edge.client.post("/v1/chat/completions", json={})).json()["error"]["message"] == "Model is required"
        empty = await edge.client.post("/v1/chat/completions", json={"model": "gpt-4o", "messages": []})
        assert empty.json()["error"]["message"] == "Messages cannot be empty"


async def test_an_unknown_model_names_its_neighbours(upstream: Upstream) -> None:
    """404 model_not_found, also in Anthropic's words."""
    config = settings(upstream.url, models={"smart": {"targets": [{"provider": "openai", "model": "gpt-4o"}]}})
    async with running(config) as edge:
        answer = await edge.chat(model="smrat")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")
        assert "smart" in answer.json()["error"]["message"]
        other = await ask(edge, "anthropic", "smrat")
        assert (other.status_code, other.json()["error"]["type"]) == (404, "not_found_error")


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        ("/v1/nothing", "openai"),
        ("/v1/messages/nothing", "anthropic"),
        ("/v1/admin/nothing", "agents"),
        ("/v1beta/nothing", "gemini"),
        ("/nothing", "agents"),
    ],
)
async def test_unknown_paths_are_404_in_their_family(upstream: Upstream, path: str, shape: str) -> None:
    """By prefix."""
    async with running(both(upstream)) as edge:
        answer = await edge.client.get(path)
        assert answer.status_code == 404
        body = answer.json()
        keys = {
            "openai": {"error"},
            "anthropic": {"type", "error"},
            "agents": {"code", "message", "trace_id", "details"},
            "gemini": {"error"},
        }
        assert set(body) >= keys[shape]


async def test_a_wrong_method_and_a_websocket(upstream: Upstream) -> None:
    """405 with Allow; 501."""
    async with running(both(upstream)) as edge:
        answer = await edge.client.get("/v1/chat/completions")
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
        upgrade = await edge.client.get(
            "/v1/models", headers={"connection": "upgrade", "upgrade": "websocket", "sec-websocket-version": "13"}
        )
        assert upgrade.status_code == 501


async def test_too_large_is_413(upstream: Upstream) -> None:
    """In the dialect, said by length before it is read."""
    async with running(settings(upstream.url, server={"max_body_mb": {"models": 0.001}})) as edge:
        answer = await edge.chat("x" * 5000)
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "request_too_large")


async def test_a_large_answer_is_502(upstream: Upstream) -> None:
    """`max_response_mb` holds for the provider."""
    upstream.on(json_answer(chat("x" * 20_000)))
    async with running(settings(upstream.url, server={"max_response_mb": 0.01}, routing={"retries": {"attempts": 1}})) as edge:
        assert (await edge.chat()).status_code == 502


async def test_a_slow_provider_is_504(upstream: Upstream) -> None:
    """upstream_timeout."""

    async def never(call: Call) -> None:
        await call.until_gone()

    upstream.on(never)
    async with running(settings(upstream.url, routing={"timeouts": {"total_s": 0.3}})) as edge:
        answer = await edge.chat()
        assert (answer.status_code, answer.json()["error"]["code"]) == (504, "upstream_timeout")

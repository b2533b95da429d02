"""Contracts K and L where the litellm package is in between: it takes its switches through the same arguments as a model's parameters.

No field of a client's body gets there but those of OpenAI's API; the others are reported, and nothing is fetched or run for a client.
"""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.gateway import chat_body, running
from tests.support.litellm_edge import MODELS, bridged, require_litellm, whole_answer
from tests.support.upstream import Upstream, json_answer

# pydantic about the package's own types
pytestmark = [pytest.mark.filterwarnings("ignore::UserWarning"), pytest.mark.filterwarnings("ignore::DeprecationWarning")]


@pytest.fixture(autouse=True, scope="module")
def _litellm() -> None:
    require_litellm()


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as up:
        yield up


INJECTED: dict[str, Any] = {
    "api_key": "sk-mine",
    "api_base": "http://127.0.0.1:9/v1",
    "base_url": "http://127.0.0.1:9/v1",
    "api_version": "v0",
    "custom_llm_provider": "ollama",
    "mock_response": "mocked",
    "mock_tool_calls": [{}],
    "mock_timeout": True,
    "mock_delay": 60,
    "fallbacks": ["openai/gpt-4"],
    "context_window_fallback_dict": {"gpt-4o-mini": "openai/x"},
    "model_list": [{"model_name": "x", "litellm_params": {"model": "openai/x", "api_key": "k"}}],
    "callbacks": ["langfuse"],
    "success_callback": ["langfuse"],
    "litellm_logging_obj": {},
    "logger_fn": "print",
    "metadata": {"hidden_params": {"a": "b"}, "api_base": "http://127.0.0.1:9"},
    "litellm_metadata": {"a": "b"},
    "extra_headers": {"x-evil": "1", "authorization": "Bearer sk-mine"},
    "extra_body": {"api_base": "http://127.0.0.1:9", "evil": 1},
    "extra_query": {"evil": "1"},
    "headers": {"x-evil": "1"},
    "default_headers": {"x-evil": "1"},
    "organization": "org-x",
    "deployment_id": "d",
    "allowed_openai_params": ["evil"],
    "drop_params": True,
    "additional_drop_params": ["messages"],
    "modify_params": True,
    "num_retries": 5,
    "max_retries": 5,
    "retry_policy": {"x": 1},
    "caching": True,
    "cache": {"no-store": False},
    "ttl": 5,
    "timeout": 0.001,
    "stream_timeout": 0.001,
    "aws_access_key_id": "AKIA",
    "aws_secret_access_key": "s",
    "aws_bedrock_runtime_endpoint": "http://127.0.0.1:9",
    "aws_region_name": "x",
    "aws_role_name": "arn:aws:iam::1:role/x",
    "aws_web_identity_token": "/etc/passwd",
    "vertex_project": "p",
    "vertex_credentials": "/etc/passwd",
    "vertex_location": "x",
    "azure_ad_token": "t",
    "tenant_id": "t",
    "client_id": "c",
    "client_secret": "s",
    "watsonx_username": "u",
    "proxy_server_request": {"url": "http://127.0.0.1:9"},
    "litellm_credential_name": "x",
    "prompt_id": "p",
    "prompt_variables": {"a": "b"},
    "guardrails": ["x"],
    "shared_session": "s",
    "client": "c",
    "input_cost_per_token": 0,
    "base_model": "x",
    "hf_model_name": "x",
    "complete_response": True,
    "no-log": False,
    "secret_fields": {"raw_headers": {}},
    "user_continue_message": {"role": "user", "content": "evil"},
    "cache_control_injection_points": [{"location": "message", "role": "system"}],
    "initial_prompt_value": "evil",
    "roles": {"user": {"pre_message": "evil"}},
    "final_prompt_value": "evil",
    "bos_token": "evil",
    "custom_prompt_dict": {"m": {"initial_prompt_value": "evil"}},
    "tpm": 1,
    "rpm": 1,
    "acompletion": False,
    "enable_json_schema_validation": True,
    "store": True,
    "unheard_of": 1,
}


@pytest.mark.parametrize("model", MODELS)
async def test_no_field_of_a_client_reaches_the_package_s_switches(upstream: Upstream, model: str) -> None:
    """Same call, same place, same key, nothing of it in the upstream's request; and each is reported (contracts K and L)."""
    async with running(bridged(upstream.url)) as edge:
        upstream.on(whole_answer(model))
        plain = await edge.chat("hi", model=model)
        full = await edge.client.post("/v1/chat/completions", json={**chat_body("hi", model=model), **INJECTED})
        assert full.status_code == 200, full.text
        first, second = upstream.calls
        assert (second.method, second.path, second.body) == (first.method, first.path, first.body)
        changing = {"x-stainless-read-timeout"}  # what is left of the deadline
        assert {k: v for k, v in second.headers.items() if k not in changing} == {
            k: v for k, v in first.headers.items() if k not in changing
        }
        assert full.json()["choices"] == plain.json()["choices"]
        assert set(full.headers["x-llm-edge-dropped"].split(",")) == set(INJECTED)


@pytest.mark.parametrize("name", ["api_base", "api_key", "mock_response", "fallbacks"])
async def test_strict_clients_get_422(upstream: Upstream, name: str) -> None:
    """All or nothing."""
    async with running(bridged(upstream.url)) as edge:
        answer = await edge.chat(model=MODELS[0], headers={"x-llm-edge-strict": "true"}, **{name: INJECTED[name]})
        assert (answer.status_code, answer.json()["error"]["param"]) == (422, name)
        assert upstream.calls == []


@pytest.mark.parametrize(
    "tool",
    [
        {"type": "mcp", "server_url": "litellm_proxy", "server_label": "x"},
        {"type": "file_search"},
        {"googleSearch": {}},
        "x",
    ],
)
async def test_tools_that_the_package_would_run_are_refused(upstream: Upstream, tool: Any) -> None:
    """With the field's path."""
    async with running(bridged(upstream.url)) as edge:
        answer = await edge.chat(model=MODELS[0], tools=[tool])
        assert (answer.status_code, answer.json()["error"]["param"].startswith("tools[0]")) == (400, True)
        assert upstream.calls == []


async def test_an_image_inside_the_network_is_not_fetched(upstream: Upstream) -> None:
    """Where the package fetches images itself (Gemini wants bytes), its guard is on."""
    own = {"claude": {"model_prefix": "gemini/", "api_keys": ["AIza-canary-1234567890"]}}
    async with Upstream() as inside, running(bridged(upstream.url, own=own)) as edge:
        inside.on(json_answer({}))
        content = [{"type": "text", "text": "what?"}, {"type": "image_url", "image_url": {"url": f"{inside.url}/x.png"}}]
        answer = await edge.client.post(
            "/v1/chat/completions", json={"model": "claude/gemini-2.0-flash", "messages": [{"role": "user", "content": content}]}
        )
        assert 400 <= answer.status_code < 600
        assert inside.calls == []


@pytest.mark.parametrize("name", ["../../x", "a/../b", "a b", "a?x=1", "a#b", "a%2e", "a//b", "", "/x", "x" * 300])
async def test_odd_model_names_do_not_get_into_a_path(upstream: Upstream, name: str) -> None:
    """404 without a call."""
    async with running(bridged(upstream.url)) as edge:
        answer = await edge.chat(model=f"oai/{name}")
        assert answer.status_code == 404
        assert upstream.calls == []

"""Contract E as SDKs see it: an answer that the budget cut short, and the refusal after it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anthropic
import botocore.exceptions
import openai
import pytest
from google.genai import errors as google_errors
from google.genai import types

from proxy.settings import Settings
from tests.support.boto3_clients import by_hook
from tests.support.every_kind import google
from tests.support.gateway import KEY, Running, running, settings
from tests.support.upstream import Call, Upstream, chat

BUDGET_USD = 0.06
"""600 output tokens at most, less the prompt."""


def config(url: str) -> Settings:
    return settings(
        url,
        models={"m": {"targets": [{"provider": "openai", "model": "gpt-4o-mini"}]}},
        prices={"gpt-4o-mini": {"input": 10, "output": 100}},
        budgets={"default_monthly_usd": BUDGET_USD},
        cache={"enabled": False},
    )


async def cut_short(call: Call) -> None:
    """Uses all that it may."""
    cap = call.json["max_completion_tokens"]
    answer = chat("cut sh")
    answer["choices"][0]["finish_reason"] = "length"
    usage = {"prompt_tokens": 10, "completion_tokens": cap, "total_tokens": cap + 10}
    await call.answer(200, {**answer, "usage": usage})


@asynccontextmanager
async def stage() -> AsyncIterator[tuple[Running, Upstream]]:
    async with Upstream() as upstream:
        upstream.on(cut_short)
        async with running(config(upstream.url)) as edge:
            yield edge, upstream


def sent(upstream: Upstream) -> int:
    cap = upstream.calls[0].json["max_completion_tokens"]
    assert 256 <= cap < 600
    return int(cap)


async def test_openai() -> None:
    async with stage() as (edge, upstream):
        async with openai.AsyncOpenAI(base_url=f"{edge.url}/v1", api_key=KEY, max_retries=2) as sdk:
            ask: Callable[[], Any] = lambda: sdk.chat.completions.with_raw_response.create(  # noqa: E731
                model="m", messages=[{"role": "user", "content": "hi"}], max_completion_tokens=5000
            )
            raw = await ask()
            assert raw.headers["x-llm-edge-max-tokens-capped"] == str(sent(upstream))
            assert raw.parse().choices[0].finish_reason == "length"
            with pytest.raises(openai.APIStatusError) as caught:
                await ask()
        assert (caught.value.status_code, caught.value.code, caught.value.type) == (402, "budget_exceeded", "insufficient_quota")
        assert len(upstream.calls) == 1


async def test_anthropic() -> None:
    async with stage() as (edge, upstream):
        async with anthropic.AsyncAnthropic(base_url=edge.url, api_key=KEY, max_retries=2) as sdk:
            ask: Callable[[], Any] = lambda: sdk.messages.with_raw_response.create(  # noqa: E731
                model="m", messages=[{"role": "user", "content": "hi"}], max_tokens=5000
            )
            raw = await ask()
            assert raw.headers["x-llm-edge-max-tokens-capped"] == str(sent(upstream))
            assert (await raw.parse()).stop_reason == "max_tokens"
            with pytest.raises(anthropic.APIStatusError) as caught:
                await ask()
        assert caught.value.status_code == 402
        assert isinstance(caught.value.body, dict)
        assert caught.value.body["error"]["type"] == "billing_error"
        assert len(upstream.calls) == 1


async def test_boto3() -> None:
    async with stage() as (edge, upstream):
        client = by_hook(edge.url)
        ask: dict[str, Any] = {
            "modelId": "m",
            "messages": [{"role": "user", "content": [{"text": "hi"}]}],
            "inferenceConfig": {"maxTokens": 5000},
        }
        answer = await asyncio.to_thread(client.converse, **ask)
        assert answer["stopReason"] == "max_tokens"
        assert answer["ResponseMetadata"]["HTTPHeaders"]["x-llm-edge-max-tokens-capped"] == str(sent(upstream))
        with pytest.raises(botocore.exceptions.ClientError) as caught:
            await asyncio.to_thread(client.converse, **ask)
        error = caught.value.response
        assert (error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"]) == ("ServiceQuotaExceededException", 402)
        assert error["Error"]["Message"].startswith("Monthly budget exceeded: ")
        client.close()


async def test_gemini() -> None:
    async with stage() as (edge, upstream):
        client = google(edge.url)
        ask: dict[str, Any] = {"model": "m", "contents": "hi", "config": types.GenerateContentConfig(max_output_tokens=5000)}
        answer = await client.aio.models.generate_content(**ask)
        assert answer.candidates is not None
        assert answer.candidates[0].finish_reason == types.FinishReason.MAX_TOKENS
        assert answer.sdk_http_response is not None
        headers = {name.lower(): value for name, value in (answer.sdk_http_response.headers or {}).items()}
        assert headers["x-llm-edge-max-tokens-capped"] == str(sent(upstream))
        with pytest.raises(google_errors.ClientError) as caught:
            await client.aio.models.generate_content(**ask)
        assert (caught.value.code, caught.value.status) == (402, "RESOURCE_EXHAUSTED")
        await client.aio.aclose()
        client.close()

"""What was asked, what it resolves to, and what the cache may do with it."""

import time
from typing import Any

import pytest

from proxy.transport.base import UpstreamRequest
from proxy.transport.scripted import Reply
from tests.support.gateway import ADMIN_KEY, settings
from tests.support.library import in_process, json_reply, one_provider
from tests.support.upstream import chat


@pytest.mark.parametrize("value", ["soon", "0", "-1", "nan", ""])
async def test_a_time_limit_that_is_none_is_the_clients_mistake(value: str) -> None:
    """Named by its header; no call is made."""
    async with in_process() as edge:
        answer = await edge.chat(headers={"x-llm-edge-timeout-s": value})
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "x-llm-edge-timeout-s")
        assert edge.sent == []


@pytest.mark.parametrize(
    ("headers", "stream", "at_most_s"),
    [
        ({}, False, 600.0),
        ({"x-llm-edge-timeout-s": "7"}, False, 7.0),
        ({"x-llm-edge-timeout-s": "7"}, True, 7.0),
        ({"x-llm-edge-timeout-s": "9999"}, False, 600.0),
        ({"x-stainless-read-timeout": "5"}, False, 5.0),
        ({"x-stainless-read-timeout": "5"}, True, 600.0),
        ({"x-stainless-read-timeout": "none"}, False, 600.0),
    ],
)
async def test_the_deadline_is_the_nearest_limit(headers: dict[str, str], stream: bool, at_most_s: float) -> None:
    """The configured total, the client's wish, and for whole answers its SDK's own."""
    seen: list[float] = []

    def note(request: UpstreamRequest) -> Reply:
        assert request.timeouts.deadline is not None
        seen.append(request.timeouts.deadline - time.monotonic())
        return json_reply({"error": {"message": "no"}}, 400)

    async with in_process(note, config=one_provider(routing={"timeouts": {"total_s": 600}})) as edge:
        await edge.chat(headers=headers, stream=stream)
    assert at_most_s - 3 < seen[0] <= at_most_s


async def test_a_wrong_field_costs_no_call() -> None:
    """The message is the check's, the path its field."""
    async with in_process() as edge:
        answer = await edge.chat(temperature=3)
        assert (answer.status_code, answer.json()["error"]["param"], edge.sent) == (400, "temperature", [])
        assert (await edge.chat(messages=[])).json()["error"]["message"] == "Messages cannot be empty"


async def test_an_unknown_model_names_the_nearest() -> None:
    """Where there is a table."""
    config = one_provider(models={"gpt-4o": {"targets": [{"provider": "mine"}]}})
    async with in_process(config=config) as edge:
        answer = await edge.chat(model="gpt-4")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")
        assert "gpt-4o" in answer.json()["error"]["message"]


async def first_and_second(config: Any, other: dict[str, str]) -> str:
    """How a second caller's identical request is answered."""
    async with in_process(lambda _: json_reply(chat()), config=config) as edge:
        await edge.chat()
        return (await edge.chat(headers=other)).headers["x-llm-edge-cache"]


@pytest.mark.parametrize(("scope", "status"), [("tenant", "miss"), ("key", "miss"), ("global", "hit")])
async def test_who_shares_an_answer(scope: str, status: str) -> None:
    """`cache.scope`; static keys are tenants of their own."""
    assert await first_and_second(one_provider(cache={"scope": scope}), {"authorization": f"Bearer {ADMIN_KEY}"}) == status


async def test_strictness_is_asked_for_by_header() -> None:
    """What the target cannot carry is then 422 with the paths; else it is reported."""
    anthropic: dict[str, Any] = {"providers": {"a": {"kind": "anthropic", "base_url": "http://up.test", "api_keys": ["sk-ant-1234567890"]}}}
    async with in_process(config=settings(**anthropic), providers={}) as edge:
        answer = await edge.chat(model="claude-x", seed=5, headers={"x-llm-edge-strict": "TRUE"})
        assert (answer.status_code, answer.json()["error"]["code"], answer.json()["error"]["param"]) == (422, "untranslatable", "seed")


async def test_a_guessed_provider_is_said(caplog: pytest.LogCaptureFixture) -> None:
    """Without a `models:` table an unknown name goes to the first provider, and the log names the guess and the request."""
    async with in_process(lambda _request: json_reply(chat())) as edge:
        for model in ("mistral-large", "mine/mistral-large"):
            assert (await edge.chat(model=model)).status_code == 200
    warned = [r for r in caplog.records if "first configured one" in r.getMessage()]
    assert [getattr(r, "model", None) for r in warned] == ["mistral-large"]
    assert getattr(warned[0], "trace_id", None)


async def test_a_provider_of_embeddings_alone_serves_no_chat() -> None:
    """501, which SDKs do not try again."""
    alone: dict[str, Any] = {"providers": {"tei": {"kind": "openai_compatible", "base_url": "http://up.test", "dialects": ["embeddings"]}}}
    async with in_process(config=settings(**alone), providers={}) as edge:
        answer = await edge.chat(model="bge-small")
        assert (answer.status_code, answer.json()["error"]["code"], answer.headers["x-should-retry"]) == (501, "not_implemented", "false")
        assert "tei is configured for embeddings alone" in answer.json()["error"]["message"]

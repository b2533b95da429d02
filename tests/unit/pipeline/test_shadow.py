"""Shadow traffic."""

import asyncio
import logging
from typing import Any

import msgspec
import pytest

from proxy.settings import Settings
from proxy.settings.cache import CacheSettings
from proxy.transport.base import UpstreamRequest
from proxy.transport.scripted import Reply, ScriptedTransport
from tests.support.access_log import Books
from tests.support.eventually import eventually
from tests.support.gateway import ADMIN_KEY, settings
from tests.support.library import in_process, json_reply, one_provider, provider
from tests.support.upstream import chat

PRICES = {"old": {"input": 1, "output": 1}, "new": {"input": 2, "output": 4}}


def config(models: dict[str, Any] | None = None, **shadow: Any) -> Settings:
    table = {
        "smart": {"targets": [{"provider": "mine", "model": "old"}], "shadow": {"model": "candidate", **shadow}},
        "candidate": {"targets": [{"provider": "mine", "model": "new"}]},
    }
    return one_provider(models={**table, **(models or {})}, prices=PRICES)


def by_model(request: UpstreamRequest) -> Reply:
    model = msgspec.json.decode(request.body)["model"]
    if model == "broken":
        return json_reply({"error": {"message": "no"}}, status=400)
    return json_reply(chat("hello there" if model == "old" else "hello where"))


def records(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.name == "llm_edge.shadow" and record.message == "shadow"]


async def shadowed(edge: Any, outcome: str, times: int = 1) -> None:
    await eventually(lambda: edge.gateway.metrics.counters["llm_edge_shadow_requests_total", outcome] == times)


async def test_a_copy_goes_to_the_other_model_and_is_compared(caplog: pytest.LogCaptureFixture) -> None:
    """The client sees its own answer alone; the record has numbers of both and no text; the copy is on nobody's bill."""
    caplog.set_level(logging.INFO, "llm_edge.shadow")
    books = Books()
    async with in_process(by_model, config=config(budget_usd=1), access_log=books.log) as edge:
        answer = await edge.chat("secret words", model="smart")
        assert answer.json()["choices"][0]["message"]["content"] == "hello there"
        await shadowed(edge, "done")
        sent = [msgspec.json.decode(request.body)["model"] for request in edge.sent]
        lines = books.written(edge.gateway)
        spent = edge.gateway.state.pipeline.shadow_budget.spent("smart")
    assert sent == ["old", "new"]
    record = records(caplog)[0].__dict__
    assert (record["served"]["model"], record["shadowed"]["model"]) == ("old", "new")
    assert spent > 0
    assert record["shadowed"]["cost_usd"] == pytest.approx(spent / 1e9)
    assert 0.5 < record["similarity"] < 1
    assert record["equal"] is False
    assert "hello" not in repr(record)
    assert "secret words" not in repr(record)
    assert [(line["tenant"], line.get("purpose")) for line in lines][1] == ("llm-edge", "shadow")
    assert lines[0]["cost_usd"] == float(answer.headers["x-llm-edge-cost-usd"])


async def test_a_stream_is_copied_as_a_whole_answer(caplog: pytest.LogCaptureFixture) -> None:
    """And compared with what was streamed; nothing of the copy is cached."""
    caplog.set_level(logging.INFO, "llm_edge.shadow")
    models = {
        "smart": {"targets": [{"provider": "echo", "model": "echo"}], "shadow": {"model": "candidate"}},
        "candidate": {"targets": [{"provider": "echo", "model": "echo"}]},
    }
    async with in_process(config=settings(providers={"echo": {"kind": "echo"}}, models=models)) as edge:
        streamed = await edge.chat(model="smart", stream=True)
        assert streamed.text.rstrip().endswith("data: [DONE]")
        await shadowed(edge, "done")
        assert (await edge.chat(model="candidate")).headers["x-llm-edge-cache"] == "miss"
    assert records(caplog)[0].__dict__["equal"] is True


async def test_a_used_up_budget_switches_it_off() -> None:
    """What may be spent is set aside first."""
    async with in_process(by_model, config=config(budget_usd=0.000_001)) as edge:
        await edge.chat(model="smart")
        await shadowed(edge, "over_budget")
        assert len(edge.sent) == 1


async def test_more_at_once_than_it_may_are_not_made() -> None:
    """They are counted, and wait for nobody; there is room again once a copy is done. Nothing of the budget stays with those not made."""
    release = asyncio.Event()

    async def released(seconds: float) -> None:
        await release.wait()

    def slow_shadow(request: UpstreamRequest) -> Reply:
        new = msgspec.json.decode(request.body)["model"] == "new"
        return msgspec.structs.replace(by_model(request), head_delay_s=0.5 if new else 0.0)

    own = ScriptedTransport(slow_shadow, sleep=released)
    async with in_process(config=config(concurrency=2, budget_usd=1), providers={"mine": provider(own)}) as edge:
        for n in range(3):
            assert (await edge.chat(f"number {n}", model="smart")).status_code == 200
        await shadowed(edge, "too_many")
        assert edge.gateway.metrics.counters["llm_edge_shadow_requests_total", "done"] == 0
        release.set()
        await shadowed(edge, "done", 2)
        spent = edge.gateway.state.pipeline.shadow_budget.spent("smart")
        await edge.chat("number 3", model="smart")
        await shadowed(edge, "done", 3)
        assert edge.gateway.state.pipeline.shadow_budget.spent("smart") == spent * 3 // 2
        assert edge.gateway.metrics.counters["llm_edge_shadow_requests_total", "too_many"] == 1


async def test_a_hundred_copies_a_second_of_half_a_second_all_have_room() -> None:
    """Without any setting."""
    release = asyncio.Event()

    async def released(seconds: float) -> None:
        await release.wait()

    own = ScriptedTransport(
        lambda request: msgspec.structs.replace(by_model(request), head_delay_s=0.5 if b"new" in request.body else 0), sleep=released
    )
    async with in_process(config=config(), providers={"mine": provider(own)}) as edge:
        for n in range(80):
            await edge.chat(f"number {n}", model="smart")
        release.set()
        await shadowed(edge, "done", 80)


async def test_without_a_price_there_is_no_copy_on_a_budget(caplog: pytest.LogCaptureFixture) -> None:
    """Its cost could not be bounded."""
    models = {"candidate": {"targets": [{"provider": "mine", "model": "unpriced-model-x"}]}}
    async with in_process(by_model, config=config(models, budget_usd=1)) as edge:
        await edge.chat(model="smart")
        assert len(edge.sent) == 1
    assert any("no shadow" in record.message for record in caplog.records)


async def test_a_failing_shadow_is_nobodys_trouble() -> None:
    """It is counted."""
    models = {"candidate": {"targets": [{"provider": "mine", "model": "broken"}]}}
    async with in_process(by_model, config=config(models)) as edge:
        assert (await edge.chat(model="smart")).status_code == 200
        await shadowed(edge, "failed")


async def test_a_share_of_nothing_copies_nothing() -> None:
    """And hits are not copied: they cost nothing to compare with."""
    async with in_process(by_model, config=config(share=0)) as edge:
        await edge.chat(model="smart")
        await edge.chat(model="smart")
        assert len(edge.sent) == 1


async def test_a_path_that_names_the_model_names_the_other(caplog: pytest.LogCaptureFixture) -> None:
    """Bedrock's and Google's clients have it there, and whether to stream."""
    caplog.set_level(logging.INFO, "llm_edge.shadow")
    async with in_process(by_model, config=config()) as edge:
        body = {"messages": [{"role": "user", "content": [{"text": "hi"}]}]}
        assert (await edge.client.post("/model/smart/converse", json=body)).status_code == 200
        await shadowed(edge, "done")
        contents = {"contents": [{"parts": [{"text": "hi"}]}]}
        assert (await edge.client.post("/v1beta/models/smart:generateContent", json=contents)).status_code == 200
        await shadowed(edge, "done", 2)
    assert [msgspec.json.decode(request.body)["model"] for request in edge.sent] == ["old", "new", "old", "new"]
    assert all(record.__dict__["similarity"] is not None for record in records(caplog))


async def test_a_copy_falls_back_to_nobody() -> None:
    """It is that model which is looked at: neither its entry's fallbacks nor those that the client named stand in for it."""
    models = {
        "candidate": {"targets": [{"provider": "mine", "model": "broken"}], "fallbacks": ["spare"], "retries": {"attempts": 2}},
        "spare": {"targets": [{"provider": "mine", "model": "other"}]},
    }
    fails = {"broken"}

    def reply(request: UpstreamRequest) -> Reply:
        return (
            json_reply({"error": {"message": "no"}}, status=401)
            if msgspec.json.decode(request.body)["model"] in fails
            else by_model(request)
        )

    async with in_process(reply, config=config(models)) as edge:
        headers = {"authorization": f"Bearer {ADMIN_KEY}", "x-llm-edge-fallbacks": "spare"}
        for n, sent in enumerate(({}, headers)):
            await edge.chat(f"question {n}", model="smart", headers=sent)
            await shadowed(edge, "failed", n + 1)
        assert [msgspec.json.decode(request.body)["model"] for request in edge.sent] == ["old", "broken"] * 2


async def test_requests_that_pass_the_cache_by_are_copied_too(caplog: pytest.LogCaptureFixture) -> None:
    """With the cache off, or by the client's wish; not those whose provider would act twice."""
    caplog.set_level(logging.INFO, "llm_edge.shadow")
    async with in_process(by_model, config=config()) as edge:
        await edge.chat(model="smart", headers={"cache-control": "no-store"})
        await shadowed(edge, "done")
        assert records(caplog)[0].__dict__["similarity"] is not None
        await edge.chat(model="smart", store=True)
        assert len(edge.sent) == 3
    async with in_process(by_model, config=config().model_copy(update={"cache": CacheSettings(enabled=False)})) as edge:
        await edge.chat(model="smart")
        await shadowed(edge, "done")


async def test_what_narrowed_the_request_does_not_narrow_the_copy() -> None:
    """Tags and strategies speak of the first entry's targets."""
    tagged = {"targets": [{"provider": "mine", "model": "old", "tags": ["eu"]}], "shadow": {"model": "candidate"}}
    async with in_process(by_model, config=config({"smart": tagged})) as edge:
        assert (await edge.chat(model="smart", headers={"x-llm-edge-tags": "eu", "x-llm-edge-strict": "true"})).status_code == 200
        await shadowed(edge, "done")


async def test_a_copy_that_cannot_be_priced_is_not_the_requests_trouble(caplog: pytest.LogCaptureFixture) -> None:
    """Its own dialect takes what the gateway cannot read; the client has its answer."""
    async with in_process(by_model, config=config(budget_usd=1)) as edge:
        answer = await edge.chat(model="smart", tools="no tools at all")
        assert answer.status_code == 200
        assert len(edge.sent) == 1
        assert (await edge.chat("again", model="smart")).status_code == 200
    assert [record.message for record in caplog.records if record.name == "llm_edge.shadow"][:1] == ["no shadow"]

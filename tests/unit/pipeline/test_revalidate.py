"""A stale answer is served at once and made anew behind it."""

import asyncio
import json
from functools import partial

from proxy.transport.base import UpstreamRequest
from proxy.transport.scripted import Reply
from tests.support.access_log import Books
from tests.support.eventually import eventually
from tests.support.library import in_process, json_reply, one_provider
from tests.support.upstream import chat

SHORT = {"cache": {"l1": {"ttl_s": 0.05}, "stale_s": 60}}


async def test_the_stale_answer_is_served_and_the_next_one_is_new() -> None:
    """One call behind it, whoever else comes meanwhile."""
    made: list[UpstreamRequest] = []

    def answer(request: UpstreamRequest) -> Reply:
        made.append(request)
        return json_reply(chat(f"answer {len(made)}"))

    async with in_process(answer, config=one_provider(**SHORT)) as edge:
        await edge.chat()
        await asyncio.sleep(0.06)
        stale = [await edge.chat(), await edge.chat()]
        counters = edge.gateway.metrics.counters
        await eventually(lambda: counters["llm_edge_cache_revalidations_total", "ok"] == 1)
        assert {r.json()["choices"][0]["message"]["content"] for r in stale} <= {"answer 1", "answer 2"}
        assert stale[0].headers["x-llm-edge-cache-stale"] == "true"
        assert stale[0].headers["x-llm-edge-cache"] == "hit"
        fresh = await edge.chat()
        assert fresh.json()["choices"][0]["message"]["content"] == "answer 2"
        assert "x-llm-edge-cache-stale" not in fresh.headers
        assert len(made) == 2


async def test_a_failed_call_leaves_the_stale_answer() -> None:
    """It is tried again at the next request, and counted."""
    replies = [json_reply(chat("old"))]

    def answer(request: UpstreamRequest) -> Reply:
        return replies.pop() if replies else json_reply({"error": {"message": "no"}}, status=400)

    async with in_process(answer, config=one_provider(**SHORT)) as edge:
        await edge.chat()
        await asyncio.sleep(0.06)
        counters = edge.gateway.metrics.counters

        def failed(times: int) -> bool:
            return counters["llm_edge_cache_revalidations_total", "failed"] == times

        for tries in (1, 2):
            assert (await edge.chat()).json()["choices"][0]["message"]["content"] == "old"
            await eventually(partial(failed, tries))


async def test_the_call_is_logged_for_what_it_is() -> None:
    """In the name of who was given the stale answer."""
    books = Books()
    async with in_process(lambda request: json_reply(chat()), config=one_provider(**SHORT), access_log=books.log) as edge:
        await edge.chat()
        await asyncio.sleep(0.06)
        await edge.chat()
        await eventually(lambda: edge.gateway.metrics.counters["llm_edge_cache_revalidations_total", "ok"] == 1)
        lines = books.written(edge.gateway)
    assert [line.get("purpose") for line in lines] == [None, None, "revalidate"]
    assert len({(line["key_id"], line["tenant"]) for line in lines}) == 1
    assert "test-key" not in json.dumps(lines)

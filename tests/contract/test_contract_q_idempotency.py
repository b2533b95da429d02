"""Contract Q over sockets, keys in the process. Two processes and a real Valkey: test_contract_q_two_processes.py."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import httpx2
import pytest

from tests.support.gateway import KEY, running, settings
from tests.support.raw_chat import RawChat
from tests.support.upstream import Call, Upstream, chat, chat_chunk, chat_stream

CACHE_OFF = {"enabled": False}
DUPLICATES = 500


def once(key: str = "order-1") -> dict[str, str]:
    return {"idempotency-key": key}


def replayed(answer: httpx2.Response) -> bool:
    return answer.headers.get("idempotency-replayed") == "true"


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as up:
        yield up


def numbered(up: Upstream) -> Any:
    async def handle(call: Call) -> None:
        await call.answer(200, chat(f"answer {len(up.calls)}"))

    return handle


@pytest.mark.parametrize("stream", [False, True])
async def test_500_concurrent_duplicates_make_one_call_and_get_one_answer(upstream: Upstream, stream: bool) -> None:
    """Streams are read along from their beginning; 499 of them are marked."""
    release = asyncio.Event()

    async def handle(call: Call) -> None:
        if not stream:
            await release.wait()
            await call.answer(200, chat("hello"))
            return
        await call.begin_stream()
        events = chat_stream("hel", "lo")
        for event in events[:2]:
            await call.chunk(event)
        await release.wait()
        for event in events[2:]:
            await call.chunk(event)
        await call.end_stream()

    upstream.on(handle)
    async with running(settings(upstream.url, cache=CACHE_OFF)) as edge, AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(RawChat(edge.url, stream=stream, headers=once())) for _ in range(DUPLICATES)]
        if stream:
            await asyncio.gather(*(client.until("hel") for client in clients))
        await upstream.received(1)
        release.set()
        await asyncio.gather(*(client.rest() for client in clients))
        assert {(client.status, client.text) for client in clients} == {(200, clients[0].text)}
        assert clients[0].content == "hello"
        assert sum(client.header("idempotency-replayed") == "true" for client in clients) == DUPLICATES - 1
        late = await stack.enter_async_context(RawChat(edge.url, stream=stream, headers=once()))
        assert (await late.rest()).text == clients[0].text
        assert late.header("content-type") == clients[0].header("content-type")
    assert len(upstream.calls) == 1


async def test_another_body_is_refused_and_the_same_one_written_otherwise_is_not(upstream: Upstream) -> None:
    """The fingerprint is of the parsed body, and of the route."""
    upstream.on(numbered(upstream))
    async with running(settings(upstream.url, cache=CACHE_OFF)) as edge:
        first = await edge.chat("hi", headers=once())
        other = await edge.chat("ho", headers=once())
        assert (other.status_code, other.json()["error"]["code"]) == (422, "idempotency_mismatch")
        body = '{"messages": [ {"content":"hi","role":"user"} ], "model":"gpt-4o-mini"}'
        again = await edge.client.post("/v1/chat/completions", content=body, headers={**once(), "content-type": "application/json"})
        assert (again.text, replayed(again)) == (first.text, True)
        assert (await edge.client.post("/chat/completions", json=first.json(), headers=once())).status_code == 422
    assert len(upstream.calls) == 1


async def test_another_tenants_key_is_another(upstream: Upstream) -> None:
    """Same key, same body: two calls."""
    upstream.on(numbered(upstream))
    keys = [KEY, "test-key-of-another-tenant"]
    async with running(settings(upstream.url, cache=CACHE_OFF, auth={"static_keys": keys})) as edge:
        answers = [await edge.chat(headers={**once(), "authorization": f"Bearer {key}"}) for key in keys]
    assert [answer.json()["choices"][0]["message"]["content"] for answer in answers] == ["answer 1", "answer 2"]


@pytest.mark.parametrize("key", ["x" * 256, "\u00e9", "tab\there"])
async def test_a_key_that_is_none_is_refused(key: str) -> None:
    """400, before anything runs."""
    async with running(settings()) as edge:
        answer = await edge.chat(model="echo", headers={"idempotency-key": key.encode("latin-1")})  # type: ignore[dict-item]
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "idempotency-key")


async def test_failures_are_not_kept(upstream: Upstream) -> None:
    """The next one with the key is a new request."""

    async def handle(call: Call) -> None:
        if len(upstream.calls) == 1:
            await call.answer(400, {"error": {"message": "no", "type": "invalid_request_error"}})
        else:
            await call.answer(200, chat("yes"))

    upstream.on(handle)
    async with running(settings(upstream.url, cache=CACHE_OFF)) as edge:
        assert (await edge.chat(headers=once())).status_code == 400
        answer = await edge.chat(headers=once())
        assert (answer.status_code, replayed(answer)) == (200, False)
        assert replayed(await edge.chat(headers=once()))


async def test_a_stream_that_broke_off_is_not_kept(upstream: Upstream) -> None:
    """Its end was an error in-band."""

    async def handle(call: Call) -> None:
        await call.begin_stream()
        await call.chunk(chat_chunk({"content": "half"}))
        if len(upstream.calls) > 1:
            await call.chunk(chat_chunk({}, "stop"))
        await call.end_stream()

    upstream.on(handle)
    async with running(settings(upstream.url, cache=CACHE_OFF)) as edge:
        assert "error" in (await edge.chat(stream=True, headers=once())).text
        assert not replayed(await edge.chat(stream=True, headers=once()))
        assert replayed(await edge.chat(stream=True, headers=once()))
    assert len(upstream.calls) == 2


async def test_too_large_answers_are_said_not_to_be_stored(upstream: Upstream) -> None:
    """`Idempotency-Stored: false`; the next one is a new request."""

    async def handle(call: Call) -> None:
        await call.answer(200, chat("x" * 2048))

    upstream.on(handle)
    async with running(settings(upstream.url, cache=CACHE_OFF, idempotency={"max_kb": 1})) as edge:
        for _ in range(2):
            answer = await edge.chat(headers=once())
            assert (answer.headers["idempotency-stored"], replayed(answer)) == ("false", False)
            assert answer.json()["choices"][0]["message"]["content"] == "x" * 2048
    assert len(upstream.calls) == 2


async def test_a_request_whose_client_leaves_runs_to_its_end(upstream: Upstream) -> None:
    """And its answer is there for the next one."""
    release = asyncio.Event()

    async def handle(call: Call) -> None:
        await release.wait()
        await call.answer(200, chat("kept"))

    upstream.on(handle)
    async with running(settings(upstream.url, cache=CACHE_OFF)) as edge:
        async with RawChat(edge.url, headers=once()) as chat_:
            await upstream.received(1)
            chat_.leave()
        await asyncio.sleep(0.05)
        release.set()
        answer = await edge.chat(headers=once())
        assert (answer.json()["choices"][0]["message"]["content"], replayed(answer)) == ("kept", True)
        await edge.idle()
    assert len(upstream.calls) == 1


async def test_a_stream_whose_client_leaves_runs_to_its_end(upstream: Upstream) -> None:
    """In its midst; a duplicate that came meanwhile has all of it."""
    release = asyncio.Event()

    async def handle(call: Call) -> None:
        await call.begin_stream()
        await call.chunk(chat_chunk({"content": "one "}))
        await release.wait()
        await call.chunk(chat_chunk({"content": "two"}))
        await call.chunk(chat_chunk({}, "stop"))
        await call.end_stream()

    upstream.on(handle)
    async with running(settings(upstream.url, cache=CACHE_OFF)) as edge:
        async with RawChat(edge.url, stream=True, headers=once()) as first, RawChat(edge.url, stream=True, headers=once()) as second:
            await first.until("one ")
            await second.until("one ")
            first.leave()
            await asyncio.sleep(0.05)
            release.set()
            assert (await second.rest()).content == "one two"
        assert replayed(await edge.chat(stream=True, headers=once()))
        await edge.idle()
    assert len(upstream.calls) == 1


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/messages", {"model": "echo", "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]}),
        ("/v1/messages", {"model": "echo", "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}], "stream": True}),
        ("/v1/messages/count_tokens", {"model": "echo", "messages": [{"role": "user", "content": "hi"}]}),
        ("/v1/responses", {"model": "echo", "input": "hi"}),
        ("/v1/responses", {"model": "echo", "input": "hi", "stream": True}),
        ("/v1/embeddings", {"model": "echo", "input": "hi"}),
        ("/v1/completions", {"model": "echo", "prompt": "hi"}),
        ("/model/echo/converse", {"messages": [{"role": "user", "content": [{"text": "hi"}]}]}),
        ("/model/echo/converse-stream", {"messages": [{"role": "user", "content": [{"text": "hi"}]}]}),
        ("/v1beta/models/echo:generateContent", {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}),
        ("/v1beta/models/echo:streamGenerateContent?alt=sse", {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}),
        ("/v1beta/models/echo:streamGenerateContent", {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}),
    ],
)
async def test_every_family(path: str, body: dict[str, Any]) -> None:
    """The same bytes under the same type."""
    async with running(settings(cache=CACHE_OFF)) as edge:
        first, second = [await edge.client.post(path, json=body, headers=once()) for _ in range(2)]
        assert (first.status_code, replayed(first)) == (200, False)
        assert (second.status_code, replayed(second)) == (200, True)
        assert (second.content, second.headers["content-type"]) == (first.content, first.headers["content-type"])
        assert edge.gateway.state.in_flight.tries == 1


async def test_who_waits_too_long_is_told_to_come_again(upstream: Upstream) -> None:
    """409 with Retry-After."""
    release = asyncio.Event()

    async def handle(call: Call) -> None:
        await release.wait()
        await call.answer(200, chat("late"))

    upstream.on(handle)
    async with running(settings(upstream.url, cache=CACHE_OFF, idempotency={"wait_s": 0.1})) as edge:
        first = asyncio.ensure_future(edge.chat(headers=once()))
        await upstream.received(1)
        busy = await edge.chat(headers=once())
        assert (busy.status_code, busy.json()["error"]["code"]) == (409, "idempotency_in_progress")
        assert busy.headers["retry-after"] == "1"
        release.set()
        assert (await first).status_code == 200


async def test_a_replay_spends_nothing(upstream: Upstream) -> None:
    """No limit counts it, and its usage record says what it is."""
    upstream.on(numbered(upstream))
    async with running(settings(upstream.url, cache=CACHE_OFF, limits={"default": {"rpm": 1}})) as edge:
        answers = [await edge.chat(headers=once()) for _ in range(5)]
        assert [answer.status_code for answer in answers] == [200] * 5
        assert {answer.headers["x-ratelimit-remaining"] for answer in answers} == {"0"}
        assert (await edge.chat(headers=once("another"))).status_code == 429
        state = edge.gateway.state
        assert state.ledger is not None
        await state.ledger.flush()
        records = await state.usage.list(since=0, until=4e9)
        assert [record.replayed for record in sorted(records, key=lambda r: r.at)] == [False, True, True, True, True, False]
        assert {record.cost_nanos for record in records if record.replayed} == {0}
    assert len(upstream.calls) == 1


PIECE = "x" * 65536


@pytest.mark.parametrize("max_kb", [1, 1024])
async def test_a_first_client_that_reads_nothing_holds_up_no_duplicate(upstream: Upstream, max_kb: int) -> None:
    """Of an answer larger than what the sockets hold; its own client gets it all the same, when it reads."""
    pieces = 40

    async def handle(call: Call) -> None:
        await call.begin_stream()
        for _ in range(pieces):
            await call.chunk(chat_chunk({"content": PIECE}))
        await call.chunk(chat_chunk({}, "stop"))
        await call.end_stream()

    upstream.on(handle)
    async with running(settings(upstream.url, cache=CACHE_OFF, idempotency={"max_kb": max_kb})) as edge:
        async with RawChat(edge.url, stream=True, headers=once()) as first:
            await upstream.received(1)
            async with RawChat(edge.url, stream=True, headers=once()) as second:
                assert len((await second.rest(10)).content) == pieces * len(PIECE)
            assert len((await first.rest()).content) == pieces * len(PIECE)
        await edge.idle()
    assert len(upstream.calls) == 1


async def test_who_comes_too_late_to_a_large_answer_is_told_at_once(upstream: Upstream) -> None:
    """409, not after `wait_s`: over 4 MiB it cannot be read from its beginning any more, and will not be kept. Those who came before have
    all of it."""
    release, pieces = asyncio.Event(), 80

    async def handle(call: Call) -> None:
        await call.begin_stream()
        for _ in range(pieces):
            await call.chunk(chat_chunk({"content": PIECE}))
        await call.chunk(chat_chunk({"content": "all but"}))
        await release.wait()
        await call.chunk(chat_chunk({}, "stop"))
        await call.end_stream()

    upstream.on(handle)
    async with running(settings(upstream.url, cache=CACHE_OFF, idempotency={"wait_s": 60})) as edge:
        async with RawChat(edge.url, stream=True, headers=once()) as first, RawChat(edge.url, stream=True, headers=once()) as second:
            await asyncio.gather(first.until("all but"), second.until("all but"))
            async with asyncio.timeout(5):
                late = await edge.chat(stream=True, headers=once())
            assert (late.status_code, late.json()["error"]["code"]) == (409, "idempotency_in_progress")
            release.set()
            await asyncio.gather(first.rest(), second.rest())
            assert {len(client.content) for client in (first, second)} == {pieces * len(PIECE) + len("all but")}
        await edge.idle()
    assert len(upstream.calls) == 1

"""Contract A: when a client leaves, the upstream socket closes within a second, one record is written, claims are released.

Here: a log line and counters stand for the usage record, which comes with metering. The exception for an
`Idempotency-Key`: test_contract_q_idempotency.py.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.gateway import KEY, Running, chat_body, running, settings
from tests.support.upstream import Call, Upstream, chat_chunk

WITHIN_S = 1.0


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as up:
        yield up


async def leave(
    edge: Running, body: dict[str, Any], *, path: str = "/v1/chat/completions", read_first: int = 0, when: asyncio.Event | None = None
) -> None:
    """Send a request on a socket of its own and close that, after `read_first` bytes of the answer and `when` is set."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(edge.url.rpartition(":")[2]))
    raw = json.dumps(body).encode()
    lines = ["host: x", f"authorization: Bearer {KEY}", "content-type: application/json", f"content-length: {len(raw)}"]
    writer.write("\r\n".join([f"POST {path} HTTP/1.1", *lines, "", ""]).encode() + raw)
    await writer.drain()
    if read_first:
        await reader.readexactly(read_first)
    if when is not None:
        await when.wait()
    writer.transport.abort()


def hold(gone: asyncio.Event, *, first: bytes | None = None, asked: asyncio.Event | None = None) -> Any:
    """An upstream that answers `first` (or nothing) and then waits for the gateway to close the connection."""

    async def handle(call: Call) -> None:
        if first is not None:
            await call.begin_stream()
            await call.chunk(first)
        if asked is not None:
            asked.set()
        await call.until_gone()
        gone.set()

    return handle


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/chat/completions", "/llm-gateway/v1/chat/completions"])
async def test_before_headers(upstream: Upstream, stream: bool, path: str) -> None:
    """The upstream has not answered yet."""
    gone, asked = asyncio.Event(), asyncio.Event()
    upstream.on(hold(gone, asked=asked))
    async with running(settings(upstream.url)) as edge:
        await leave(edge, chat_body(stream=stream), path=path, when=asked)
        async with asyncio.timeout(WITHIN_S):
            await gone.wait()
        await edge.idle()
        assert cancelled(edge) == 1


@pytest.mark.parametrize("path", ["/v1/embeddings", "/embeddings", "/openai/deployments/m/embeddings"])
async def test_embeddings(upstream: Upstream, path: str) -> None:
    """They never stream: the upstream has not answered yet."""
    gone, asked = asyncio.Event(), asyncio.Event()
    upstream.on(hold(gone, asked=asked))
    async with running(settings(upstream.url)) as edge:
        await leave(edge, {"model": "text-embedding-3-small", "input": ["a", "b"]}, path=path, when=asked)
        async with asyncio.timeout(WITHIN_S):
            await gone.wait()
        await edge.idle()
        assert cancelled(edge) == 1


async def test_embeddings_in_several_calls(upstream: Upstream) -> None:
    """Every socket of the one attempt closes, and no further call is begun."""
    left: list[int] = []

    async def handle(call: Call) -> None:
        await call.until_gone()
        left.append(1)

    upstream.on(handle)
    bedrock = {"kind": "bedrock", "base_url": upstream.url, "api_keys": ["bedrock-api-key-1234567890"]}
    async with running(settings(providers={"bedrock": bedrock})) as edge:
        asked = asyncio.Event()
        body = {"model": "amazon.titan-embed-text-v2:0", "input": [f"text {i}" for i in range(40)]}
        leaving = asyncio.ensure_future(leave(edge, body, path="/v1/embeddings", when=asked))
        calls = len(await upstream.received(8))
        asked.set()
        await leaving
        async with asyncio.timeout(WITHIN_S):
            while len(left) < calls:
                await asyncio.sleep(0.005)
        await edge.idle()
        assert len(upstream.calls) == calls == 8
        assert cancelled(edge) == 1


@pytest.mark.parametrize("operation", ["invoke", "invoke-with-response-stream"])
@pytest.mark.parametrize(
    "body", [{"inputText": "x"}, {"messages": [{"role": "user", "content": "x"}], "max_tokens": 5}], ids=["titan", "claude"]
)
async def test_before_headers_at_invoke_model(upstream: Upstream, operation: str, body: dict[str, Any]) -> None:
    """The same for Bedrock's clients."""
    gone, asked = asyncio.Event(), asyncio.Event()
    upstream.on(hold(gone, asked=asked))
    async with running(settings(upstream.url)) as edge:
        await leave(edge, body, path=f"/model/gpt-4o/{operation}", when=asked)
        async with asyncio.timeout(WITHIN_S):
            await gone.wait()
        await edge.idle()
        assert cancelled(edge) == 1


async def test_mid_stream(upstream: Upstream) -> None:
    """After the first content has been read."""
    gone = asyncio.Event()
    upstream.on(hold(gone, first=chat_chunk({"content": "hello"})))
    async with running(settings(upstream.url)) as edge:
        await leave(edge, chat_body(stream=True), read_first=300)
        async with asyncio.timeout(WITHIN_S):
            await gone.wait()
        await edge.idle()
        assert cancelled(edge) == 1


async def test_before_the_first_token(upstream: Upstream) -> None:
    """Headers and a role chunk have come, no content: the client has seen nothing."""
    gone, asked = asyncio.Event(), asyncio.Event()
    upstream.on(hold(gone, first=chat_chunk({"role": "assistant", "content": ""}), asked=asked))
    async with running(settings(upstream.url)) as edge:
        await leave(edge, chat_body(stream=True), when=asked)
        async with asyncio.timeout(WITHIN_S):
            await gone.wait()
        await edge.idle()
        assert cancelled(edge) == 1


async def test_a_call_that_others_have_joined_lives_on(upstream: Upstream) -> None:
    """The follower gets its answer from the leader's call; one upstream call in all."""
    release, asked = asyncio.Event(), asyncio.Event()

    async def slow(call: Call) -> None:
        await call.begin_stream()
        await call.chunk(chat_chunk({"content": "one "}))
        asked.set()
        await release.wait()
        await call.chunk(chat_chunk({"content": "two"}))
        await call.chunk(chat_chunk({}, "stop"))
        await call.chunk(b"data: [DONE]\n\n")
        await call.end_stream()

    upstream.on(slow)
    async with running(settings(upstream.url)) as edge:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(edge.url.rpartition(":")[2]))
        raw = json.dumps(chat_body(stream=True)).encode()
        writer.write(
            f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nx-api-key: {KEY}\r\ncontent-length: {len(raw)}\r\n\r\n".encode() + raw
        )
        await asked.wait()
        await reader.readuntil(b"one ")
        follower = asyncio.ensure_future(edge.client.post("/v1/chat/completions", json=chat_body(stream=True)))
        while not any(f.shared for f in edge.gateway.state.pipeline.flights._flights.values()):
            await asyncio.sleep(0.005)
        writer.transport.abort()
        release.set()
        answer = await follower
        assert "two" in answer.text
        assert answer.text.endswith("data: [DONE]\n\n")
        assert len(upstream.calls) == 1
        await edge.idle()


async def test_the_last_reader_to_leave_ends_the_call(upstream: Upstream) -> None:
    """Leader and follower both gone: the upstream socket closes."""
    gone, asked = asyncio.Event(), asyncio.Event()
    upstream.on(hold(gone, first=chat_chunk({"content": "hello"}), asked=asked))
    async with running(settings(upstream.url)) as edge:
        await asyncio.gather(*(leave(edge, chat_body(stream=True), read_first=300) for _ in range(3)))
        async with asyncio.timeout(WITHIN_S):
            await gone.wait()
        await edge.idle()
        assert len(upstream.calls) >= 1


async def test_the_tokens_seen_so_far_are_noted(upstream: Upstream, caplog: pytest.LogCaptureFixture) -> None:
    """Estimated, and said to be."""
    gone = asyncio.Event()
    upstream.on(hold(gone, first=chat_chunk({"content": "x" * 400})))
    ends: list[Any] = []
    async with running(settings(upstream.url), access_log=Recorder(ends)) as edge:
        await leave(edge, chat_body(stream=True), read_first=600)
        async with asyncio.timeout(WITHIN_S):
            await gone.wait()
        await edge.idle()
    assert len(ends) == 1
    usage = ends[0].usage
    assert usage.estimated
    assert usage.output_tokens == 100
    assert ends[0].cancelled


class Recorder:
    """Stands where the access log does."""

    def __init__(self, ends: list[Any]) -> None:
        self.write = lambda ctx, seconds: ends.append(ctx)


def cancelled(edge: Running) -> float:
    """Requests whose client left, from the metrics."""
    return sum(s.values[0] for s in edge.gateway.metrics.snapshot() if s.family == "llm_edge_client_disconnects_total")

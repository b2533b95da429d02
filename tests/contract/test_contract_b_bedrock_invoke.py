"""Contract B for InvokeModelWithResponseStream on the wire: a stream cut off after its first content ends in an exception frame.

Terminal evidence: Claude's `message_stop`; Titan's `completionReason`, Llama's `stop_reason` and a clean end; of vendors whose events
nobody here reads, Bedrock's own counts in the last chunk.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from proxy.codecs.bedrock_invoke import BedrockInvokeCodec
from proxy.codecs.eventstream import EventStreamParser
from proxy.core.events import StreamEnd
from tests.support.gateway import running, settings
from tests.support.invoke_samples import FOREIGN, chunk, counted, frames_answer, sample, sample_stream
from tests.support.upstream import Call, Upstream, chat_chunk, stream_answer

MISTRAL = "mistral.mistral-large-2402-v1:0"
STREAMS: dict[str, tuple[str, dict[str, Any], list[Any]]] = {
    "claude": (
        "anthropic.claude-x",
        {"messages": [{"role": "user", "content": "x"}], "max_tokens": 5},
        sample("stream_claude"),
    ),
    "titan": ("amazon.titan-text-lite-v1", {"inputText": "x"}, sample("stream_titan")),
    "llama": ("meta.llama3-8b-instruct-v1:0", {"prompt": "x"}, sample("stream_llama")),
    "mistral": (MISTRAL, FOREIGN[MISTRAL][0], counted(FOREIGN[MISTRAL][2])),
}


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as up:
        yield up


def at_bedrock(up: Upstream, **more: Any) -> Any:
    bedrock = {"kind": "bedrock", "base_url": up.url, "api_keys": ["bedrock-api-key-1234567890"], **more}
    return settings(providers={"bedrock": bedrock}, models={"*": {"targets": [{"provider": "bedrock"}]}})


def cut(frames: list[bytes], how: str) -> Any:
    async def handle(call: Call) -> None:
        await call.begin_stream()
        for frame in frames:
            await call.chunk(frame)
        await asyncio.sleep(0.05)  # in one piece with the content a bad checksum would be a 502
        if how == "clean end":
            await call.end_stream()
        elif how == "half a frame":
            await call.chunk(b"\x00\x00\x01\x00\x00")
            await call.end_stream()
        elif how == "bad checksum":
            await call.chunk(chunk({"outputText": "x"})[:-1] + b"\x00")
            await call.end_stream()
        else:
            call.close()

    return handle


def last_of(body: bytes) -> tuple[str | None, str | None]:
    """Kind and name of the last frame; the parser sees to the checksums of all."""
    frame = EventStreamParser().feed(body)[-1]
    return frame.text(":message-type"), frame.text(":exception-type")


@pytest.mark.parametrize("how", ["clean end", "close", "half a frame", "bad checksum"])
@pytest.mark.parametrize("family", list(STREAMS))
async def test_cut_after_content(upstream: Upstream, family: str, how: str) -> None:
    """No end of the vendor's own, an exception frame instead; not tried again, not stored."""
    model, body, events = STREAMS[family]
    upstream.on(cut([chunk(event) for event in events[:-1]], how))
    async with running(at_bedrock(upstream)) as edge:
        for _ in range(2):
            answer = await edge.client.post(f"/model/{model}/invoke-with-response-stream", json=body)
            assert answer.status_code == 200
            assert last_of(answer.content) == ("exception", "modelStreamErrorException")
            assert chunk(events[-1]) not in answer.content
    assert len(upstream.calls) == 2


@pytest.mark.parametrize("family", ["claude", "titan", "llama"])
async def test_cut_after_content_by_another_dialects_provider(upstream: Upstream, family: str) -> None:
    """The same when it is translated."""
    _, body, _ = STREAMS[family]
    upstream.on(stream_answer([chat_chunk({"content": "hello"})]))
    async with running(settings(upstream.url)) as edge:
        answer = await edge.client.post("/model/gpt-4o/invoke-with-response-stream", json=body)
        assert answer.status_code == 200
        assert last_of(answer.content) == ("exception", "modelStreamErrorException")


@pytest.mark.parametrize("family", ["claude", "titan", "llama"])
async def test_cut_after_content_for_a_chat_client(upstream: Upstream, family: str) -> None:
    """A provider that speaks InvokeModel alone."""
    model, _, events = STREAMS[family]
    upstream.on(frames_answer([chunk(event) for event in events[:-1]]))
    async with running(at_bedrock(upstream, dialects=["invoke"])) as edge:
        answer = await edge.chat(model=model, stream=True)
        assert answer.status_code == 200
        assert '"error"' in answer.text
        assert "[DONE]" not in answer.text


@pytest.mark.parametrize("family", list(STREAMS))
async def test_whole_streams_are_whole(upstream: Upstream, family: str) -> None:
    """The evidence and a clean end: byte for byte, and a repeat needs no call, unless a tool was called."""
    model, body, events = STREAMS[family]
    frames = [chunk(event) for event in events]
    upstream.on(frames_answer(frames))
    async with running(at_bedrock(upstream)) as edge:
        answers = [(await edge.client.post(f"/model/{model}/invoke-with-response-stream", json=body)).content for _ in range(2)]
    assert answers[0] == b"".join(frames)
    assert last_of(answers[1]) == ("event", None)
    assert len(upstream.calls) == (2 if family == "claude" else 1)


@pytest.mark.parametrize("family", ["claude", "titan", "llama"])
def test_watcher_and_decoder_agree_on_the_evidence_at_every_length(family: str) -> None:
    """Of a body that ends cleanly there."""
    codec, stream = BedrockInvokeCodec(), sample_stream(family)
    for length in range(len(stream) + 1):
        watcher, decoder = codec.watcher(), codec.stream_decoder()
        watcher.feed(stream[:length])
        watcher.close()
        events = [*decoder.feed(stream[:length]), *decoder.close()]
        assert (StreamEnd() in events) == watcher.complete

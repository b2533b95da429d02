"""A stream from upstream to its readers, with a truthful end."""

from typing import Any

import pytest

from proxy.transport.base import Phase
from proxy.transport.scripted import Reply
from tests.support.library import InProcess, data_of, in_process, json_reply, one_provider, stream_reply
from tests.support.upstream import chat, chat_chunk, chat_stream

ONE_TRY = {"routing": {"retries": {"attempts": 1}}}
WHOLE = chat_stream("hel", "lo ", "wörld")
WITH_USAGE: dict[str, Any] = {"stream_options": {"include_usage": True}}


def said(text: str) -> str:
    return "".join(choice["delta"].get("content") or "" for chunk in data_of(text) for choice in chunk.get("choices", []))


async def metric(edge: InProcess, name: str) -> float:
    lines = (await edge.client.get("/metrics")).text.splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith((name + "{", name + " ")))


async def test_pieces_cut_anywhere_make_the_same_stream() -> None:
    """Contract B: at every byte, in UTF-8 sequences and line ends too."""
    raw = b"".join(WHOLE)
    async with in_process(stream_reply([raw])) as edge:
        expected = (await edge.chat(stream=True)).text
    assert said(expected) == "hello wörld"
    async with in_process(stream_reply([raw[i : i + 1] for i in range(len(raw))])) as edge:
        assert (await edge.chat(stream=True)).text == expected
    for cut in range(1, len(raw), 17):
        async with in_process(stream_reply([raw[:cut], raw[cut:]])) as edge:
            assert (await edge.chat(stream=True)).text == expected


async def test_the_usage_chunk_is_shown_only_to_who_asked() -> None:
    """It is asked for upstream in any case, and counted."""
    for body, shown in (({}, 0), (WITH_USAGE, 1)):
        async with in_process(stream_reply(WHOLE)) as edge:
            answer = await edge.chat(stream=True, **body)
            usages = [chunk for chunk in data_of(answer.text) if chunk.get("usage")]
            assert len(usages) == shown
            assert [chunk["metadata"]["cached"] for chunk in usages] == [False] * shown
            assert b'"include_usage":true' in edge.sent[0].body
            assert await metric(edge, "llm_edge_tokens_prompt_total") == 9


async def test_an_answer_without_content_is_an_answer() -> None:
    """A finish reason and the end are enough."""
    async with in_process(stream_reply([chat_chunk({"role": "assistant"}), chat_chunk({}, "stop"), b"data: [DONE]\n\n"])) as edge:
        answer = await edge.chat(stream=True)
        assert answer.text.endswith("data: [DONE]\n\n")
        assert (answer.status_code, said(answer.text)) == (200, "")


async def test_a_connection_that_breaks_after_the_last_word_has_ended_it() -> None:
    """All that matters is in; the answer is stored like any other."""
    async with in_process(stream_reply(WHOLE, fail="body")) as edge:
        assert (await edge.chat(stream=True)).text.endswith("data: [DONE]\n\n")
        assert (await edge.chat(stream=True)).headers["x-llm-edge-cache"] == "hit"


@pytest.mark.parametrize("fail", [None, "body"])
async def test_a_cut_stream_is_told_counted_and_estimated(fail: Phase | None) -> None:
    """An in-band error, no `[DONE]`, nothing stored; what was sent is billed by estimate."""
    async with in_process(lambda _: stream_reply(WHOLE[:3], fail=fail)) as edge:
        answer = await edge.chat(stream=True)
        assert said(answer.text) == "hello "
        assert data_of(answer.text)[-1]["error"]["code"] == "stream_truncated"
        assert "[DONE]" not in answer.text
        assert await metric(edge, "llm_edge_tokens_completion_total") == 2
        assert (await edge.chat(stream=True)).headers["x-llm-edge-cache"] == "miss"


async def test_an_error_after_content_is_shown_after_it() -> None:
    """In one piece from upstream, too: what came before the error is the client's."""
    error = b'data: {"error": {"message": "overloaded", "type": "server_error", "code": "busy"}}\n\n'
    async with in_process(stream_reply([WHOLE[0] + WHOLE[1] + error])) as edge:
        answer = await edge.chat(stream=True)
        assert answer.status_code == 200
        assert said(answer.text) == "hel"
        assert data_of(answer.text)[-1]["error"]["message"] == "overloaded"
        assert len(edge.sent) == 1


async def test_an_error_before_content_is_a_status_and_may_be_retried() -> None:
    """Although upstream said 200."""
    error = b'data: {"error": {"message": "overloaded", "type": "server_error", "code": "503"}}\n\n'
    async with in_process(stream_reply([error]), stream_reply(WHOLE)) as edge:
        answer = await edge.chat(stream=True)
        assert (answer.status_code, said(answer.text), answer.headers["x-llm-edge-attempts"]) == (200, "hello wörld", "2")
    async with in_process(stream_reply([error]), config=one_provider(**ONE_TRY)) as edge:
        assert (await edge.chat(stream=True)).status_code == 503


async def test_an_event_that_is_no_json_is_a_broken_answer() -> None:
    """Before content: 502."""
    async with in_process(stream_reply([b"data: {nonsense\n\n"]), config=one_provider(**ONE_TRY)) as edge:
        answer = await edge.chat(stream=True)
        assert (answer.status_code, answer.json()["error"]["code"]) == (502, "invalid_upstream_answer")


async def test_a_provider_that_ignores_stream_is_no_stream() -> None:
    """Its whole answer has no event in it."""
    async with in_process(json_reply(chat("hello")), config=one_provider(**ONE_TRY)) as edge:
        assert (await edge.chat(stream=True)).status_code == 502


async def test_an_empty_stream_is_truncated() -> None:
    """200 and nothing."""
    async with in_process(stream_reply([]), config=one_provider(**ONE_TRY)) as edge:
        answer = await edge.chat(stream=True)
        assert (answer.status_code, answer.json()["error"]["code"]) == (502, "stream_truncated")


async def test_a_stored_stream_is_served_with_or_without_usage() -> None:
    """Each reader as it asked, whoever made the call."""
    async with in_process(stream_reply(WHOLE)) as edge:
        await edge.chat(stream=True)
        answer = await edge.chat(stream=True, **WITH_USAGE)
        assert answer.headers["x-llm-edge-cache"] == "hit"
        usages = [chunk for chunk in data_of(answer.text) if chunk.get("usage")]
        assert [chunk["metadata"]["cached"] for chunk in usages] == [True]


@pytest.mark.parametrize(
    ("media", "code"),
    [
        (b"application/json; charset=utf-8", "invalid_upstream_answer"),
        (b"text/html", "invalid_upstream_answer"),
        (b"text/event-stream", "stream_truncated"),
        (b"application/x-ndjson", "stream_truncated"),
    ],
)
async def test_what_came_in_place_of_a_stream_is_told(media: bytes, code: str) -> None:
    """By its content type, where that is no stream's."""
    reply = Reply(headers=((b"content-type", media),), chunks=(b"{}",))
    async with in_process(reply, config=one_provider(**ONE_TRY)) as edge:
        answer = await edge.chat(stream=True)
        assert (answer.status_code, answer.json()["error"]["code"]) == (502, code)
        assert (media.partition(b";")[0].decode() in answer.text) == (code == "invalid_upstream_answer")


async def test_a_stream_that_had_content_is_truncated_whatever_its_type() -> None:
    """Some servers label their streams oddly."""
    reply = Reply(headers=((b"content-type", b"text/plain"),), chunks=tuple(WHOLE[:2]))
    async with in_process(reply, config=one_provider(**ONE_TRY)) as edge:
        answer = await edge.chat(stream=True)
        assert (answer.status_code, data_of(answer.text)[-1]["error"]["code"]) == (200, "stream_truncated")

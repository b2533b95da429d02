"""Contracts B and J of streams that break off and go on with another target, for routes that want it.

Without `continue_streams` the in-band error of tests/contract/test_contract_b_stream_ends.py is all there is.
"""

import asyncio
import json
from typing import Any

import pytest

from tests.support.billing import ASKING
from tests.support.broken_streams import KINDS, begun, streaming, whole
from tests.support.converse_samples import events_of
from tests.support.eventually import eventually
from tests.support.library import data_of
from tests.support.two_targets import Held, Pair, after, two_targets
from tests.support.upstream import Call, chat_chunk, chat_stream, failing, stream_answer

PATHS = {"/v1/chat/completions": "chat", "/v1/responses": "responses", "/v1/messages": "messages"}


def provider(dialect: str) -> dict[str, Any]:
    return {"dialects": [dialect]} if KINDS[dialect] == "openai" else {}


def continuing(client: str, first: str = "", then: str = "chat", **entry: Any) -> Any:
    """`first`, `then`: dialects of the targets; "": the client's."""
    kinds = (KINDS[first or client], KINDS[then])
    dialects = {"a": provider(first or client), "b": provider(then)}
    return two_targets(kinds, dialects=dialects, continue_streams=True, **entry)


async def ask(pair: Pair, client: str) -> Any:
    path, body = ASKING[client](True)
    return await pair.edge.client.post(path, json=body)


def events_of_answer(client: str, answer: Any) -> list[Any]:
    if client == "converse":
        return [{"type": kind, **payload} for kind, payload in events_of(answer.content)]
    return data_of(answer.text)


def text_of(client: str, events: list[Any]) -> str:
    match client:
        case "chat":
            return "".join(e["choices"][0]["delta"].get("content") or "" for e in events if e.get("choices"))
        case "messages":
            return "".join(e["delta"].get("text", "") for e in events if e["type"] == "content_block_delta")
        case "responses":
            return "".join(e["delta"] for e in events if e["type"] == "response.output_text.delta")
        case "gemini":
            parts = [part for e in events for c in e.get("candidates", []) for part in c.get("content", {}).get("parts", [])]
            return "".join(part.get("text", "") for part in parts)
        case _:
            return "".join(e["delta"].get("text", "") for e in events if e["type"] == "contentBlockDelta")


def shape_of(client: str, events: list[Any]) -> list[str]:
    """Kinds of events in order, each run once."""
    kinds: list[str] = []
    for event in events:
        kind = event.get("type") or ("finish" if _finishes(event) else "chunk")
        if not kinds or kinds[-1] != kind:
            kinds.append(kind)
    return kinds


def _finishes(event: Any) -> bool:
    choices = event.get("choices") or event.get("candidates") or []
    return any(c.get("finish_reason") or c.get("finishReason") for c in choices)


SHAPES = {
    "chat": ["chunk", "finish", "chunk"],
    "gemini": ["chunk", "finish"],
    "messages": ["message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta", "message_stop"],
    "converse": ["messageStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata"],
    "responses": [
        "response.created",
        "response.queued",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ],
}


@pytest.mark.parametrize("end", ["truncated", "reset"])
@pytest.mark.parametrize("first", ["same", "chat", "messages"])
@pytest.mark.parametrize("client", ["chat", "messages", "converse", "gemini", "responses"])
async def test_the_text_goes_on(client: str, first: str, end: str) -> None:
    """In every client's dialect, passed through or translated: one start, one text in one block, one stop, and one event that says what
    happened; the other target was shown what there is."""
    spoken = client if first == "same" else first
    async with continuing(client, spoken) as pair:
        pair.a.on(streaming(spoken, begun(spoken, "Once upon a "), end=end))
        pair.b.on(streaming("chat", whole("chat", "time.")))
        answer = await ask(pair, client)
        events = events_of_answer(client, answer)
        assert (answer.status_code, text_of(client, events)) == (200, "Once upon a time.")
        shape = [kind for kind in SHAPES[client] if spoken == client or kind != "response.queued"]
        assert shape_of(client, events) == shape
        flags = [event["x_llm_edge"] for event in events if "x_llm_edge" in event]
        assert flags[0] == {"continued": {"provider": "b", "model": "two", "after": "stream_truncated"}}
        assert len([flag for flag in flags if "continued" in flag]) == 1
        told = pair.b.calls[0].json["messages"]
        assert [message["role"] for message in told] == ["user", "assistant", "user"]
        assert told[1]["content"] == "Once upon a "
        await pair.settled()
        (line,) = await pair.lines()
        assert [(t["provider"], t["role"], t["error"]) for t in line["tries"]] == [
            ("a", "primary", "stream_truncated"),
            ("b", "continuation", None),
        ]
        assert ("error" in line, line["provider"]) == (False, "b")
        assert pair.counted("llm_edge_stream_continuations_total", "m", "continued") == 1


@pytest.mark.parametrize("client", ["chat", "messages", "converse", "gemini", "responses"])
async def test_both_halves_in_many_pieces(client: str) -> None:
    """Streams that flow: each piece on its own, straight from socket to socket."""
    first, rest = begun(client, "Once upon a "), whole("chat", "time.")

    def flowing(data: bytes, *, ends: bool) -> Any:
        async def handle(call: Call) -> None:
            kind = "application/vnd.amazon.eventstream" if client == "converse" and not ends else "text/event-stream"
            await call.head(200, {"content-type": kind, "transfer-encoding": "chunked"})
            size = -(-len(data) // 12)
            for i in range(0, len(data), size):
                await call.chunk(data[i : i + size])
                await asyncio.sleep(0.01)
            if ends:
                await call.end_stream()
            else:
                call.reset()

        return handle

    async with continuing(client) as pair:
        pair.a.on(flowing(first, ends=False))
        pair.b.on(flowing(rest, ends=True))
        events = events_of_answer(client, await ask(pair, client))
        assert text_of(client, events) == "Once upon a time."
        assert shape_of(client, events) == SHAPES[client]


async def test_before_the_first_content_it_is_a_failure_like_any_other() -> None:
    """A status."""
    async with two_targets(continue_streams=True) as pair:
        pair.a.on(failing(500))
        pair.b.on(failing(500))
        assert (await pair.chat(stream=True)).status_code == 500
        assert pair.counted("llm_edge_stream_continuations_total") == 0


async def test_numbers_and_the_whole_text_of_responses() -> None:
    """Event numbers go up by one; the last events repeat both halves."""
    async with continuing("responses") as pair:
        pair.a.on(streaming("responses", begun("responses", "Once upon a "), end="truncated"))
        pair.b.on(streaming("chat", whole("chat", "time.")))
        events = events_of_answer("responses", await ask(pair, "responses"))
        assert [event["sequence_number"] for event in events] == list(range(len(events)))
        final = events[-1]["response"]
        assert (final["id"], final["output"][0]["id"], final["output"][0]["content"][0]["text"]) == ("resp_1", "msg_1", "Once upon a time.")
        assert len(final["output"]) == 1


@pytest.mark.parametrize("then", ["chat", "messages", "converse", "gemini", "responses"])
async def test_every_target_can_go_on(then: str) -> None:
    """It gets the text so far in its own dialect."""
    async with continuing("chat", then=then) as pair:
        pair.a.on(streaming("chat", begun("chat", "Once upon a "), end="truncated"))
        pair.b.on(streaming(then, whole(then, "time.")))
        events = events_of_answer("chat", await ask(pair, "chat"))
        assert text_of("chat", events) == "Once upon a time."
        assert "Once upon a " in pair.b.calls[0].body.decode()
        usage = events[-1]["usage"]
        assert usage["completion_tokens"] == 3 + 3  # 12 bytes are 3 tokens, as estimated, and 3 as told


async def test_a_model_that_takes_a_prefill_gets_one() -> None:
    """No instruction then: the prompt ends with the text."""
    targets = [{"provider": "a", "model": "one"}, {"provider": "b", "model": "claude-3-5-haiku-20241022"}]
    async with continuing("chat", then="messages", targets=targets) as pair:
        pair.a.on(streaming("chat", begun("chat", "Once upon a"), end="truncated"))
        pair.b.on(streaming("messages", whole("messages", " time.")))
        assert text_of("chat", events_of_answer("chat", await ask(pair, "chat"))) == "Once upon a time."
        assert pair.b.calls[0].json["messages"][-1]["role"] == "assistant"


async def test_both_calls_are_billed() -> None:
    """The first as estimated; the client's usage chunk, log and counters have the sum, each part at its own price."""
    async with continuing("chat") as pair:
        pair.a.on(streaming("chat", begun("chat", "Once upon a "), end="truncated"))
        pair.b.on(streaming("chat", whole("chat", "time.")))
        answer = await ask(pair, "chat")
        events = events_of_answer("chat", answer)
        await pair.settled()
        (line,) = await pair.lines()
        cut = line["tries"][0]
        prompt = -(-len(answer.request.content) // 4)
        assert (cut["prompt_tokens"], cut["completion_tokens"], cut["tokens_estimated"]) == (prompt, 3, True)
        assert cut["cost_nanos"] == prompt * 1000 + 3 * 10000
        rest = 9 * 2000 + 3 * 20000
        assert line["cost_nanos"] == cut["cost_nanos"] + rest
        assert (line["prompt_tokens"], line["completion_tokens"], line["tokens_estimated"]) == (prompt + 9, 6, True)
        assert (events[-1]["usage"]["prompt_tokens"], events[-1]["usage"]["completion_tokens"]) == (prompt + 9, 6)
        assert round(events[-1]["metadata"]["cost_usd"] * 1e9) == line["cost_nanos"]
        assert round(pair.counted("llm_edge_cost_usd_total", "a", "m") * 1e9) == cut["cost_nanos"]
        assert round(pair.counted("llm_edge_cost_usd_total", "b", "m") * 1e9) == rest


async def test_a_stall_goes_on_as_well() -> None:
    """The time-out between chunks is such a break; the socket that stalls is closed."""
    stalled = Held(begun("chat", "Once upon a "))
    async with continuing("chat", timeouts={"between_chunks_s": 0.2}) as pair:
        pair.a.on(stalled)
        pair.b.on(streaming("chat", whole("chat", "time.")))
        events = events_of_answer("chat", await ask(pair, "chat"))
        assert text_of("chat", events) == "Once upon a time."
        assert [e["x_llm_edge"]["continued"]["after"] for e in events if "x_llm_edge" in e] == ["upstream_timeout"]
        async with asyncio.timeout(1):
            await stalled.gone.wait()
        (line,) = await pair.lines()
        assert line["ttft_ms"] < 200 < line["duration_ms"]


@pytest.mark.parametrize(("kind", "goes_on"), [("overloaded_error", True), ("invalid_request_error", False)])
async def test_the_providers_own_error(kind: str, goes_on: bool) -> None:
    """Goes on where a retry could have helped."""
    error = f"event: error\ndata: {json.dumps({'type': 'error', 'error': {'type': kind, 'message': 'x'}})}\n\n".encode()
    async with continuing("messages") as pair:
        pair.a.on(streaming("messages", begun("messages", "Once upon a ") + error))
        pair.b.on(streaming("chat", whole("chat", "time.")))
        events = events_of_answer("messages", await ask(pair, "messages"))
        assert (text_of("messages", events) == "Once upon a time.") is goes_on
        assert (events[-1]["type"] == "error") is not goes_on
        assert len(pair.b.calls) == goes_on


TOOL = chat_chunk({"tool_calls": [{"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]})
LOGPROBS = chat_chunk({"content": "x"}).replace(
    b'"finish_reason": null', b'"logprobs": {"content": [{"token": "x"}]}, "finish_reason": null'
)


@pytest.mark.parametrize(
    ("said", "body"),
    [
        (chat_chunk({"content": "x"}) + TOOL, {}),
        (TOOL, {}),
        (chat_chunk({"reasoning_content": "hm"}) + chat_chunk({"content": "x"}), {}),
        (chat_chunk({"refusal": "no"}), {}),
        (LOGPROBS, {}),
        (chat_chunk({"content": "x"}), {"logprobs": True}),
        (chat_chunk({"content": "x"}), {"response_format": {"type": "json_object"}}),
        (chat_chunk({"content": "x"}), {"n": 2}),
        (chat_chunk({"content": "x"}), {"store": True}),
        (chat_chunk({"content": "x"}), {"retries": {"attempts": 1}}),
        (chat_chunk({"content": "x"}), {"continue_streams": False}),
    ],
    ids=[
        "text and call",
        "call",
        "thinking",
        "refusal",
        "logprobs",
        "logprobs asked",
        "json",
        "choices",
        "store",
        "no try",
        "off",
    ],
)
async def test_what_does_not_go_on(said: bytes, body: dict[str, Any]) -> None:
    """The in-band error, no `[DONE]`, and no call more."""
    entry = {key: body.pop(key) for key in ("retries", "continue_streams") if key in body}
    async with two_targets(**{"continue_streams": True, **entry}) as pair:
        pair.a.on(streaming("chat", said, end="truncated"))
        answer = await pair.chat(stream=True, **body)
        assert (answer.status_code, len(pair.b.calls), "[DONE]" in answer.text) == (200, 0, False)
        assert "error" in data_of(answer.text)[-1]
        body.clear()
        await pair.settled()


async def test_nonsense_does_not_go_on() -> None:
    """It is the answer that is wrong, not the end of it."""
    async with two_targets(continue_streams=True) as pair:

        async def wrong(call: Call) -> None:
            await call.begin_stream()
            await call.chunk(chat_chunk({"content": "x"}))
            await asyncio.sleep(0.1)
            await call.chunk(b"data: nonsense\n\n")
            await call.end_stream()

        pair.a.on(wrong)
        answer = await pair.chat(stream=True)
        assert (data_of(answer.text)[-1]["error"]["code"], len(pair.b.calls)) == ("invalid_upstream_answer", 0)


async def test_attempts_bound_it() -> None:
    """Every call breaks: as many as configured, then the error of the last break; all that came is one text."""
    async with two_targets(continue_streams=True, retries={"attempts": 4, "backoff_base_s": 0.01}) as pair:
        pair.a.on(streaming("chat", begun("chat", "ab"), end="truncated"))
        pair.b.on(streaming("chat", begun("chat", "cd"), end="truncated"))
        answer = await pair.chat(stream=True)
        events = data_of(answer.text)
        assert (text_of("chat", events), events[-1]["error"]["code"]) == ("abcdabcd", "stream_truncated")
        assert (len(pair.a.calls), len(pair.b.calls), "[DONE]" in answer.text) == (2, 2, False)
        assert pair.a.calls[1].json["messages"][1]["content"] == "abcd"
        (line,) = await pair.lines()
        assert [t["role"] for t in line["tries"]] == ["primary", *["continuation"] * 3]
        assert line["error"] == "stream_truncated"
        assert [t["completion_tokens"] for t in line["tries"][:3]] == [1, 1, 1]
        assert pair.counted("llm_edge_stream_continuations_total", "m", "continued") == 3
        assert pair.counted("llm_edge_stream_continuations_total", "m", "failed") == 1


async def test_targets_that_fail_before_the_rest() -> None:
    """They are tries like any other; what is told at the end is what broke the stream."""
    async with two_targets(continue_streams=True, retries={"attempts": 3, "backoff_base_s": 0.01}) as pair:
        pair.a.script(streaming("chat", begun("chat", "ab"), end="truncated"), failing(500))
        pair.b.on(failing(503))
        answer = await pair.chat(stream=True)
        events = data_of(answer.text)
        assert (text_of("chat", events), events[-1]["error"]["code"]) == ("ab", "stream_truncated")
        assert (len(pair.a.calls), len(pair.b.calls)) == (2, 1)
        assert pair.counted("llm_edge_stream_continuations_total", "m", "failed") == 1
        await pair.settled()


async def test_it_is_not_cached_and_nobody_joins_it() -> None:
    """Who asks the same while it goes on makes a call of its own, and so does who asks later."""
    go = asyncio.Event()
    async with two_targets(continue_streams=True) as pair:
        pair.a.script(streaming("chat", begun("chat", "ab"), end="truncated"), stream_answer(chat_stream("own")))
        pair.b.on(after(go, streaming("chat", whole("chat", "cd"))))
        first = asyncio.ensure_future(pair.chat(stream=True))
        await pair.b.received(1)
        second = await pair.chat(stream=True)
        go.set()
        assert text_of("chat", data_of((await first).text)) == "abcd"
        assert (text_of("chat", data_of(second.text)), second.headers["x-llm-edge-cache"]) == ("own", "miss")
        assert text_of("chat", data_of((await pair.chat(stream=True)).text)) == "own"  # the second's, from the cache
        assert len(pair.a.calls) == 2


async def test_a_shared_stream_is_not_continued() -> None:
    """Leader and follower both get the error, within a second: no text is mixed from two calls."""
    broke = asyncio.Event()

    async def breaks(call: Call) -> None:
        await call.begin_stream()
        await call.chunk(chat_chunk({"content": "ab"}))
        await broke.wait()
        await call.end_stream()

    async with two_targets(continue_streams=True) as pair:
        pair.a.on(breaks)
        requests = [asyncio.ensure_future(pair.chat(stream=True)) for _ in range(3)]
        await eventually(lambda: pair.counted("llm_edge_single_flight_joins_total") == 2)
        broke.set()
        for answer in await asyncio.gather(*requests):
            events = data_of(answer.text)
            assert (text_of("chat", events), events[-1]["error"]["code"]) == ("ab", "stream_truncated")
        assert len(pair.b.calls) == 0
        await pair.settled()


@pytest.mark.parametrize("when", ["before the rest", "within the rest"])
async def test_a_client_that_leaves_meanwhile(when: str) -> None:
    """The second call's socket closes within a second; what was used so far is on the books."""
    held = Held(b"" if when == "before the rest" else begun("chat", "cd"))
    async with two_targets(continue_streams=True) as pair:
        pair.a.on(streaming("chat", begun("chat", "ab"), end="truncated"))
        pair.b.on(held)
        request = asyncio.ensure_future(pair.chat(stream=True))
        await held.asked.wait()
        if when == "within the rest":
            await asyncio.sleep(0.1)
        request.cancel()
        async with asyncio.timeout(1):
            await held.gone.wait()
        await pair.settled()
        (line,) = await pair.lines()
        assert line["tries"][1]["role"] == "continuation"
        assert line["completion_tokens"] >= 1


async def test_a_hedged_stream_can_go_on() -> None:
    """The hedge wins, breaks, and the first target, which was given up, goes on."""
    slow = Held()
    async with two_targets(
        continue_streams=True, hedge={"after_s": 0.05, "share": 1}, retries={"attempts": 3, "backoff_base_s": 0.01}
    ) as pair:
        pair.a.script(slow, streaming("chat", whole("chat", "cd")))
        pair.b.on(streaming("chat", begun("chat", "ab"), end="truncated"))
        answer = await pair.chat(stream=True)
        assert text_of("chat", data_of(answer.text)) == "abcd"
        (line,) = await pair.lines()
        assert [(t["provider"], t["role"]) for t in line["tries"]] == [("a", "hedge_loser"), ("b", "hedge"), ("a", "continuation")]
        assert line["cost_nanos"] == sum(t["cost_nanos"] for t in line["tries"][:2]) + 9 * 1000 + 3 * 10000
        await pair.settled()


async def test_the_attempts_are_told_of_the_hedge_that_broke() -> None:
    """Its account is not active any more, so it gets no other try; the first target, which was only given up, goes on."""
    gone = b'data: {"error":{"message":"no money is left","type":"server_error","code":"billing_not_active"}}\n\n'
    async with two_targets(
        continue_streams=True, hedge={"after_s": 0.05, "share": 1}, retries={"attempts": 3, "backoff_base_s": 0.01}
    ) as pair:
        pair.a.script(Held(), streaming("chat", whole("chat", "cd")))
        pair.b.on(streaming("chat", begun("chat", "ab") + gone))
        answer = await pair.chat(stream=True)
        assert text_of("chat", data_of(answer.text)) == "abcd"
        (line,) = await pair.lines()
        assert [(t["provider"], t["role"]) for t in line["tries"]] == [("a", "hedge_loser"), ("b", "hedge"), ("a", "continuation")]
        await pair.settled()

"""The echo upstream as a Transport, and what OpenAI's SDK types say to it."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import CreateEmbeddingResponse, Model
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from proxy.providers.echo import EchoResponse, EchoTransport
from proxy.transport.base import ResponseTooLarge, Timeouts, TransportError, UpstreamRequest

URL = "http://echo.invalid/v1/chat/completions"
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


SCHEMA_WORDS = [
    "type",
    "function",
    "custom",
    "name",
    "parameters",
    "json_schema",
    "schema",
    "properties",
    "required",
    "items",
    "minItems",
    "anyOf",
    "allOf",
    "$ref",
    "enum",
    "const",
    "format",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "multipleOf",
    "tools",
    "allowed_tools",
    "text",
]


class StillClock:
    def monotonic(self) -> float:
        return 0.0

    def time(self) -> float:
        return 1_700_000_000.9


class Sleeper:
    """Notes the waits and returns at once."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.waits.append(seconds)


def chat(text: str = "hello", /, **fields: Any) -> UpstreamRequest:
    body = {"model": "echo", "messages": [{"role": "user", "content": text}], **fields}
    return UpstreamRequest(method="POST", url=URL, headers=(), body=orjson.dumps(body))


def with_limits(request: UpstreamRequest, timeouts: Timeouts) -> UpstreamRequest:
    return UpstreamRequest(method=request.method, url=request.url, headers=(), body=request.body, timeouts=timeouts)


def echo(sleeper: Sleeper | None = None) -> EchoTransport:
    return EchoTransport(clock=StillClock(), sleep=sleeper or Sleeper())


async def answer(request: UpstreamRequest) -> ChatCompletion:
    response = await echo().send(request)
    assert response.status == 200
    return ChatCompletion.model_validate_json(await response.read(), strict=True)


async def chunks(request: UpstreamRequest) -> list[ChatCompletionChunk]:
    raw = await (await echo().send(request)).read()
    events = raw.decode().removesuffix("\n\n").split("\n\n")
    assert events[-1] == "data: [DONE]"
    return [ChatCompletionChunk.model_validate_json(event.removeprefix("data: "), strict=True) for event in events[:-1]]


async def error(request: UpstreamRequest) -> tuple[EchoResponse, Mapping[str, Any]]:
    response = await echo().send(request)
    return response, orjson.loads(await response.read())["error"]


async def _noted(response: EchoResponse, got: list[bytes]) -> AsyncIterator[bytes]:
    async for piece in response:
        got.append(piece)
        yield piece


async def test_text_is_echoed() -> None:
    """A plain request is answered with `Echo: ` and the last user text, and the SDK's strict types take it."""
    got = await answer(chat("how are you?"))
    assert got.choices[0].message.content == "Echo: how are you?"
    assert got.choices[0].finish_reason == "stop"
    assert got.model == "echo"
    assert got.created == 1_700_000_000
    assert got.id.startswith("chatcmpl-")


async def test_same_request_same_answer() -> None:
    """The id comes from the request's digest: equal requests get equal bytes, others another id."""
    first, again = await answer(chat("a")), await answer(chat("a"))
    assert first == again
    assert (await answer(chat("b"))).id != first.id


async def test_stream_says_the_same() -> None:
    """A stream's deltas add up to the whole answer's text, end in one finish reason, and carry the SDK's chunk type."""
    got = await chunks(chat("one two  three", stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in got) == "Echo: one two  three"
    assert [chunk.choices[0].finish_reason for chunk in got if chunk.choices[0].finish_reason] == ["stop"]
    assert {chunk.id for chunk in got} == {(got[0]).id}
    assert got[0].choices[0].delta.role == "assistant"


async def test_stream_usage() -> None:
    """`include_usage` brings one chunk without choices, and its counts equal those of the whole answer."""
    got = await chunks(chat("count me", stream=True, stream_options={"include_usage": True}))
    assert got[-1].choices == []
    assert all(chunk.usage is None for chunk in got[:-1])
    assert got[-1].usage == (await answer(chat("count me"))).usage


async def test_tool_call_stream() -> None:
    """A streamed tool call names itself once, and its argument pieces add up to the whole answer's."""
    got = await chunks(chat("weather?", tools=[TOOL], stream=True))
    calls = [call for chunk in got for choice in chunk.choices for call in choice.delta.tool_calls or ()]
    assert [call.function.name for call in calls if call.function and call.function.name] == ["weather"]
    assert orjson.loads("".join((call.function and call.function.arguments) or "" for call in calls)) == {"city": "echo"}
    assert got[-1].choices[0].finish_reason == "tool_calls"


async def test_parallel_tool_calls_strict() -> None:
    """Two parallel calls pass the SDK's types and have ids of their own."""
    got = await answer(chat("echo:parallel", tools=[TOOL]))
    calls = got.choices[0].message.tool_calls or []
    assert len({call.id for call in calls}) == 2
    assert got.choices[0].message.content is None


async def test_logprobs_strict() -> None:
    """Logprobs have the SDK's shape, with as many alternatives as asked for."""
    got = await answer(chat("a b", logprobs=True, top_logprobs=2))
    logprobs = got.choices[0].logprobs
    assert logprobs is not None
    assert logprobs.content is not None
    assert "".join(token.token for token in logprobs.content) == "Echo: a b"
    assert [len(token.top_logprobs) for token in logprobs.content] == [2, 2, 2]


async def test_models() -> None:
    """`GET …/models` lists the echo models in the SDK's shape."""
    response = await echo().send(UpstreamRequest(method="GET", url="http://echo.invalid/v1/models?x=1", headers=()))
    listed = orjson.loads(await response.read())["data"]
    assert [Model.model_validate(entry, strict=True).id for entry in listed] == ["echo", "echo-slow-200ms"]


async def test_unknown_path() -> None:
    """Another path or method is OpenAI's 404."""
    response, body = await error(UpstreamRequest(method="GET", url=URL, headers=()))
    assert (response.status, body["code"]) == (404, "unknown_url")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"{", None),
        (b"[]", "model"),
        (b'{"messages":[{"role":"user","content":"x"}]}', "model"),
        (b'{"model":"echo"}', "messages"),
        (b'{"model":"echo","messages":[3]}', "messages[0]"),
        (b'{"model":"echo","messages":[{"role":"user","content":"x"}],"metadata":{"echo_stauts":"1"}}', None),
    ],
)
async def test_bad_request(body: bytes, param: str | None) -> None:
    """A body that is no chat request is a 400 naming the field."""
    response, got = await error(UpstreamRequest(method="POST", url=URL, headers=(), body=body))
    assert (response.status, got["param"]) == (400, param)


@pytest.mark.parametrize(("status", "kind"), [(429, "requests"), (503, "server_error"), (422, "invalid_request_error")])
async def test_scripted_status(status: int, kind: str) -> None:
    """A status on request comes with OpenAI's error body and the Retry-After that was asked for."""
    response, got = await error(chat(metadata={"echo_status": str(status), "echo_retry_after": "2"}))
    assert (response.status, got["type"]) == (status, kind)
    assert response.header(b"retry-after") == b"2"
    assert response.header(b"nothing") is None


async def test_latency_is_slept() -> None:
    """Latency, first-token and chunk waits go through the injected sleep, in order."""
    sleeper = Sleeper()
    times = {"echo_latency_ms": "50", "echo_first_token_ms": "30", "echo_chunk_ms": 20}
    response = await echo(sleeper).send(chat("a b", stream=True, metadata=times))
    assert sleeper.waits == [0.05]
    pieces = [piece async for piece in response]
    assert sleeper.waits == [0.05, 0.03, *[0.02] * (len(pieces) - 1)]


async def test_time_out_before_the_head() -> None:
    """A wait over `headers_s` ends there, as a time-out in phase headers."""
    sleeper = Sleeper()
    request = with_limits(chat(model="echo-slow-900ms"), Timeouts(headers_s=0.1))
    with pytest.raises(TransportError) as caught:
        await echo(sleeper).send(request)
    assert (caught.value.phase, caught.value.timeout, caught.value.sent) == ("headers", True, True)
    assert sleeper.waits == [0.1]


async def test_time_out_between_pieces() -> None:
    """A wait over `between_bytes_s` ends the stream there, as a time-out in phase body."""
    request = with_limits(chat(stream=True, metadata={"echo_chunk_ms": "500"}), Timeouts(between_bytes_s=0.2))
    response = await echo().send(request)
    assert await response.next_chunk()
    with pytest.raises(TransportError) as caught:
        await response.next_chunk()
    assert (caught.value.phase, caught.value.timeout) == ("body", True)


async def test_deadline_bounds_the_wait() -> None:
    """A deadline in the past leaves no time at all; one before `headers_s` wins over it."""
    sleeper = Sleeper()
    limits = Timeouts(headers_s=5.0, deadline=asyncio.get_running_loop().time() - 1)
    with pytest.raises(TransportError):
        await echo(sleeper).send(with_limits(chat(model="echo-slow-900ms"), limits))
    assert sleeper.waits == [0.0]


async def test_deadline_alone_bounds_the_wait() -> None:
    """Without other limits the deadline still holds."""
    limits = Timeouts(deadline=asyncio.get_running_loop().time() - 1)
    with pytest.raises(TransportError):
        await echo().send(with_limits(chat(model="echo-slow-900ms"), limits))


@pytest.mark.parametrize(("phase", "sent"), [("connect", False), ("tls", False), ("send", True), ("headers", True)])
async def test_scripted_reset(phase: str, sent: bool) -> None:
    """A reset before the head is a TransportError of that phase that says whether anything was sent."""
    with pytest.raises(TransportError) as caught:
        await echo().send(chat(metadata={"echo_reset": phase}))
    assert (caught.value.phase, caught.value.sent, caught.value.timeout) == (phase, sent, False)


async def test_reset_of_a_whole_body() -> None:
    """`reset: body` hands out half of the bytes, then fails; `read` fails at once."""
    request = chat(metadata={"echo_reset": "body"})
    with pytest.raises(TransportError, match="before the end"):
        await (await echo().send(request)).read()
    response = await echo().send(request)
    assert (await response.next_chunk()).startswith(b'{"id"')
    with pytest.raises(TransportError) as caught:
        await response.next_chunk()
    assert caught.value.phase == "body"


async def test_reset_of_a_stream() -> None:
    """`reset: body` breaks a stream after its first content piece."""
    response = await echo().send(chat("a b c", stream=True, metadata={"echo_reset": "body"}))
    got: list[bytes] = []
    with pytest.raises(TransportError):
        got.extend([piece async for piece in _noted(response, got)])
    assert b"Echo" in got[1]
    assert len(got) == 2


@pytest.mark.parametrize("after", [0, 2])
async def test_cut_stream(after: int) -> None:
    """A cut stream ends cleanly after so many content pieces, without finish reason and `[DONE]`."""
    raw = await (await echo().send(chat("a b c", stream=True, metadata={"echo_cut_after": str(after)}))).read()
    assert raw.count(b"data: ") == 1 + after
    assert b"[DONE]" not in raw
    assert b'"finish_reason":"stop"' not in raw


async def test_in_band_error() -> None:
    """`error_after` ends the stream with an error event after so many content pieces."""
    raw = await (await echo().send(chat("a b c", stream=True, metadata={"echo_error_after": 1}))).read()
    events = raw.decode().strip().split("\n\n")
    assert orjson.loads(events[-1].removeprefix("data: "))["error"]["type"] == "server_error"
    assert len(events) == 3


async def test_whole_body_iterates() -> None:
    """Iterating over a whole body gives it in one piece."""
    response = await echo().send(chat())
    assert len([piece async for piece in response]) == 1


async def test_body_over_the_cap() -> None:
    """`read` refuses a body over `max_response_bytes`."""
    request = UpstreamRequest(method="POST", url=URL, headers=(), body=chat(model="echo-bytes-5000").body, max_response_bytes=1000)
    response = await echo().send(request)
    with pytest.raises(ResponseTooLarge):
        await response.read()


async def test_closed_answers_give_nothing() -> None:
    """After `close` every way of reading fails, whole or stream."""
    whole, stream = await echo().send(chat()), await echo().send(chat(stream=True))
    for response in (whole, stream):
        response.close()
        response.close()
        with pytest.raises(TransportError):
            await response.read()
        with pytest.raises(TransportError):
            await response.next_chunk()


async def test_close_during_a_wait() -> None:
    """A stream that is closed while it waits for its next piece fails instead of handing it out."""
    opened: list[EchoResponse] = []

    async def close_it(seconds: float) -> None:
        for response in opened:
            response.close()

    response = await EchoTransport(clock=StillClock(), sleep=close_it).send(chat(stream=True))
    opened.append(response)
    with pytest.raises(TransportError):
        await response.next_chunk()


async def test_finished() -> None:
    """A stream is finished with its last piece, a whole body once it was read."""
    stream, seen = await echo().send(chat(stream=True)), []
    while await stream.next_chunk():
        seen.append(stream.finished)
    assert seen == [False] * (len(seen) - 1) + [True]
    whole = await echo().send(chat())
    assert not whole.finished
    await whole.read()
    assert whole.finished


async def test_in_use_counts_open_answers() -> None:
    """`stats` counts an answer until its body is at its end or it is closed, once."""
    transport = echo()
    read, closed, streamed = [await transport.send(chat(stream=i == 2)) for i in range(3)]
    assert transport.stats().in_use == 3
    await read.read()
    read.close()
    closed.close()
    assert transport.stats().in_use == 1
    await streamed.read()
    assert transport.stats().open == 0
    await transport.aclose()


async def test_cancelled_wait() -> None:
    """A request cancelled in its scripted wait leaves nothing open."""
    transport = EchoTransport()
    task = asyncio.ensure_future(transport.send(chat(model="echo-slow-60000ms")))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert transport.stats().in_use == 0


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.sampled_from(["", "object", "array", "string", "#", "#/x", "function"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(SCHEMA_WORDS), inner, max_size=4),
    max_leaves=12,
)
_FIELDS = st.sampled_from(
    [
        "messages",
        "tools",
        "tool_choice",
        "response_format",
        "stop",
        "n",
        "max_tokens",
        "logprobs",
        "top_logprobs",
        "stream",
        "stream_options",
        "metadata",
    ]
)


@given(st.dictionaries(_FIELDS, _JSON, max_size=5), st.lists(st.dictionaries(st.sampled_from(["role", "content"]), _JSON), max_size=2))
def test_any_json_is_answered(fields: dict[str, Any], messages: list[Any]) -> None:
    """Whatever JSON object comes, there is an answer or a 400, and nothing else is raised."""
    body = orjson.dumps({"model": "echo", "messages": messages, **fields})

    async def exchange() -> tuple[int, bytes]:
        response = await echo().send(UpstreamRequest(method="POST", url=URL, headers=(), body=body))
        return response.status, await response.read()

    status, raw = asyncio.run(exchange())
    assert status in (200, 400)
    assert raw


def embedding(text: str = "hello", /, **fields: Any) -> UpstreamRequest:
    body = {"model": "echo", "input": text, **fields}
    return UpstreamRequest(method="POST", url="http://echo.invalid/v1/embeddings", headers=(), body=orjson.dumps(body))


async def test_embeddings() -> None:
    """As the SDK's strict types take them, with a request id."""
    response = await echo().send(embedding(dimensions=4))
    got = CreateEmbeddingResponse.model_validate_json(await response.read(), strict=True)
    assert (response.status, len(got.data[0].embedding), got.model) == (200, 4, "echo")
    assert (response.header(b"x-request-id") or b"").startswith(b"req_echo_")


async def test_embeddings_fail_and_wait_on_request() -> None:
    """By the model's name or the text, as chat does; a mistake names its field."""
    sleeper = Sleeper()
    response = await echo(sleeper).send(embedding("echo:latency_ms=50 x", model="echo-status-503"))
    assert (response.status, sleeper.waits) == (503, [0.05])
    response, got = await error(embedding(dimensions=0))
    assert (response.status, got["param"]) == (400, "dimensions")
    response, got = await error(embedding(model=5))
    assert (response.status, got["param"]) == (400, "model")

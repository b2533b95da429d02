"""Calls of the litellm package as exchanges of a transport."""

import asyncio
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

from proxy.providers.key_pool import Credential
from proxy.providers.litellm_transport import SLACK_S, LitellmRequest, LitellmTransport, LitellmUnusable
from proxy.transport.base import ResponseTooLarge, Timeouts, TransportError, UpstreamRequest
from tests.support.eventually import eventually
from tests.support.fake_litellm import Dumped, Fake, FakeStream, chunk

KEY = Credential(0, "gsk-secret-1234")
WHOLE = Dumped({"id": "c", "choices": [{"index": 0, "message": {"content": "hi"}, "finish_reason": "stop"}]})


def request(body: Any = None, **more: Any) -> LitellmRequest:
    values: dict[str, Any] = {
        "method": "POST",
        "url": "litellm:groq/m",
        "headers": (),
        "body": json.dumps(body if body is not None else {"model": "m", "messages": []}).encode(),
        "model": "groq/m",
        "dialect": "openai_chat",
        "stream": False,
        "key": KEY,
        **more,
    }
    return LitellmRequest(**values)


def streamed(**more: Any) -> LitellmRequest:
    return request({"model": "m", "messages": [], "stream": True}, stream=True, **more)


def transport(fake: Fake, **fixed: Any) -> LitellmTransport:
    return LitellmTransport(fake.load, prefix="groq/", fixed=fixed)


def holding(event: threading.Event) -> Callable[[], None]:
    def hold() -> None:
        event.wait(5)

    return hold


async def refused(sending: Any) -> TransportError:
    with pytest.raises(TransportError) as caught:
        await sending
    return caught.value


async def test_a_call() -> None:
    """The client's part, what is fixed, the model with its prefix, the key, and what is left of the deadline."""
    fake = Fake(WHOLE)
    sending = transport(fake, api_base="http://b", num_retries=0)
    loop = asyncio.get_running_loop()
    timeouts = Timeouts(deadline=loop.time() + 10, connect_s=3)
    response = await sending.send(request({"model": "x", "messages": [1], "api_base": "http://evil", "num_retries": 9}, timeouts=timeouts))
    ((name, given),) = fake.calls
    left, connect = given.pop("timeout")
    assert (name, connect) == ("chat", 3)
    assert SLACK_S + 9 < left <= SLACK_S + 10
    assert given == {"messages": [1], "api_base": "http://b", "num_retries": 0, "model": "groq/m", "api_key": "gsk-secret-1234"}
    assert (response.status, response.header(b"content-type"), response.header(b"x")) == (200, b"application/json", None)
    assert json.loads(response.whole() or b"")["choices"][0]["message"]["content"] == "hi"
    assert response.finished
    response.close()
    assert sending.stats().in_use == 0


async def test_without_a_key_or_a_deadline() -> None:
    """The package looks for a key where it always does."""
    fake = Fake(WHOLE)
    await transport(fake).send(request(key=Credential(0, "")))
    assert (fake.calls[0][1]["api_key"], fake.calls[0][1]["timeout"]) == (None, (None, 5.0))


async def test_embeddings() -> None:
    """By the other function, packed as the client asked."""
    fake = Fake(Dumped({"data": [{"embedding": [0.5]}], "usage": None}))
    body = {"model": "m", "input": "a", "encoding_format": "base64"}
    response = await transport(fake).send(request(body, dialect="openai_embeddings"))
    assert fake.calls[0][0] == "embed"
    assert json.loads(await response.read())["data"][0]["embedding"] == "AAAAPw=="


async def test_only_its_own_requests() -> None:
    """Another transport's would carry no model."""
    with pytest.raises(TypeError):
        await transport(Fake()).send(UpstreamRequest(method="POST", url="http://x", headers=()))


async def test_a_whole_answer_has_a_cap() -> None:
    """As any body."""
    response = await transport(Fake(WHOLE)).send(request(max_response_bytes=10))
    assert response.whole() is None
    with pytest.raises(ResponseTooLarge):
        await response.read()


async def test_a_whole_answer_in_pieces() -> None:
    """One, then its end."""
    response = await transport(Fake(WHOLE)).send(request())
    await response.relay(lambda _: True)
    response.stop_relay()
    assert len([piece async for piece in response]) == 1
    assert response.finished
    response.close()
    response.close()
    assert response.whole() is None
    for reading in (response.read, response.next_chunk):
        assert (await refused(reading())).phase == "body"


async def test_a_failure_that_is_an_answer() -> None:
    """Its status, with no secret in it: neither the key nor what stands in the environment."""
    error = ValueError("gsk-secret-1234 and env-secret-1234")
    error.status_code, error.llm_provider = 422, "groq"  # type: ignore[attr-defined]
    response = await transport(Fake(error, secrets=("env-secret-1234",))).send(request())
    assert (response.status, json.loads(await response.read())["error"]["message"]) == (422, "*** and ***")
    response = await transport(Fake(error)).send(request(key=Credential(0, "")))
    assert b"gsk-secret-1234" in await response.read()


async def test_a_failure_of_the_connection() -> None:
    """As from any transport; nothing stays in use."""
    sending = transport(Fake(ConnectionResetError()))
    error = await refused(sending.send(request()))
    assert (error.phase, error.sent, error.timeout) == ("headers", True, False)
    assert sending.stats().in_use == 0


@pytest.mark.parametrize("kind", ["deadline", "headers_s"])
async def test_no_answer_in_time(kind: str) -> None:
    """Our time-out, whatever the package does with its own."""
    deadline = asyncio.get_running_loop().time() + 0.02
    timeouts = Timeouts(deadline=deadline) if kind == "deadline" else Timeouts(headers_s=0.02)
    sending = transport(Fake(asyncio.Event()))
    await sending.ready()
    error = await refused(sending.send(streamed(timeouts=timeouts)))
    assert (error.phase, error.sent, error.timeout) == ("headers", True, True)
    assert sending.stats().in_use == 0


async def test_a_stream() -> None:
    """Chunk by chunk, to its clean end."""
    stream = FakeStream(chunk("a"), chunk("b"), chunk(finish="stop"), received_finish_reason="stop", _hidden_params={})
    sending = transport(Fake(stream))
    response = await sending.send(streamed())
    assert response.whole() is None
    assert sending.stats().open == 1
    pieces = [piece async for piece in response]
    assert [json.loads(piece[6:])["choices"][0]["delta"].get("content") for piece in pieces] == ["a", "b", None]
    assert response.finished
    assert await response.next_chunk() == b""
    response.close()
    async with asyncio.timeout(5):
        await stream.closed.wait()
    assert sending.stats().in_use == 0


async def test_a_stream_read_as_a_whole() -> None:
    """Capped."""
    response = await transport(Fake(FakeStream(chunk("a")))).send(streamed())
    assert (await response.read()).count(b"data: ") == 1
    response = await transport(Fake(FakeStream(chunk("a")))).send(streamed(max_response_bytes=5))
    with pytest.raises(ResponseTooLarge):
        await response.read()


async def test_a_finish_that_nobody_received() -> None:
    """The package says `stop` where the provider did not: the body ends without it."""
    made_up = {"received_finish_reason": None, "intermittent_finish_reason": None, "received_any_finish_reason": False}
    response = await transport(Fake(FakeStream(chunk("a"), chunk(finish="stop"), **made_up))).send(streamed())
    assert (await response.next_chunk()).count(b'"a"') == 1
    assert await response.next_chunk() == b""
    assert response.finished


@pytest.mark.parametrize(
    "received",
    [
        {},
        {"received_finish_reason": "stop"},
        {"received_finish_reason": None, "intermittent_finish_reason": "length"},
        {"received_finish_reason": None, "received_any_finish_reason": True},
    ],
)
async def test_a_finish_that_was_received(received: dict[str, Any]) -> None:
    """Or of which the package tells nothing."""
    response = await transport(Fake(FakeStream(chunk(finish="stop"), **received))).send(streamed())
    assert b'"finish_reason":"stop"' in await response.next_chunk()


@pytest.mark.parametrize(("seen", "shown"), [(None, True), ([], False), ([chunk("a")], False), ([chunk("a"), chunk(usage={"x": 1})], True)])
async def test_usage_is_shown_where_the_provider_counted(seen: Any, shown: bool) -> None:
    """Else the package did, with a tokenizer that may be another model's."""
    last = Dumped({"choices": [], "usage": {"prompt_tokens": 1}})
    response = await transport(Fake(FakeStream(last, chunks=seen))).send(streamed())
    assert (b"prompt_tokens" in await response.next_chunk()) is shown


async def test_a_stall() -> None:
    """Between two chunks."""
    response = await transport(Fake(FakeStream(chunk("a"), asyncio.Event()))).send(streamed(timeouts=Timeouts(between_bytes_s=0.02)))
    await response.next_chunk()
    error = await refused(response.next_chunk())
    assert (error.phase, error.timeout) == ("body", True)


async def test_a_stream_that_breaks() -> None:
    """The exchange failed in the body."""
    response = await transport(Fake(FakeStream(chunk("a"), ConnectionResetError()))).send(streamed())
    await response.next_chunk()
    assert (await refused(response.next_chunk())).phase == "body"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ('{"error": {"message": "busy", "type": "overloaded_error"}}', {"message": "busy", "type": "overloaded_error", "code": "529"}),
        ('{"error": {"message": "busy", "code": "own"}}', {"message": "busy", "code": "own"}),
        ('{"error": "busy"}', {"message": "busy", "code": "529"}),
        ("busy", {"message": "busy", "code": "529"}),
        ("[1]", {"message": "[1]", "code": "529"}),
    ],
)
async def test_a_provider_s_error_in_mid_stream(text: str, error: dict[str, Any]) -> None:
    """An event of OpenAI's dialect, with the status where our codec looks for it; nothing follows."""

    class HTTPStatusError(ValueError):
        response = type("R", (), {"status_code": 529, "text": text, "headers": {}})()

    response = await transport(Fake(FakeStream(chunk("a"), HTTPStatusError("x"), chunk("b")))).send(streamed())
    await response.next_chunk()
    event = (await response.next_chunk()).decode()
    assert json.loads(event.partition("data: ")[2]) == {"error": error}
    assert await response.next_chunk() == b""


async def test_a_closed_stream_gives_nothing_more() -> None:
    """An error instead."""
    stream = FakeStream(chunk("a"))
    sending = transport(Fake(stream))
    response = await sending.send(streamed())
    response.close()
    response.close()
    assert (await refused(response.next_chunk())).phase == "body"
    await eventually(stream.closed.is_set)
    assert sending.stats().in_use == 0


async def test_a_stream_without_a_way_to_close() -> None:
    """Some adapters give a plain iterator."""

    class Plain:
        def __aiter__(self) -> Any:
            return self

        async def __anext__(self) -> Any:
            raise StopAsyncIteration

    response = await transport(Fake(Plain())).send(streamed())
    assert await response.next_chunk() == b""
    response.close()


async def test_the_request_id_is_passed_on() -> None:
    """For the log."""
    hidden = {"additional_headers": {"llm_provider-x-request-id": "req_1"}}
    response = await transport(Fake(Dumped({"choices": []}, _hidden_params=hidden))).send(request())
    assert response.header(b"x-request-id") == b"req_1"


async def test_the_package_is_loaded_once() -> None:
    """However many wait for it; in a thread, so that the loop goes on."""
    fake, go_on = Fake(WHOLE), threading.Event()
    fake.before_load = holding(go_on)
    sending = transport(fake)
    waiting = [asyncio.ensure_future(sending.send(request())) for _ in range(3)]
    await eventually(lambda: fake.loads == 1)
    assert fake.calls == []
    go_on.set()
    await asyncio.gather(*waiting)
    assert (fake.loads, len(fake.calls), fake.users) == (1, 3, 1)
    await sending.aclose()
    assert fake.users == 0


async def test_a_deadline_while_it_is_loaded() -> None:
    """Nothing was sent."""
    fake, go_on = Fake(WHOLE), threading.Event()
    fake.before_load = holding(go_on)
    sending = transport(fake)
    error = await refused(sending.send(request(timeouts=Timeouts(deadline=asyncio.get_running_loop().time() + 0.02))))
    assert (error.sent, error.timeout) == (False, True)
    go_on.set()
    await sending.ready()


async def test_a_package_that_cannot_be_used() -> None:
    """Every call fails at once, as a connection that cannot be made."""
    fake = Fake(WHOLE)

    def broken() -> None:
        raise LitellmUnusable("no module")

    fake.before_load = broken
    sending = transport(fake)
    for _ in range(2):
        error = await refused(sending.send(request()))
        assert (error.phase, error.sent, error.timeout) == ("connect", False, False)
    with pytest.raises(LitellmUnusable, match="no module"):
        await sending.ready()
    assert fake.loads == 1


async def test_a_provider_that_it_does_not_know() -> None:
    """A mistake in `model_prefix` shows at the start, not as a client's error."""
    with pytest.raises(LitellmUnusable, match=r"no provider 'groq' \(model_prefix\)"):
        await transport(Fake(WHOLE, providers=("mistral",))).ready()


async def test_after_closing() -> None:
    """A call that comes late is refused; closing twice is no harm."""
    fake = Fake(WHOLE)
    sending = transport(fake)
    await sending.ready()
    await sending.aclose()
    await sending.aclose()
    assert fake.users == 0
    assert (await refused(sending.send(request()))).phase == "connect"


async def test_a_secret_does_not_print() -> None:
    """Nor does a request's key."""
    assert "gsk-secret" not in repr(request())

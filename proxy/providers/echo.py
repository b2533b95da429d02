"""The echo upstream: an OpenAI-compatible provider inside the process, for the keyless start, tests and load.

`EchoTransport` is a Transport like any other, so everything above it (provider, attempts, streaming, time-outs) runs as with a real
upstream. It serves `POST …/chat/completions`, `POST …/embeddings` and `GET …/models`, asks for no credential and costs nothing. What it
answers: `echo_answer`, `echo_embed`; delays and failures on request: `echo_script`, in short

    {"model": "echo", "messages": […], "metadata": {"echo_latency_ms": "50", "echo_status": "429", "echo_retry_after": "2"}}
    {"model": "echo-slow-200ms", …}            {"role": "user", "content": "echo:cut_after=3 tell me more"}

Answers depend on the request alone but for `created`, which is the injected clock's. Time passes only through the injected `sleep`;
`headers_s`, `between_bytes_s` and `deadline` of the request's Timeouts fire as on a wire.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from hashlib import sha256
from typing import Any

import orjson

from proxy.core.clock import Clock, SystemClock
from proxy.providers.echo_answer import Answer, InvalidRequest, last_text, make_answers
from proxy.providers.echo_embed import embeddings, read_embedding
from proxy.providers.echo_render import Head, Piece, completion, pieces
from proxy.providers.echo_script import PLAIN, Script, ScriptError, read_script
from proxy.transport.base import (
    Header,
    Phase,
    ResponseTooLarge,
    Timeouts,
    Transport,
    TransportError,
    TransportStats,
    UpstreamRequest,
    UpstreamResponse,
)

MODELS = ("echo", "echo-slow-200ms")
"""Listed by `/models`; every other name is served, too."""

Sleep = Callable[[float], Awaitable[object]]

_JSON: Header = (b"content-type", b"application/json")
_SSE: Header = (b"content-type", b"text/event-stream; charset=utf-8")

_STATUS_TYPES = {
    401: ("invalid_request_error", "invalid_api_key"),
    403: ("invalid_request_error", "permission_denied"),
    404: ("invalid_request_error", "model_not_found"),
    429: ("requests", "rate_limit_exceeded"),
}


class EchoTransport:
    """Safe for concurrent use; holds nothing between requests but the number of answers being read."""

    def __init__(self, *, clock: Clock | None = None, sleep: Sleep = asyncio.sleep) -> None:
        self._clock: Clock = clock or SystemClock()
        self._sleep = sleep
        self._in_use = 0

    async def send(self, request: UpstreamRequest) -> "EchoResponse":
        response = await self._respond(request)
        self._in_use += 1
        response.on_end = self._ended
        return response

    def stats(self) -> TransportStats:
        return TransportStats(open=self._in_use, idle=0, in_use=self._in_use)

    async def aclose(self) -> None:
        """Nothing is held."""

    def _ended(self) -> None:
        self._in_use -= 1

    async def _respond(self, request: UpstreamRequest) -> "EchoResponse":
        path = request.url.partition("?")[0]
        if path.endswith("/chat/completions") and request.method == "POST":
            return await self._chat(request)
        if path.endswith("/embeddings") and request.method == "POST":
            return await self._embed(request)
        if path.endswith("/models") and request.method == "GET":
            return self._models(request)
        return _error(request, 404, f"Unknown request URL: {request.method} {path}", "invalid_request_error", "unknown_url")

    async def _chat(self, request: UpstreamRequest) -> "EchoResponse":
        try:
            body, model = _parsed(request.body)
            user, text, prompt_tokens = last_text(body)
            script = read_script(model, user, body.get("metadata"))
        except (InvalidRequest, ScriptError) as exc:
            return _refused(request, exc)
        if script is not PLAIN:
            await self._before_head(script, request.timeouts)
            if script.status >= 300:
                return _scripted_error(request, script)
        digest = sha256(request.body).hexdigest()
        head = Head(digest, int(self._clock.time()), model)
        answers = make_answers(body, text, script, digest)
        return self._answer(request, body, head, answers, prompt_tokens, script)

    async def _embed(self, request: UpstreamRequest) -> "EchoResponse":
        try:
            body, model = _parsed(request.body)
            asked = read_embedding(body)
            script = read_script(model, asked.text, body.get("metadata"))
        except (InvalidRequest, ScriptError) as exc:
            return _refused(request, exc)
        await self._before_head(script, request.timeouts)
        if script.status >= 300:
            return _scripted_error(request, script)
        return EchoResponse(200, [_JSON, _request_id(sha256(request.body).hexdigest())], request, script, body=embeddings(model, asked))

    def _answer(
        self, request: UpstreamRequest, body: dict[str, Any], head: Head, answers: list[Answer], prompt_tokens: int, script: Script
    ) -> "EchoResponse":
        request_id = _request_id(head.digest)
        if body.get("stream") is True:
            stream = pieces(body, head, answers, prompt_tokens)
            return EchoResponse(200, [_SSE, request_id], request, script, pieces=stream, sleep=self._sleep)
        return EchoResponse(200, [_JSON, request_id], request, script, body=completion(body, head, answers, prompt_tokens))

    async def _before_head(self, script: Script, timeouts: Timeouts) -> None:
        """The scripted wait, then the scripted failure before a head."""
        if script.reset in ("connect", "tls", "send"):
            raise TransportError(f"echo: scripted reset ({script.reset})", phase=script.reset, sent=script.reset == "send")
        if script.latency_s:
            await pause(self._sleep, script.latency_s, timeouts.headers_s, timeouts.deadline, "headers")
        if script.reset == "headers":
            raise TransportError("echo: scripted reset (headers)", phase="headers", sent=True)

    def _models(self, request: UpstreamRequest) -> "EchoResponse":
        listed = [{"id": name, "object": "model", "created": 0, "owned_by": "echo"} for name in MODELS]
        return EchoResponse(200, [_JSON], request, PLAIN, body=orjson.dumps({"object": "list", "data": listed}))


class EchoResponse:
    """A whole body, or (`pieces`) a stream."""

    def __init__(
        self,
        status: int,
        headers: list[Header],
        request: UpstreamRequest,
        script: Script,
        *,
        body: bytes = b"",
        pieces: Iterator[Piece] | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.status = status
        self.headers = headers
        self.framed = True
        self._request = request
        self._body = body
        self._pieces = pieces
        self._sleep = sleep
        self._closed = False
        self._over = False
        self.on_end: Callable[[], None] | None = None
        """Called once, when the body was read to its end or the answer is closed."""
        self._wait_s, self._chunk_s = script.first_token_s, script.chunk_s
        self._reset = script.reset == "body"
        self._stop_after, self._last_words = _scripted_end(script)
        self._seen = 0

    @property
    def finished(self) -> bool:
        """True with a stream's last piece already, so that nobody waits for an end that is known."""
        return self._over

    def header(self, name: bytes) -> bytes | None:
        for key, value in self.headers:
            if key == name:
                return value
        return None

    def whole(self) -> bytes | None:
        return None

    async def read(self) -> bytes:
        if self._pieces is not None:
            self._body = b"".join([piece async for piece in self])
        elif self._reset or self._closed:
            raise self._broken()
        if len(self._body) > (cap := self._request.max_response_bytes):
            raise ResponseTooLarge(f"echo: the answer is over {cap} bytes", phase="body", sent=True)
        self._end()
        return self._body

    async def next_chunk(self) -> bytes:
        if self._closed:
            raise self._broken()
        if self._pieces is not None:
            chunk = await self._next_piece(self._pieces)
        else:
            chunk, self._body = self._body[: len(self._body) // 2 if self._reset else None], b""
        if not chunk:
            self._end()
            if self._reset:
                raise self._broken()
        return chunk

    async def relay(self, sink: Callable[[bytes], bool]) -> None:
        """Not from here."""

    def stop_relay(self) -> None:
        """Nothing to stop."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while chunk := await self.next_chunk():
            yield chunk

    def close(self) -> None:
        self._closed = True
        self._end()

    def _end(self) -> None:
        self._over = True
        if (on_end := self.on_end) is not None:
            self.on_end = None
            on_end()

    async def _next_piece(self, pieces: Iterator[Piece]) -> bytes:
        """Each piece gives the loop a turn even without a wait: a long stream must not starve others."""
        piece = next(pieces, None)
        if piece is None:
            return b""
        timeouts = self._request.timeouts
        await pause(self._sleep, self._wait_s, timeouts.between_bytes_s, timeouts.deadline, "body")
        if self._closed:
            raise self._broken()
        if self._seen == self._stop_after and not piece.opening:
            self._pieces = iter(())
            self._over = not self._reset
            return self._last_words
        self._seen += piece.content
        self._wait_s = self._chunk_s
        self._over = piece.last
        return piece.data

    def _broken(self) -> TransportError:
        return TransportError("echo: the connection was closed before the end of the body", phase="body", sent=True)


_IN_BAND = b'data: {"error":{"message":"echo: scripted failure","type":"server_error","param":null,"code":null}}\n\n'


def _scripted_end(script: Script) -> tuple[int | None, bytes]:
    """(content pieces after which the stream ends early; None: it does not, what is said then)."""
    if script.reset == "body":
        return 1, b""
    if script.error_after is not None:
        return script.error_after, _IN_BAND
    return script.cut_after, b""


async def pause(sleep: Sleep, wait_s: float, limit_s: float | None, deadline: float | None, phase: Phase) -> None:
    """Sleep, but no longer than the limits; raises the time-out that a wire would show."""
    most = limit_s
    if deadline is not None:
        left = max(deadline - asyncio.get_running_loop().time(), 0.0)
        most = left if most is None else min(most, left)
    if most is None or wait_s <= most:
        await sleep(wait_s)
        return
    await sleep(most)
    raise TransportError(f"echo: time-out after {most:.3f} s", phase=phase, sent=True, timeout=True)


def _parsed(raw: bytes) -> tuple[dict[str, Any], str]:
    """(body, model). Raises InvalidRequest."""
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as exc:
        raise InvalidRequest(f"We could not parse the JSON body of your request: {exc}", None) from None
    if not isinstance(body, dict) or not isinstance(model := body.get("model"), str):
        raise InvalidRequest("you must provide a model parameter", "model")
    return body, model


def _request_id(digest: str) -> Header:
    return (b"x-request-id", b"req_echo_" + digest[:24].encode())


def _refused(request: UpstreamRequest, exc: InvalidRequest | ScriptError) -> EchoResponse:
    return _error(request, 400, str(exc), param=getattr(exc, "param", None))


def _error(
    request: UpstreamRequest,
    status: int,
    message: str,
    kind: str = "invalid_request_error",
    code: str | None = None,
    *,
    param: str | None = None,
    more: tuple[Header, ...] = (),
) -> EchoResponse:
    body = orjson.dumps({"error": {"message": message, "type": kind, "param": param, "code": code}})
    return EchoResponse(status, [_JSON, *more], request, PLAIN, body=body)


def _scripted_error(request: UpstreamRequest, script: Script) -> EchoResponse:
    fallback = ("server_error", None) if script.status >= 500 else ("invalid_request_error", None)
    kind, code = _STATUS_TYPES.get(script.status, fallback)
    more = ((b"retry-after", script.retry_after.encode("latin-1", "replace")),) if script.retry_after is not None else ()
    return _error(request, script.status, f"echo: scripted status {script.status}", kind, code, more=more)


_: type[Transport] = EchoTransport
_response: type[UpstreamResponse] = EchoResponse

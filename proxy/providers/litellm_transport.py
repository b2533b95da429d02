"""A Transport whose upstream is the litellm package: each request is one call of it, each answer comes as OpenAI's bytes.

What is above it (lanes, attempts, streaming, cache, metering) runs as with a real upstream. Time-outs fire here, whatever the package
makes of its own, and a call that is cancelled or closed takes its socket along. A stream ends cleanly only where the provider gave a
finish reason: the package makes one up where there was none.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import msgspec

from proxy.codecs.jsonbody import parse_object
from proxy.core.tasks import TaskSupervisor
from proxy.providers.key_pool import Credential
from proxy.providers.litellm_answer import chat_answer, chat_event, embeddings_answer, request_id
from proxy.providers.litellm_errors import Answered, failure
from proxy.providers.litellm_request import arguments
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

SLACK_S = 5.0
"""How much later than ours the package's own time-out fires: it is for what we cannot cancel (adapters that run in threads)."""
_CLOSE_S = 1.0
_JSON: Header = (b"content-type", b"application/json")
_SSE: Header = (b"content-type", b"text/event-stream; charset=utf-8")


class LitellmUnusable(ValueError):
    """The package cannot be imported, or does not know the provider; the message says why."""


class LitellmApi(msgspec.Struct, frozen=True, kw_only=True):
    """What is used of the package, which is passed in so that nothing but the bridge imports it."""

    chat: Callable[..., Awaitable[Any]]
    embed: Callable[..., Awaitable[Any]]
    errors: tuple[type[Exception], ...]
    """All that its calls raise."""
    timeout: Callable[[float | None, float | None], Any]
    """(seconds in all, seconds to connect) → what its calls take as `timeout`."""
    providers: frozenset[str]
    """First segments of the names it knows."""
    acquire: Callable[[], None]
    """One more bridge uses the connections that it pools."""
    release: Callable[[], Awaitable[None]]
    """One fewer; the last closes them."""
    secrets: tuple[str, ...] = ()
    """Values that no error may quote: credentials that it may find in the environment."""


class LitellmRequest(UpstreamRequest, frozen=True, kw_only=True):
    """`url` only names the call in logs."""

    model: str
    """With its prefix."""
    dialect: str
    stream: bool
    key: Credential


class LitellmTransport:
    """`load` imports the package (in a thread; it takes seconds) and is called once. `fixed`: arguments of every call."""

    def __init__(self, load: Callable[[], LitellmApi], *, prefix: str, fixed: Mapping[str, Any] | None = None) -> None:
        self._load = load
        self._prefix = prefix
        self._fixed = dict(fixed or {})
        self._tasks = TaskSupervisor()
        self._loading = asyncio.Lock()
        self._api: LitellmApi | None = None
        self._unusable: LitellmUnusable | None = None
        self._in_use = 0

    async def ready(self) -> LitellmApi:
        """Raises LitellmUnusable, always again once it has."""
        if self._api is not None:
            return self._api
        async with self._loading:
            if self._unusable is not None:
                raise self._unusable
            if self._api is None:
                try:
                    self._api = self._known(await asyncio.to_thread(self._load))
                except LitellmUnusable as exc:
                    self._unusable = exc
                    raise
            return self._api

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        """Takes LitellmRequests only."""
        if not isinstance(request, LitellmRequest):
            raise TypeError("the litellm transport sends LitellmRequests")
        limits = request.timeouts
        api: LitellmApi | None = None
        self._in_use += 1
        answered = False
        try:
            async with asyncio.timeout_at(_soonest(limits.deadline, limits.headers_s)):
                try:
                    api = await self.ready()
                except LitellmUnusable as exc:
                    raise TransportError(f"litellm cannot be used: {exc}", phase="connect", sent=False) from exc
                response = await self._answer(api, request)
            answered = True
            return response
        except TimeoutError:
            raise TransportError("litellm: no answer in time", phase="headers", sent=api is not None, timeout=True) from None
        finally:
            if not answered:
                self._in_use -= 1

    def stats(self) -> TransportStats:
        """Exchanges stand for connections: the package keeps its own pools."""
        return TransportStats(open=self._in_use, idle=0, in_use=self._in_use)

    async def aclose(self) -> None:
        await self._tasks.close(grace_s=_CLOSE_S)
        api, self._api = self._api, None
        self._unusable = LitellmUnusable("the provider is closed")
        if api is not None:
            await api.release()

    def _known(self, api: LitellmApi) -> LitellmApi:
        provider = self._prefix.partition("/")[0]
        if provider not in api.providers:
            raise LitellmUnusable(f"it knows no provider {provider!r} (model_prefix)")
        api.acquire()
        return api

    async def _answer(self, api: LitellmApi, request: LitellmRequest) -> UpstreamResponse:
        body = parse_object(request.body)
        call = api.embed if request.dialect == "openai_embeddings" else api.chat
        try:
            answer = await call(**self._arguments(api, request, body))
            if request.stream:
                return LitellmStream(self, api, request, answer)
            if request.dialect == "openai_embeddings":
                whole = embeddings_answer(answer, base64=body.get("encoding_format") == "base64")
            else:
                whole = chat_answer(answer)
        except api.errors as exc:
            failed = self.failed(api, request, exc, "headers")
            if isinstance(failed, TransportError):
                raise failed from exc
            return LitellmAnswer(self, failed.status, [_JSON, *failed.headers], failed.body, request.max_response_bytes)
        return LitellmAnswer(self, 200, [_JSON, *_id_header(answer)], whole, request.max_response_bytes)

    def _arguments(self, api: LitellmApi, request: LitellmRequest, body: Mapping[str, Any]) -> dict[str, Any]:
        """The client's part first: nothing of it can take the place of ours."""
        limits = request.timeouts
        left = None if limits.deadline is None else max(limits.deadline - asyncio.get_running_loop().time(), 0.0) + SLACK_S
        return {
            **arguments(body, request.dialect),
            **self._fixed,
            "model": request.model,
            "api_key": request.key.secret or None,
            "timeout": api.timeout(left, limits.connect_s),
        }

    def failed(self, api: LitellmApi, request: LitellmRequest, exc: Exception, phase: Phase) -> Answered | TransportError:
        secrets = (request.key.secret, *api.secrets) if request.key.secret else api.secrets

        def scrub(text: str) -> str:
            for secret in secrets:
                text = text.replace(secret, "***")
            return text

        return failure(exc, phase, scrub)

    def done(self) -> None:
        self._in_use -= 1

    def close_later(self, stream: Any) -> None:
        """Close the package's stream, and with it its socket."""
        if (aclose := getattr(stream, "aclose", None)) is not None:
            self._tasks.start(_closed(aclose), name="litellm-close")


class _Response:
    """What both kinds of answers share."""

    framed = True

    def __init__(self, transport: LitellmTransport, status: int, headers: list[Header]) -> None:
        self.status = status
        self.headers = headers
        self._transport = transport
        self._closed = False
        self._over = False

    @property
    def finished(self) -> bool:
        return self._over

    def header(self, name: bytes) -> bytes | None:
        return next((value for key, value in self.headers if key == name), None)

    async def relay(self, sink: Callable[[bytes], bool]) -> None:
        """Not from here."""

    def stop_relay(self) -> None:
        """Nothing to stop."""

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._transport.done()

    def _broken(self) -> TransportError:
        return TransportError("litellm: the answer was closed before its end", phase="body", sent=True)


class LitellmAnswer(_Response):
    """A whole body, which is here already."""

    def __init__(self, transport: LitellmTransport, status: int, headers: list[Header], body: bytes, limit: int) -> None:
        super().__init__(transport, status, headers)
        self._body = body
        self._limit = limit

    def whole(self) -> bytes | None:
        if self._closed or len(self._body) > self._limit:
            return None
        self._over = True
        return self._body

    async def read(self) -> bytes:
        if self._closed:
            raise self._broken()
        if len(self._body) > self._limit:
            raise ResponseTooLarge(f"litellm: the answer is over {self._limit} bytes", phase="body", sent=True)
        self._over = True
        return self._body

    async def next_chunk(self) -> bytes:
        if self._closed:
            raise self._broken()
        body, self._body = self._body, b""
        self._over = not body
        return body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while chunk := await self.next_chunk():
            yield chunk


class LitellmStream(_Response):
    """`stream`: the package's asynchronous iterator of chunks."""

    def __init__(self, transport: LitellmTransport, api: LitellmApi, request: LitellmRequest, stream: Any) -> None:
        super().__init__(transport, 200, [_SSE, *_id_header(stream)])
        self._api = api
        self._request = request
        self._stream = stream
        self._next = aiter(stream).__anext__

    def whole(self) -> bytes | None:
        return None

    async def read(self) -> bytes:
        body = bytearray()
        while chunk := await self.next_chunk():
            body += chunk
            if len(body) > self._request.max_response_bytes:
                raise ResponseTooLarge(f"litellm: the answer is over {self._request.max_response_bytes} bytes", phase="body", sent=True)
        return bytes(body)

    async def next_chunk(self) -> bytes:
        if self._over:
            return b""
        if self._closed:
            raise self._broken()
        limits: Timeouts = self._request.timeouts
        try:
            async with asyncio.timeout_at(_soonest(limits.deadline, limits.between_bytes_s)):
                chunk = await self._next()
        except StopAsyncIteration:
            self._over = True
            return b""
        except TimeoutError:
            raise TransportError("litellm: the stream stalled", phase="body", sent=True, timeout=True) from None
        except self._api.errors as exc:
            return self._failed(exc)
        if _finishes(chunk) and _made_up(self._stream):
            self._over = True
            return b""
        return chat_event(chunk, usage=_counted(self._stream, chunk))

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while chunk := await self.next_chunk():
            yield chunk

    def close(self) -> None:
        if not self._closed:
            self._transport.close_later(self._stream)
        super().close()

    def _failed(self, exc: Exception) -> bytes:
        """A failure in mid-stream: an event of OpenAI's dialect where it was the provider's, else the broken exchange."""
        failed = self._transport.failed(self._api, self._request, exc, "body")
        if isinstance(failed, TransportError):
            raise failed from exc
        self._over = True
        return b"event: error\ndata: " + _with_status(failed) + b"\n\n"


def _soonest(deadline: float | None, wait_s: float | None) -> float | None:
    """Loop time."""
    if wait_s is None:
        return deadline
    until = asyncio.get_running_loop().time() + wait_s
    return until if deadline is None else min(until, deadline)


def _id_header(answer: Any) -> list[Header]:
    found = request_id(answer)
    return [] if found is None else [(b"x-request-id", found.encode("ascii"))]


def _finishes(chunk: Any) -> bool:
    return any(getattr(choice, "finish_reason", None) is not None for choice in getattr(chunk, "choices", ()))


def _made_up(stream: Any) -> bool:
    """Whether the package says "finished" of its own accord. False where it does not tell what it received."""
    received = [getattr(stream, name) for name in ("received_finish_reason", "intermittent_finish_reason") if hasattr(stream, name)]
    return bool(received) and not any(received) and not getattr(stream, "received_any_finish_reason", False)


def _counted(stream: Any, chunk: Any) -> bool:
    """Whether usage is the provider's: where no chunk had any, the package counts with a tokenizer that may be another model's."""
    if getattr(chunk, "usage", None) is None:
        return True
    seen = getattr(stream, "chunks", None)
    return not isinstance(seen, list) or any(getattr(item, "usage", None) is not None for item in seen)


def _with_status(failed: Answered) -> bytes:
    """An event has no status: it goes where the codec looks for one, unless the error names itself."""
    try:
        value = msgspec.json.decode(failed.body)
    except msgspec.MsgspecError:
        value = {"error": {"message": failed.body.decode(errors="replace")}}
    error = value.get("error") if isinstance(value, dict) else None
    if not isinstance(error, dict):
        error = {"message": str(error or value)}
    error["code"] = error.get("code") or str(failed.status)
    return msgspec.json.encode({"error": error})


async def _closed(aclose: Callable[[], Awaitable[None]]) -> None:
    async with asyncio.timeout(_CLOSE_S):
        await aclose()


_: type[Transport] = LitellmTransport
_answer: type[UpstreamResponse] = LitellmAnswer
_stream: type[UpstreamResponse] = LitellmStream

"""Calls about an answer that was issued before: fetch, delete, cancel, list its input. Served from the gateway's own store, or by the
provider that keeps it, with the credential that it was made with."""

from collections.abc import Mapping
from time import monotonic
from typing import Any, Literal
from urllib.parse import parse_qsl, quote, urlencode

import msgspec
from starlette.types import Send

from proxy.codecs.base import InvalidBody
from proxy.codecs.jsonbody import parse_object
from proxy.codecs.openai_responses.kept import PAGE_DEFAULT, PAGE_MAX, input_page
from proxy.core.context import AttemptRecord, RequestContext
from proxy.core.errors import BadRequest, EdgeError, ProviderRejected, StreamTruncated, Unsupported
from proxy.pipeline.asked import deadline_of
from proxy.pipeline.deps import Pipeline
from proxy.pipeline.keeping import kept_of
from proxy.pipeline.placing import DIALECT, account_of
from proxy.pipeline.respond import Responder
from proxy.pipeline.responses import find
from proxy.pipeline.settle import note_error
from proxy.pipeline.upstream import broken_answer, provider_error, transport_error
from proxy.providers.base import Outgoing, Provider
from proxy.providers.key_pool import Credential
from proxy.storage.responses import ResponseRecord
from proxy.transport.base import Timeouts, TransportError, UpstreamRequest, UpstreamResponse

Call = Literal["get", "delete", "cancel", "input_items"]
_METHODS: Mapping[Call, str] = {"get": "GET", "delete": "DELETE", "cancel": "POST", "input_items": "GET"}
_SUFFIXES: Mapping[Call, str] = {"get": "", "delete": "", "cancel": "/cancel", "input_items": "/input_items"}
_PASSED_QUERY = frozenset(
    {"include", "include[]", "stream", "starting_after", "include_obfuscation", "after", "before", "limit", "order"}
)  # an allow-list: the client's key may stand in the query


async def about(pipe: Pipeline, ctx: RequestContext, send: Send, call: Call, response_id: str) -> None:
    """Raises ResponseNotFound for any that is not the tenant's own, Forbidden where the key may not use the model, ResponseGone."""
    record = await find(pipe, ctx, response_id)
    ctx.model, ctx.served_model, ctx.provider = record.asked, record.model, record.provider
    verdict = ctx.permit(record.provider, record.model)
    if verdict.error is not None:
        raise verdict.error
    query = [(name, value) for name, value in _query(ctx) if name in _PASSED_QUERY]
    streams = call == "get" and ("stream", "true") in query
    if record.at_provider:
        await _Forwarded(pipe, ctx, send, record, streams).run(call, query)
    elif streams:
        raise Unsupported("this gateway keeps the answer whole, not its events: fetch it without stream", param="stream")
    else:
        await _own(pipe, ctx, send, record, call, dict(query))


def _query(ctx: RequestContext) -> list[tuple[str, str]]:
    return parse_qsl(ctx.query.decode("latin-1"), keep_blank_values=True)


async def _own(pipe: Pipeline, ctx: RequestContext, send: Send, record: ResponseRecord, call: Call, query: dict[str, str]) -> None:
    if call == "cancel":
        raise BadRequest("Cannot cancel a synchronous response.")
    if call == "delete":
        await _drop(pipe, record)
        answer: dict[str, Any] = {"id": record.response_id, "object": "response", "deleted": True}
    elif call == "get":
        answer = kept_of(record).response
    else:
        answer = _page(record, query)
    await Responder(ctx, send).json(msgspec.json.encode(answer))


def _page(record: ResponseRecord, query: dict[str, str]) -> dict[str, Any]:
    order, limit = query.get("order", "desc"), query.get("limit", str(PAGE_DEFAULT))
    if order not in ("asc", "desc"):
        raise BadRequest("order must be asc or desc", param="order")
    if not (limit.isascii() and limit.isdigit() and 1 <= int(limit[:9]) <= PAGE_MAX):
        raise BadRequest(f"limit must be between 1 and {PAGE_MAX}", param="limit")
    try:
        return input_page(kept_of(record), record.response_id, order=order, limit=int(limit), after=query.get("after"))
    except InvalidBody as exc:
        raise BadRequest(exc.message, param=exc.path) from None


async def _drop(pipe: Pipeline, record: ResponseRecord) -> None:
    if pipe.responses is not None:
        await pipe.responses.delete(record.tenant, record.response_id)


class _Forwarded:
    """One call at the provider. No second try: the clients' own retries are enough for calls that cost nothing."""

    def __init__(self, pipe: Pipeline, ctx: RequestContext, send: Send, record: ResponseRecord, streams: bool) -> None:
        self._pipe = pipe
        self._ctx = ctx
        self._record = record
        self._streams = streams
        self._codec = pipe.codecs[DIALECT]
        self._out = Responder(ctx, send, self._codec.stream_type)

    async def run(self, call: Call, query: list[tuple[str, str]]) -> None:
        ctx, record = self._ctx, self._record
        provider, key = account_of(self._pipe, record)
        attempt = AttemptRecord(record.provider, record.model)
        ctx.attempts.append(attempt)
        began = monotonic()
        response: UpstreamResponse | None = None
        try:
            request = self._request(provider, key, call, query)
            response = await provider.transport.send(request)
            attempt.sent, attempt.status = True, response.status
            if not 200 <= response.status < 300:
                if response.status == 404 and call == "delete":
                    await _drop(self._pipe, record)
                raise await provider_error(provider, key, self._codec, response)
            if self._streams:
                await self._relay(response)
            else:
                raw = await response.read()
                self._check(raw, call)
                if call == "delete":
                    await _drop(self._pipe, record)
                await self._out.json(raw)
        except TransportError as exc:
            attempt.sent = attempt.sent or exc.sent
            error = transport_error(record.provider, exc)
            attempt.error = error.code
            raise error from exc
        except EdgeError as exc:
            attempt.error = exc.code
            raise
        finally:
            if response is not None:
                response.close()
            attempt.duration_s = monotonic() - began
            ctx.upstream_s += attempt.duration_s
            self._pipe.meter.attempt_done(attempt)

    def _request(self, provider: Provider, key: Credential, call: Call, query: list[tuple[str, str]]) -> UpstreamRequest:
        """As for a new answer of the same model, but for method, path and body."""
        record, ctx = self._record, self._ctx
        timeouts = self._pipe.routes.resolve(f"{record.provider}/{record.model}").timeouts
        deadline = ctx.deadline = deadline_of(ctx, timeouts.total_s, self._streams)
        like = provider.request(
            Outgoing(
                model=record.model,
                dialect=DIALECT,
                body=b"",
                stream=self._streams,
                headers=ctx.headers,
                query=b"",
                timeouts=Timeouts(
                    connect_s=timeouts.connect_s,
                    headers_s=timeouts.first_token_s if self._streams else None,
                    between_bytes_s=timeouts.between_chunks_s if self._streams else None,
                    deadline=deadline,
                ),
                max_response_bytes=self._pipe.max_response_bytes,
            ),
            key,
        )
        url = f"{like.url}/{quote(record.response_id, safe='')}{_SUFFIXES[call]}"
        if query:
            url += f"?{urlencode(query)}"
        return msgspec.structs.replace(like, method=_METHODS[call], url=url)

    def _check(self, raw: bytes, call: Call) -> None:
        """Whether it is an answer at all."""
        try:
            if call in ("get", "cancel"):
                self._codec.facts(raw)
            else:
                parse_object(raw)
        except InvalidBody as exc:
            raise broken_answer(self._record.provider, exc) from exc

    async def _relay(self, response: UpstreamResponse) -> None:
        """The provider's events as they come. Raises only before the first of them is out."""
        lane, out, name = self._codec.watcher(), self._out, self._record.provider
        seen = False
        try:
            while not lane.ended:
                try:
                    chunk = await response.next_chunk()
                    frames = lane.feed(chunk) if chunk else lane.close()
                except TransportError as exc:
                    raise transport_error(name, exc) from exc
                except InvalidBody as exc:
                    raise broken_answer(name, exc) from exc
                if lane.error is not None:
                    raise ProviderRejected(lane.error)
                if frames:
                    await out.write(frames)
                if not chunk:
                    break
                seen = True
            if seen and not lane.complete:
                raise StreamTruncated(f"{name} ended its stream without its terminal event")
            await out.end()
        except EdgeError as exc:
            if not out.started:
                raise
            note_error(self._ctx, exc)
            await out.end(lane.fail(exc.info()))

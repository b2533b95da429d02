"""What becomes of an answer of the Responses API: its id is recorded for the tenant that it is issued to, before the client can use it,
and what no provider keeps is kept by the gateway.

    upstream that keeps responses     its id, with the first content; the content stays there
    any other                         an id of ours, with input and output, before the terminal event or the whole answer goes out

A store that is down costs the client its answer's future, not the answer: the failure is logged and counted.
"""

import logging
from typing import Any

from proxy.codecs.base import InvalidBody, StreamEncoder
from proxy.codecs.openai_responses import kept as codec
from proxy.codecs.openai_responses.stream_encode import ResponsesStreamEncoder
from proxy.core.context import RequestContext
from proxy.core.errors import BadRequest, NotFound, Unavailable
from proxy.core.ids import secret_hex
from proxy.pipeline.deps import Pipeline
from proxy.pipeline.lanes import Lane
from proxy.pipeline.upstream import Upstream
from proxy.storage.responses import ResponseRecord, ResponseRecords

_log = logging.getLogger("llm_edge")


class Keeping:
    """One request that may be followed up, or follows one up. `previous`: the answer that it names."""

    __slots__ = ("_ctx", "_final", "_pipe", "_records", "_stream", "body", "continued", "id", "keeps", "pinned", "recorded", "stores")

    def __init__(self, pipe: Pipeline, records: ResponseRecords, ctx: RequestContext, previous: ResponseRecord | None = None) -> None:
        """Raises BadRequest, NotFound."""
        self._pipe = pipe
        self._records = records
        self._ctx = ctx
        self.stores = ctx.json.get("store") is not False
        self.pinned = previous if previous is not None and previous.at_provider else None
        """The answer whose provider keeps it: the follow-up goes there."""
        self.continued = previous is not None and self.pinned is None
        """The body has become a request that stands alone."""
        self.body: dict[str, Any] = ctx.json if previous is None or self.pinned is not None else _alone(ctx.json, previous)
        size = len(ctx.body) + (len(previous.kept or b"") if previous is not None else 0)
        self.keeps = self.stores and pipe.response_rules.keep and size <= pipe.response_rules.max_bytes
        """Whether the gateway keeps the answer of an upstream that doesn't."""
        self.id = "resp_" + secret_hex(24)
        """Of the answer, where the gateway keeps it."""
        self.recorded = not self.stores
        self._final: dict[str, Any] | None = None
        self._stream: ResponsesStreamEncoder | None = None

    def translatable(self) -> dict[str, Any]:
        """The request for a codec: without what the gateway does itself."""
        if not self.keeps:
            return self.body
        return {key: value for key, value in self.body.items() if key != "store"}

    def answered(self, body: dict[str, Any]) -> None:
        """A whole answer, translated, is about to go out: it says whether it is kept."""
        if self.keeps:
            body |= self._said()
            self._final = body
        elif self.stores and self._pipe.response_rules.keep:
            self._ctx.dropped.append("store")  # too large

    def streams(self, encoder: StreamEncoder) -> None:
        """The same of a stream."""
        if self.keeps and isinstance(encoder, ResponsesStreamEncoder):
            encoder.repeat(**self._said())
            self._stream = encoder
        elif self.stores and self._pipe.response_rules.keep:
            self._ctx.dropped.append("store")

    def is_due(self, upstream: Upstream, lane: Lane) -> bool:
        """Whether the id must be recorded before the next bytes of this stream go out."""
        if self.recorded:
            return False
        return lane.response_id is not None if upstream.passthrough else self.keeps and lane.complete

    async def record(self, upstream: Upstream, response_id: str | None) -> None:
        """Once; never raises for a store that is down. `response_id` None: the upstream gave none."""
        ctx, now = self._ctx, self._pipe.clock.time()
        principal = ctx.principal
        if self.recorded or principal is None or not response_id or not (upstream.passthrough or self.keeps):
            return
        self.recorded = True
        record = ResponseRecord(
            response_id=response_id,
            tenant=principal.tenant,
            key_id=principal.key_id,
            asked=ctx.model or "",
            provider=upstream.target.provider,
            model=upstream.target.model,
            account=upstream.key.fingerprint,
            at_provider=upstream.passthrough,
            created_at=now,
            expires_at=now + self._pipe.response_rules.ttl_s,
            kept=None if upstream.passthrough else self._packed(),
        )
        try:
            await self._records.put(record)
        except Unavailable as exc:
            self._pipe.meter.response_unrecorded()
            _log.warning("an answer cannot be followed up: its id was not recorded", extra={"trace_id": ctx.trace_id, "error": exc.message})

    def _said(self) -> dict[str, Any]:
        previous = self._ctx.json.get("previous_response_id")
        return {"store": True, **({"previous_response_id": previous} if previous else {})}

    def _packed(self) -> bytes | None:
        final = self._stream.final if self._stream is not None else self._final
        if final is None:
            return None
        packed = codec.pack(self.body.get("input"), final)
        return packed if len(packed) <= self._pipe.response_rules.max_bytes else None


def _alone(body: dict[str, Any], previous: ResponseRecord) -> dict[str, Any]:
    if body.get("conversation"):
        raise BadRequest("previous_response_id and conversation exclude each other", param="conversation")
    try:
        return codec.continued(body, kept_of(previous, param="previous_response_id"))
    except InvalidBody as exc:
        raise BadRequest(exc.message, param=exc.path) from None


def kept_of(record: ResponseRecord, *, param: str | None = None) -> codec.Kept:
    """The content that the gateway keeps. Raises NotFound where it was too large."""
    kept = codec.unpack(record.kept) if record.kept is not None else None
    if kept is None:
        raise NotFound(
            f"Response '{record.response_id}' was not kept: with its input it was larger than this gateway keeps. Send the whole input.",
            code="response_not_kept",
            param=param,
        )
    return kept

"""One try on the wire: the call as the provider wants it, and what went wrong as one of our errors."""

from time import monotonic
from typing import Any

import msgspec

from proxy.codecs.base import Codec, InvalidBody
from proxy.codecs.counting import under
from proxy.codecs.jsonbody import dump_json
from proxy.core.context import AttemptRecord, RequestContext
from proxy.core.errors import BadGateway, EdgeError, ProviderRejected, Untranslatable, UpstreamTimeout
from proxy.pipeline.asked import Asked, invalid
from proxy.pipeline.deps import Pipeline
from proxy.providers.base import Outgoing, Provider
from proxy.providers.key_pool import REFUSED_REST_S, Credential, conversation_of
from proxy.routing.target import Target
from proxy.transport.base import Timeouts, TransportError, UpstreamRequest, UpstreamResponse

ERROR_BODY_MAX = 256 * 1024


class Upstream:
    """A target's provider with the credential chosen for this conversation, and the record of the try."""

    __slots__ = ("codec", "detached", "key", "passthrough", "provider", "record", "sent_at", "target")

    def __init__(self, pipe: Pipeline, asked: Asked, target: Target) -> None:
        self.target = target
        self.provider: Provider = pipe.providers[target.provider]
        self.passthrough = asked.codec.name in self.provider.dialects
        self.codec: Codec = asked.codec if self.passthrough else pipe.codecs[self.provider.dialect]
        self.record = AttemptRecord(target.provider, target.model)
        now = monotonic()
        pool = self.provider.keys
        self.key: Credential = pool.members[0] if len(pool.members) == 1 else pool.choose(conversation_of(asked.body), now)
        self.sent_at = now
        self.detached = False
        """Somebody else closes the response."""

    def request(self, pipe: Pipeline, asked: Asked) -> UpstreamRequest:
        """What goes out. Raises BadRequest or Untranslatable."""
        timeouts = asked.route.timeouts
        stream = asked.stream
        call = Outgoing(
            model=self.target.model,
            dialect=self.codec.name,
            body=self._body(asked),
            stream=stream,
            headers=asked.ctx.headers,
            query=asked.ctx.query,
            timeouts=Timeouts(
                connect_s=timeouts.connect_s,
                headers_s=timeouts.first_token_s if stream else None,
                between_bytes_s=timeouts.between_chunks_s if stream else None,
                deadline=asked.deadline,
            ),
            max_response_bytes=pipe.max_response_bytes,
        )
        return self.provider.request(call, self.key)

    def refused(self, ctx: RequestContext, response: UpstreamResponse) -> bool:
        """Whether the answer, whose headers are in, is anything but a 2xx; what its head says is noted."""
        self.record.status = status = response.status
        head = dict(response.headers)
        request_id = head.get(b"x-request-id") or head.get(b"request-id") or head.get(b"x-amzn-requestid")
        if request_id is not None:
            ctx.provider_request_id = request_id.decode("latin-1")[:200]
        return not 200 <= status < 300

    def _body(self, asked: Asked) -> bytes:
        """The provider's request body; what the client loses on the way is in the context."""
        if self.passthrough:
            body = dict(asked.body)
            body["model"] = self.target.model
        else:
            body = self._translated(asked)
        return self._finished(body)

    def _translated(self, asked: Asked) -> dict[str, Any]:
        request = asked.decoded()
        try:
            encoded = self.codec.encode_request(msgspec.structs.replace(request, model=self.target.model))
        except InvalidBody as exc:
            raise invalid(exc, asked.root) from None
        dropped = asked.ctx.dropped = [under(asked.root, path) for path in encoded.dropped]
        if dropped and asked.strict:
            raise Untranslatable(
                f"{self.provider.name} cannot carry: {', '.join(dropped)}", param=dropped[0], details={"dropped": list(dropped)}
            )
        return encoded.body

    def _finished(self, body: dict[str, Any]) -> bytes:
        self.provider.amend(body, self.codec.name)
        try:
            return dump_json(body)
        except InvalidBody as exc:
            raise invalid(exc) from None

    async def rejected(self, response: UpstreamResponse) -> EdgeError:
        """The provider's own error. A member of a key pool that it refuses or throttles rests."""
        try:
            raw = await response.read()
        except TransportError as exc:
            return transport_error(self.provider.name, exc)
        headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in response.headers}
        info = self.codec.decode_error(response.status, raw[:ERROR_BODY_MAX], headers)
        if self.key.secret and self.key.secret in info.message:  # providers quote the key that they refuse (contract K)
            info = msgspec.structs.replace(info, message=info.message.replace(self.key.secret, "***"))
        if response.status < 400:
            return BadGateway(f"{self.provider.name} answered with status {response.status}")
        now = monotonic()
        pool = self.provider.keys
        if len(pool.members) > 1 and response.status in (401, 402, 403, 429):
            pool.rest(self.key, now + (info.retry_after_s or REFUSED_REST_S))
            error = ProviderRejected(info)
            if pool.has_free(now):
                error.retryable = True
                error.retry_after_s = None
            return error
        return ProviderRejected(info)


def transport_error(provider: str, exc: TransportError) -> EdgeError:
    """The cause is chained for the log; the client learns the phase, not our addresses."""
    if exc.timeout:
        return UpstreamTimeout(f"{provider} timed out ({exc.phase})")
    if exc.phase in ("connect", "tls"):
        return BadGateway(f"{provider} could not be reached ({exc.phase})")
    return BadGateway(f"the connection to {provider} failed ({exc.phase})")


def broken_answer(provider: str, exc: InvalidBody) -> BadGateway:
    where = f" at {exc.path}" if exc.path else ""
    return BadGateway(f"{provider} sent an answer that breaks its own schema{where}: {exc.message}", code="invalid_upstream_answer")

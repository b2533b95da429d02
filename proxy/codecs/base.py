"""What a dialect's codec must offer, and the mistakes it reports."""

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from proxy.core.embeddings import EmbeddingRequest, EmbeddingResponse
from proxy.core.errors import ErrorInfo
from proxy.core.events import StreamEvent
from proxy.core.request import ChatRequest
from proxy.core.response import ChatResponse, Usage


class InvalidBody(ValueError):
    """A body breaks its dialect's schema. `path`: JSON path of the culprit (`messages[0].role`), "" for the whole; `code`: the machine
    word of the error where it has one of its own."""

    def __init__(self, message: str, path: str = "", code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.path = path
        self.code = code


class Encoded(msgspec.Struct, frozen=True):
    """An encoded body and the client's JSON paths that it could not carry or only approximates."""

    body: dict[str, Any]
    dropped: tuple[str, ...] = ()


class StreamDecoder(Protocol):
    """Bytes of an upstream stream in, canonical events out. Feeding after StreamEnd or StreamFailed yields nothing."""

    def feed(self, chunk: bytes) -> list[StreamEvent]:
        """Raises InvalidBody on an event that breaks the dialect's schema or on a buffer over its cap."""
        ...

    def close(self) -> list[StreamEvent]:
        """The body ended cleanly. Yields the rest, ending in StreamEnd iff the terminal evidence is there; without StreamEnd
        (or StreamFailed) among all events the stream was truncated."""
        ...


class StreamEncoder(Protocol):
    """Canonical events in, bytes for the client out."""

    dropped: list[str]
    """Names of what this dialect's stream could not carry, in order of appearance, each once."""
    usage_chunk: bytes
    """As StreamWatcher's: filled by the UsageUpdate, not part of what `encode` returns."""

    def encode(self, event: StreamEvent) -> bytes:
        """b"" where the dialect shows nothing for the event."""
        ...

    def fail(self, error: ErrorInfo) -> bytes:
        """The in-band error that ends the stream (contract B): no terminal event follows."""
        ...

    def keep_alive(self) -> bytes:
        """What this dialect allows between events (SSE comment, `event: ping`); b"" where nothing is allowed."""
        ...


class StreamWatcher(Protocol):
    """Sees a same-dialect stream go by (passthrough lane): forwards whole events only, unchanged but for what the client must
    not see, and notes what the gateway must know."""

    content: bool
    """A content event has been seen: no retry from here on."""
    complete: bool
    """Terminal evidence has been seen."""
    error: ErrorInfo | None
    """The provider's in-band error."""
    usage: Usage | None
    model: str | None
    response_id: str | None
    ended: bool
    """Nothing can follow (`[DONE]`, `message_stop`): no need to wait for the end of the body. The owner sets it at the body's end too."""
    usage_chunk: bytes
    """OpenAI's extra usage event as received, with its blank line: held back, never in what `feed` returns; b"" where there is none."""
    tool_calls: bool
    """A tool call has been seen."""
    text_bytes: int
    """Of content seen so far: what an estimate of a cut-off stream's tokens is made from."""
    service_tier: str | None
    """As `Usage.service_tier`, where the stream names it before its usage: for the estimate of a cut-off stream."""

    def feed(self, chunk: bytes) -> bytes:
        """The bytes to forward now: every event that became whole, less the usage chunk and `[DONE]`, which end each reader's stream
        through `Codec.finish_stream`. Raises InvalidBody as StreamDecoder.feed."""
        ...

    def close(self) -> bytes:
        """The body ended cleanly: events that only its end made whole."""
        ...

    def fail(self, error: ErrorInfo) -> bytes:
        """As StreamEncoder.fail."""
        ...

    def keep_alive(self) -> bytes: ...


class BodyFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the passthrough lane needs to know of a whole answer."""

    response_id: str | None = None
    model: str | None = None
    created: int | None = None
    usage: Usage | None = None
    has_metadata: bool = False
    """The upstream's body has a top-level `metadata` of its own."""
    tool_calls: bool = False
    finished: bool = True
    """The answer is whole by its dialect's own evidence."""
    vectors: int | None = None
    """How many embeddings; None: the answer is none of those."""


class Codec(Protocol):
    """One dialect in all directions. Stateless; streams get an object each."""

    name: str
    stream_type: bytes
    """Content type of its streams."""

    def decode_request(self, body: dict[str, Any], headers: Mapping[str, str]) -> ChatRequest:
        """Client → canonical. Raises InvalidBody naming the field. `headers`: lower-case names."""
        ...

    def encode_request(self, request: ChatRequest) -> Encoded:
        """Canonical → provider. `dropped` names what is lost, as paths of the client's request."""
        ...

    def decode_response(self, body: bytes) -> ChatResponse:
        """Provider → canonical. Raises InvalidBody."""
        ...

    def encode_response(self, response: ChatResponse) -> Encoded:
        """Canonical → client."""
        ...

    def stream_decoder(self) -> StreamDecoder: ...

    def stream_encoder(self, request: ChatRequest | None = None) -> StreamEncoder:
        """`request`: whose client reads it (include_usage; None: no extra usage chunk)."""
        ...

    def watcher(self) -> StreamWatcher: ...

    def finish_stream(self, usage_chunk: bytes, *, include_usage: bool, metadata: bytes | None) -> bytes:
        """The end of a reader's stream: the usage chunk that was held back, if this reader asked for one, with `metadata` (a JSON
        object) spliced in; then the dialect's last word (OpenAI's `[DONE]`; b"" where the last event was forwarded)."""
        ...

    def facts(self, body: bytes) -> BodyFacts:
        """Raises InvalidBody where the body is not this dialect's answer."""
        ...

    def decode_error(self, status: int, body: bytes, headers: Mapping[str, str]) -> ErrorInfo:
        """A provider's error answer; never raises, an unreadable body yields a message with its beginning."""
        ...

    def encode_error(self, error: ErrorInfo) -> bytes:
        """The dialect's error body."""
        ...

    def response_to_events(self, response: ChatResponse) -> list[StreamEvent]:
        """A whole answer as the events of a stream that would have carried it (cache replay)."""
        ...


class EmbeddingsCodec(Protocol):
    """One dialect of embeddings, in all directions. Stateless; methods as Codec's of the same names."""

    name: str
    max_inputs: int
    """Inputs that one call takes; `encode_request` is given no more."""

    def takes(self, model: str) -> bool:
        """Whether a provider's model may be asked in this dialect."""
        ...

    def count(self, body: dict[str, Any]) -> int:
        """Vectors that a client's body asks for, once its check has passed it."""
        ...

    def decode_request(self, body: dict[str, Any], headers: Mapping[str, str]) -> EmbeddingRequest: ...

    def encode_request(self, request: EmbeddingRequest) -> Encoded: ...

    def decode_response(self, body: bytes) -> EmbeddingResponse: ...

    def encode_response(self, response: EmbeddingResponse, request: EmbeddingRequest | None = None) -> Encoded:
        """`request`: the client's, for the encoding that it asked for."""
        ...

    def facts(self, body: bytes) -> BodyFacts: ...

    def decode_error(self, status: int, body: bytes, headers: Mapping[str, str]) -> ErrorInfo: ...

    def encode_error(self, error: ErrorInfo) -> bytes: ...

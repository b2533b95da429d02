"""The Gemini API's generateContent and streamGenerateContent in all directions."""

from collections.abc import Callable, Mapping
from typing import Any

from proxy.codecs.accumulate import response_to_events
from proxy.codecs.base import BodyFacts, Codec, Encoded, StreamDecoder, StreamEncoder, StreamWatcher
from proxy.codecs.gemini_generate.errors import decode_error, encode_error
from proxy.codecs.gemini_generate.fields import DIALECT
from proxy.codecs.gemini_generate.models import ModelFacts, model_facts
from proxy.codecs.gemini_generate.request import decode_request
from proxy.codecs.gemini_generate.response import answer_facts, decode_response, encode_response
from proxy.codecs.gemini_generate.same_dialect import encode_own
from proxy.codecs.gemini_generate.stream_decode import GeminiStreamDecoder
from proxy.codecs.gemini_generate.stream_encode import GeminiStreamEncoder
from proxy.codecs.gemini_generate.watch import GeminiStreamWatcher
from proxy.codecs.gemini_generate.write_request import encode_foreign
from proxy.core.errors import ErrorInfo
from proxy.core.events import StreamEvent
from proxy.core.request import ChatRequest
from proxy.core.response import ChatResponse


class GeminiGenerateCodec:
    """`array`: clients get one JSON array in place of events (they did not ask for `alt=sse`). `facts_of`: what a model accepts, by its
    name at the provider (see models.py)."""

    name = DIALECT

    def __init__(self, *, array: bool = False, facts_of: Callable[[str], ModelFacts] = model_facts) -> None:
        self.array = array
        self.facts_of = facts_of
        self.stream_type = b"application/json; charset=UTF-8" if array else b"text/event-stream"

    def decode_request(self, body: dict[str, Any], headers: Mapping[str, str]) -> ChatRequest:
        return decode_request(body)

    def encode_request(self, request: ChatRequest) -> Encoded:
        return encode_own(request) if request.dialect == DIALECT else encode_foreign(request, self.facts_of)

    def decode_response(self, body: bytes) -> ChatResponse:
        return decode_response(body)

    def encode_response(self, response: ChatResponse) -> Encoded:
        return encode_response(response)

    def stream_decoder(self) -> StreamDecoder:
        return GeminiStreamDecoder()

    def stream_encoder(self, request: ChatRequest | None = None) -> StreamEncoder:
        """Every stream of this dialect ends with its usage: the request changes nothing."""
        return GeminiStreamEncoder(array=self.array)

    def watcher(self) -> StreamWatcher:
        return GeminiStreamWatcher(array=self.array)

    def finish_stream(self, usage_chunk: bytes, *, include_usage: bool, metadata: bytes | None) -> bytes:
        """The last event, or the array's end, was the last word."""
        return b""

    def facts(self, body: bytes) -> BodyFacts:
        return answer_facts(body)

    def decode_error(self, status: int, body: bytes, headers: Mapping[str, str]) -> ErrorInfo:
        return decode_error(status, body, headers)

    def encode_error(self, error: ErrorInfo) -> bytes:
        return encode_error(error)

    def response_to_events(self, response: ChatResponse) -> list[StreamEvent]:
        return response_to_events(response)


_: type[Codec] = GeminiGenerateCodec

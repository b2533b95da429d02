"""The `openai_responses` dialect (`POST /v1/responses`) in all directions."""

from collections.abc import Callable, Mapping
from typing import Any

from proxy.codecs.base import BodyFacts, Codec, Encoded
from proxy.codecs.openai_chat.errors import decode_error, encode_error
from proxy.codecs.openai_responses.facts import answer_facts
from proxy.codecs.openai_responses.fields import DIALECT
from proxy.codecs.openai_responses.replay import answer_events
from proxy.codecs.openai_responses.request import decode_request
from proxy.codecs.openai_responses.response import decode_response, encode_response
from proxy.codecs.openai_responses.stream_decode import ResponsesStreamDecoder
from proxy.codecs.openai_responses.stream_encode import ResponsesStreamEncoder
from proxy.codecs.openai_responses.watch import ResponsesWatcher
from proxy.codecs.openai_responses.write_request import asked_fields, encode_request
from proxy.core.errors import ErrorInfo
from proxy.core.events import StreamEvent
from proxy.core.request import ChatRequest
from proxy.core.response import ChatResponse


class OpenAIResponsesCodec:
    """`now`: Unix seconds, for the `created_at` of answers whose own dialect has no time; without it that is 0."""

    name = DIALECT
    stream_type = b"text/event-stream; charset=utf-8"

    def __init__(self, *, now: Callable[[], float] | None = None) -> None:
        self._now = now

    def decode_request(self, body: dict[str, Any], headers: Mapping[str, str]) -> ChatRequest:
        return decode_request(body)

    def encode_request(self, request: ChatRequest) -> Encoded:
        return encode_request(request)

    def decode_response(self, body: bytes) -> ChatResponse:
        """Raises FailedAnswer, an InvalidBody, for a response whose status is `failed`."""
        return decode_response(body)

    def encode_response(self, response: ChatResponse) -> Encoded:
        return encode_response(response, self._created())

    def stream_decoder(self) -> ResponsesStreamDecoder:
        return ResponsesStreamDecoder()

    def stream_encoder(self, request: ChatRequest | None = None) -> ResponsesStreamEncoder:
        """`request`: whose fields the response object repeats. The terminal event has the usage."""
        return ResponsesStreamEncoder(self._created(), None if request is None or request.dialect != DIALECT else asked_fields(request))

    def watcher(self) -> ResponsesWatcher:
        return ResponsesWatcher()

    def finish_stream(self, usage_chunk: bytes, *, include_usage: bool, metadata: bytes | None) -> bytes:
        """The terminal event was the last word."""
        return b""

    def facts(self, body: bytes) -> BodyFacts:
        return answer_facts(body)

    def decode_error(self, status: int, body: bytes, headers: Mapping[str, str]) -> ErrorInfo:
        return decode_error(status, body, headers)

    def encode_error(self, error: ErrorInfo) -> bytes:
        return encode_error(error)

    def response_to_events(self, response: ChatResponse) -> list[StreamEvent]:
        return answer_events(response)

    def _created(self) -> int:
        return 0 if self._now is None else int(self._now())


_: type[Codec] = OpenAIResponsesCodec

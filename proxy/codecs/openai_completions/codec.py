"""The `openai_completions` dialect in all directions."""

from collections.abc import Callable, Mapping
from typing import Any

from proxy.codecs.accumulate import response_to_events
from proxy.codecs.base import BodyFacts, Codec, Encoded
from proxy.codecs.openai_chat.errors import decode_error, encode_error
from proxy.codecs.openai_chat.watch import finish_stream
from proxy.codecs.openai_completions.facts import answer_facts
from proxy.codecs.openai_completions.request import DIALECT, decode_request
from proxy.codecs.openai_completions.response import decode_response, encode_response
from proxy.codecs.openai_completions.stream_decode import OpenAICompletionsStreamDecoder
from proxy.codecs.openai_completions.stream_encode import OpenAICompletionsStreamEncoder
from proxy.codecs.openai_completions.watch import OpenAICompletionsWatcher
from proxy.codecs.openai_completions.write_request import encode_request
from proxy.core.errors import ErrorInfo
from proxy.core.events import StreamEvent
from proxy.core.request import ChatRequest
from proxy.core.response import ChatResponse


class OpenAICompletionsCodec:
    """`now`: Unix seconds, for the `created` of answers whose own dialect has no time; without it that is 0."""

    name = DIALECT
    stream_type = b"text/event-stream; charset=utf-8"

    def __init__(self, *, now: Callable[[], float] | None = None) -> None:
        self._now = now

    def decode_request(self, body: dict[str, Any], headers: Mapping[str, str]) -> ChatRequest:
        return decode_request(body)

    def encode_request(self, request: ChatRequest) -> Encoded:
        return encode_request(request)

    def decode_response(self, body: bytes) -> ChatResponse:
        return decode_response(body)

    def encode_response(self, response: ChatResponse) -> Encoded:
        return encode_response(response, self._created())

    def stream_decoder(self) -> OpenAICompletionsStreamDecoder:
        return OpenAICompletionsStreamDecoder()

    def stream_encoder(self, request: ChatRequest | None = None) -> OpenAICompletionsStreamEncoder:
        """The usage chunk is left in the encoder's `usage_chunk`, for `finish_stream`."""
        return OpenAICompletionsStreamEncoder(self._created())

    def watcher(self) -> OpenAICompletionsWatcher:
        return OpenAICompletionsWatcher()

    def finish_stream(self, usage_chunk: bytes, *, include_usage: bool, metadata: bytes | None) -> bytes:
        return finish_stream(usage_chunk, include_usage=include_usage, metadata=metadata)

    def facts(self, body: bytes) -> BodyFacts:
        return answer_facts(body)

    def decode_error(self, status: int, body: bytes, headers: Mapping[str, str]) -> ErrorInfo:
        return decode_error(status, body, headers)

    def encode_error(self, error: ErrorInfo) -> bytes:
        return encode_error(error)

    def response_to_events(self, response: ChatResponse) -> list[StreamEvent]:
        return response_to_events(response)

    def _created(self) -> int:
        return 0 if self._now is None else int(self._now())


_: type[Codec] = OpenAICompletionsCodec

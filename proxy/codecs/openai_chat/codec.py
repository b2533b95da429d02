"""The `openai_chat` dialect in all directions."""

from collections.abc import Callable, Mapping
from typing import Any

from proxy.codecs.accumulate import response_to_events
from proxy.codecs.base import Codec, Encoded
from proxy.codecs.openai_chat.errors import decode_error, encode_error
from proxy.codecs.openai_chat.facts import answer_facts
from proxy.codecs.openai_chat.fields import DIALECT
from proxy.codecs.openai_chat.request import decode_request
from proxy.codecs.openai_chat.response import decode_response, encode_response
from proxy.codecs.openai_chat.stream_decode import OpenAIChatStreamDecoder
from proxy.codecs.openai_chat.stream_encode import OpenAIChatStreamEncoder
from proxy.codecs.openai_chat.watch import OpenAIChatWatcher, finish_stream
from proxy.codecs.openai_chat.write_request import encode_request
from proxy.core.errors import ErrorInfo
from proxy.core.events import StreamEvent
from proxy.core.request import ChatRequest
from proxy.core.response import ChatResponse


class OpenAIChatCodec:
    """`now`: Unix seconds, for the `created` of answers whose own dialect has no time; without it that is 0. `max_tokens_field`: how
    the output cap of another dialect's request is spelled for the upstream (`max_tokens` for servers that know only the older name).
    """

    name = DIALECT
    stream_type = b"text/event-stream; charset=utf-8"

    def __init__(self, *, now: Callable[[], float] | None = None, max_tokens_field: str = "max_completion_tokens") -> None:
        self._now = now
        self._max_tokens_field = max_tokens_field

    def decode_request(self, body: dict[str, Any], headers: Mapping[str, str]) -> ChatRequest:
        return decode_request(body)

    def encode_request(self, request: ChatRequest) -> Encoded:
        return encode_request(request, self._max_tokens_field)

    def decode_response(self, body: bytes) -> ChatResponse:
        return decode_response(body)

    def encode_response(self, response: ChatResponse) -> Encoded:
        return encode_response(response, self._created())

    def stream_decoder(self) -> OpenAIChatStreamDecoder:
        return OpenAIChatStreamDecoder()

    def stream_encoder(self, request: ChatRequest | None = None) -> OpenAIChatStreamEncoder:
        """The usage chunk is left in the encoder's `usage_chunk`, for `finish_stream`."""
        legacy = request is not None and request.dialect == DIALECT and request.paths.get("tools") == "functions"
        return OpenAIChatStreamEncoder(self._created(), legacy=legacy)

    def watcher(self) -> OpenAIChatWatcher:
        return OpenAIChatWatcher()

    def finish_stream(self, usage_chunk: bytes, *, include_usage: bool, metadata: bytes | None) -> bytes:
        return finish_stream(usage_chunk, include_usage=include_usage, metadata=metadata)

    facts = staticmethod(answer_facts)

    def decode_error(self, status: int, body: bytes, headers: Mapping[str, str]) -> ErrorInfo:
        return decode_error(status, body, headers)

    def encode_error(self, error: ErrorInfo) -> bytes:
        return encode_error(error)

    def response_to_events(self, response: ChatResponse) -> list[StreamEvent]:
        return response_to_events(response)

    def _created(self) -> int:
        return 0 if self._now is None else int(self._now())


_: type[Codec] = OpenAIChatCodec

"""The Anthropic Messages dialect (`POST /v1/messages`) in all directions."""

from collections.abc import Callable, Mapping
from typing import Any

from proxy.codecs.accumulate import response_to_events
from proxy.codecs.anthropic_messages.errors import decode_error, encode_error
from proxy.codecs.anthropic_messages.fields import DIALECT
from proxy.codecs.anthropic_messages.models import ModelFacts, model_facts
from proxy.codecs.anthropic_messages.provider_request import encode_foreign
from proxy.codecs.anthropic_messages.request import decode_request
from proxy.codecs.anthropic_messages.response import answer_facts, decode_response, encode_response
from proxy.codecs.anthropic_messages.same_dialect import encode_own
from proxy.codecs.anthropic_messages.shape import with_betas
from proxy.codecs.anthropic_messages.stream import MessagesStreamDecoder
from proxy.codecs.anthropic_messages.stream_out import MessagesStreamEncoder
from proxy.codecs.anthropic_messages.watch import MessagesStreamWatcher
from proxy.codecs.base import BodyFacts, Codec, Encoded, StreamDecoder, StreamEncoder, StreamWatcher
from proxy.core.errors import ErrorInfo
from proxy.core.events import StreamEvent
from proxy.core.request import ChatRequest
from proxy.core.response import ChatResponse

DEFAULT_MAX_TOKENS = 4096
"""The API requires `max_tokens`; this is what every model still served takes, and what most clients of other dialects expect."""


class AnthropicMessagesCodec:
    """`facts_of`: what a model accepts, by its name at the provider (see models.py)."""

    name = DIALECT
    stream_type = b"text/event-stream; charset=utf-8"

    def __init__(self, *, default_max_tokens: int = DEFAULT_MAX_TOKENS, facts_of: Callable[[str], ModelFacts] = model_facts) -> None:
        self.default_max_tokens = default_max_tokens
        self.facts_of = facts_of

    def decode_request(self, body: dict[str, Any], headers: Mapping[str, str]) -> ChatRequest:
        request = decode_request(body)
        betas = headers.get("anthropic-beta")
        return request if betas is None else with_betas(request, betas)

    def encode_request(self, request: ChatRequest) -> Encoded:
        if request.dialect == DIALECT:
            return encode_own(request, self.default_max_tokens)
        return encode_foreign(request, self.default_max_tokens, self.facts_of)

    def decode_response(self, body: bytes) -> ChatResponse:
        return decode_response(body)

    def encode_response(self, response: ChatResponse) -> Encoded:
        return encode_response(response)

    def stream_decoder(self) -> StreamDecoder:
        return MessagesStreamDecoder()

    def stream_encoder(self, request: ChatRequest | None = None) -> StreamEncoder:
        """Every stream of this dialect ends with its usage: both arguments change nothing."""
        return MessagesStreamEncoder()

    def watcher(self) -> StreamWatcher:
        return MessagesStreamWatcher()

    def finish_stream(self, usage_chunk: bytes, *, include_usage: bool, metadata: bytes | None) -> bytes:
        """`message_stop` was the last word."""
        return b""

    def facts(self, body: bytes) -> BodyFacts:
        return answer_facts(body)

    def decode_error(self, status: int, body: bytes, headers: Mapping[str, str]) -> ErrorInfo:
        return decode_error(status, body, headers)

    def encode_error(self, error: ErrorInfo) -> bytes:
        return encode_error(error)

    def response_to_events(self, response: ChatResponse) -> list[StreamEvent]:
        return response_to_events(response)


_: type[Codec] = AnthropicMessagesCodec

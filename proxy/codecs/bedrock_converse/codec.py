"""Amazon Bedrock's Converse dialect (`POST /model/{id}/converse` and `/converse-stream`) in all directions."""

from collections.abc import Callable, Mapping
from typing import Any

from proxy.codecs.accumulate import response_to_events
from proxy.codecs.anthropic_messages.models import ModelFacts, model_facts
from proxy.codecs.base import BodyFacts, Codec, Encoded, StreamDecoder, StreamEncoder, StreamWatcher
from proxy.codecs.bedrock_converse.errors import decode_error, encode_error
from proxy.codecs.bedrock_converse.fields import DIALECT
from proxy.codecs.bedrock_converse.models import TargetFacts, target_facts
from proxy.codecs.bedrock_converse.provider_request import encode_foreign
from proxy.codecs.bedrock_converse.request import decode_request
from proxy.codecs.bedrock_converse.response import answer_facts, decode_response, encode_response
from proxy.codecs.bedrock_converse.same_dialect import encode_own
from proxy.codecs.bedrock_converse.stream import ConverseStreamDecoder
from proxy.codecs.bedrock_converse.stream_out import ConverseStreamEncoder
from proxy.codecs.bedrock_converse.watch import ConverseStreamWatcher
from proxy.core.errors import ErrorInfo
from proxy.core.events import StreamEvent
from proxy.core.request import ChatRequest
from proxy.core.response import ChatResponse

DEFAULT_MAX_TOKENS = 4096
"""The answer's share where a thinking budget is asked for without a limit; Converse itself needs no `maxTokens`."""


class BedrockConverseCodec:
    """`target_of`: what Bedrock takes for a model id; `facts_of`: what a Claude model accepts (anthropic_messages/models.py)."""

    name = DIALECT
    stream_type = b"application/vnd.amazon.eventstream"

    def __init__(
        self,
        *,
        default_max_tokens: int = DEFAULT_MAX_TOKENS,
        target_of: Callable[[str], TargetFacts] = target_facts,
        facts_of: Callable[[str], ModelFacts] = model_facts,
    ) -> None:
        self.default_max_tokens = default_max_tokens
        self.target_of = target_of
        self.facts_of = facts_of

    def decode_request(self, body: dict[str, Any], headers: Mapping[str, str]) -> ChatRequest:
        return decode_request(body)

    def encode_request(self, request: ChatRequest) -> Encoded:
        if request.dialect == DIALECT:
            return encode_own(request)
        return encode_foreign(request, self.default_max_tokens, self.target_of, self.facts_of)

    def decode_response(self, body: bytes) -> ChatResponse:
        return decode_response(body)

    def encode_response(self, response: ChatResponse) -> Encoded:
        return encode_response(response)

    def stream_decoder(self) -> StreamDecoder:
        return ConverseStreamDecoder()

    def stream_encoder(self, request: ChatRequest | None = None) -> StreamEncoder:
        """Every stream of this dialect ends with its usage: the argument changes nothing."""
        return ConverseStreamEncoder()

    def watcher(self) -> StreamWatcher:
        return ConverseStreamWatcher()

    def finish_stream(self, usage_chunk: bytes, *, include_usage: bool, metadata: bytes | None) -> bytes:
        """`metadata` (the event) was the last word."""
        return b""

    def facts(self, body: bytes) -> BodyFacts:
        return answer_facts(body)

    def decode_error(self, status: int, body: bytes, headers: Mapping[str, str]) -> ErrorInfo:
        return decode_error(status, body, headers)

    def encode_error(self, error: ErrorInfo) -> bytes:
        return encode_error(error)

    def response_to_events(self, response: ChatResponse) -> list[StreamEvent]:
        return response_to_events(response)


_: type[Codec] = BedrockConverseCodec

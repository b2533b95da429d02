"""Amazon Bedrock's InvokeModel dialect (`POST /model/{id}/invoke` and `/invoke-with-response-stream`) in all directions."""

from collections.abc import Mapping
from typing import Any

from proxy.codecs.accumulate import response_to_events
from proxy.codecs.anthropic_messages import AnthropicMessagesCodec
from proxy.codecs.base import BodyFacts, Codec, Encoded, InvalidBody, StreamDecoder, StreamEncoder, StreamWatcher
from proxy.codecs.bedrock_converse.errors import decode_error, encode_error
from proxy.codecs.bedrock_invoke import claude, llama, titan
from proxy.codecs.bedrock_invoke.family import DIALECT, Family, family_of, fits
from proxy.codecs.bedrock_invoke.response import answer_facts, decode_response, encode_response
from proxy.codecs.bedrock_invoke.stream import InvokeStreamDecoder
from proxy.codecs.bedrock_invoke.stream_out import ClaudeStreamEncoder, TextStreamEncoder
from proxy.codecs.bedrock_invoke.watch import InvokeStreamWatcher
from proxy.core.errors import ErrorInfo
from proxy.core.events import StreamEvent
from proxy.core.request import ChatRequest
from proxy.core.response import ChatResponse


class BedrockInvokeCodec:
    """`family`: whose form answers to a client take (`family_of(model id of the URL, body)`): an answer does not say what was asked for.
    None: of a vendor whose answers can only be passed on. Requests are read by model id and form, answers of a provider by form, whatever
    the family. `messages`: Claude's own codec."""

    name = DIALECT
    stream_type = b"application/vnd.amazon.eventstream"

    def __init__(self, *, family: Family | None = "claude", messages: AnthropicMessagesCodec | None = None) -> None:
        self.family = family
        self._messages = messages or AnthropicMessagesCodec()

    def answering(self, family: Family | None) -> "BedrockInvokeCodec":
        """The same for a client that asked in the form of `family`."""
        return self if family == self.family else BedrockInvokeCodec(family=family, messages=self._messages)

    def fits(self, model: str) -> bool:
        """Whether a model at Bedrock takes this client's body as it is: this dialect has a form a vendor."""
        return fits(self.family, model)

    def decode_request(self, body: dict[str, Any], headers: Mapping[str, str]) -> ChatRequest:
        model = body.get("model")
        match family_of(model if isinstance(model, str) else "", body):
            case "claude":
                return claude.decode_request(self._messages, body)
            case "titan":
                return titan.decode_request(body)
            case "llama":
                return llama.decode_request(body)
            case "titan_embed" | None:
                raise InvalidBody(
                    "The body has none of the forms of Claude, Titan Text or Llama: only a provider of kind bedrock that speaks invoke "
                    "takes it; Converse reaches every other"
                )

    def encode_request(self, request: ChatRequest) -> Encoded:
        match family_of(request.model):
            case "claude":
                return claude.encode_request(self._messages, request)
            case "titan":
                return titan.encode_request(request)
            case "llama":
                return llama.encode_request(request)
            case "titan_embed" | None:
                raise InvalidBody(f"InvokeModel's body for {request.model} is not known: configure the dialect converse", "model")

    def decode_response(self, body: bytes) -> ChatResponse:
        return decode_response(self._messages, body)

    def encode_response(self, response: ChatResponse) -> Encoded:
        return encode_response(self._messages, response, self.family)

    def stream_decoder(self) -> StreamDecoder:
        return InvokeStreamDecoder(self._messages)

    def stream_encoder(self, request: ChatRequest | None = None) -> StreamEncoder:
        """Every stream of this dialect ends with its usage: the argument changes nothing."""
        if self.family in ("titan", "llama"):
            return TextStreamEncoder("titan" if self.family == "titan" else "llama")
        return ClaudeStreamEncoder(self._messages.stream_encoder())

    def watcher(self) -> StreamWatcher:
        return InvokeStreamWatcher(self._messages)

    def finish_stream(self, usage_chunk: bytes, *, include_usage: bool, metadata: bytes | None) -> bytes:
        """The last chunk was the last word."""
        return b""

    def facts(self, body: bytes) -> BodyFacts:
        return answer_facts(self._messages, body)

    def decode_error(self, status: int, body: bytes, headers: Mapping[str, str]) -> ErrorInfo:
        return decode_error(status, body, headers)

    def encode_error(self, error: ErrorInfo) -> bytes:
        return encode_error(error)

    def response_to_events(self, response: ChatResponse) -> list[StreamEvent]:
        return response_to_events(response)


_: type[Codec] = BedrockInvokeCodec

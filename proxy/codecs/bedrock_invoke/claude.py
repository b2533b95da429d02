"""Claude's bodies: those of the Messages API with `anthropic_version`, without `model` and `stream`.

A decoded request's dialect is `anthropic_messages`: it is one, and an upstream that speaks it gets everything back. `anthropic_beta`, a
header there, stays in `extra`.

Source: Bedrock user guide, "Anthropic Claude Messages API", read 2026-11-25.
"""

from typing import Any

from proxy.codecs.anthropic_messages import AnthropicMessagesCodec
from proxy.codecs.base import Encoded
from proxy.core.request import ChatRequest

VERSION = "bedrock-2023-05-31"


def decode_request(codec: AnthropicMessagesCodec, body: dict[str, Any]) -> ChatRequest:
    return codec.decode_request({key: value for key, value in body.items() if key != "anthropic_version"}, {})


def encode_request(codec: AnthropicMessagesCodec, request: ChatRequest) -> Encoded:
    """The service tier is a header of Bedrock's and no field."""
    encoded = codec.encode_request(request)
    body = {"anthropic_version": VERSION, **encoded.body, "stream": request.stream}
    dropped = encoded.dropped
    if body.pop("service_tier", None) is not None:
        dropped = (*dropped, request.path_of("service_tier"))
    return Encoded(body, dropped)

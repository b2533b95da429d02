"""Claude's bodies: those of the Messages API with `anthropic_version`, without `model` and `stream`.

A decoded request's dialect is `anthropic_messages`: it is one, and an upstream that speaks it gets everything back. `anthropic_beta`, a
header there, stays in `extra`.

Source: Bedrock user guide, "Anthropic Claude Messages API", read 2026-11-25.
"""

from typing import Any

from proxy.codecs.anthropic_messages import AnthropicMessagesCodec
from proxy.codecs.anthropic_messages.shape import WireRequest
from proxy.codecs.base import Encoded
from proxy.core.request import ChatRequest

VERSION = "bedrock-2023-05-31"
BETAS = frozenset(
    (
        "computer-use-2024-10-22",
        "computer-use-2025-01-24",
        "token-efficient-tools-2025-02-19",
        "interleaved-thinking-2025-05-14",
        "output-128k-2025-02-19",
        "dev-full-thinking-2025-05-14",
        "context-1m-2025-08-07",
        "context-management-2025-06-27",
        "effort-2025-11-24",
        "tool-search-tool-2025-10-19",
        "tool-examples-2025-10-29",
    )
)
"""Those that Bedrock takes, by the guide above. It refuses a whole request for one that it does not know, and clients of Anthropic's own
API send such ones in every request: those are left out, and reported."""


def decode_request(codec: AnthropicMessagesCodec, body: dict[str, Any]) -> ChatRequest:
    """The path says whether it streams: a `stream: false` is none of the client's."""
    own = {key: value for key, value in body.items() if key != "anthropic_version" and not (key == "stream" and value is False)}
    return codec.decode_request(own, {})


def encode_request(codec: AnthropicMessagesCodec, request: ChatRequest) -> Encoded:
    """The service tier is a header of Bedrock's and no field."""
    encoded = codec.encode_request(request)
    body = {"anthropic_version": VERSION, **encoded.body, "stream": request.stream}
    dropped = encoded.dropped
    if body.pop("service_tier", None) is not None:
        dropped = (*dropped, request.path_of("service_tier"))
    if isinstance(request, WireRequest) and request.betas:
        known = [beta for beta in request.betas if beta in BETAS]
        if known:
            body["anthropic_beta"] = known
        if len(known) < len(request.betas):
            dropped = (*dropped, "anthropic-beta")
    return Encoded(body, dropped)

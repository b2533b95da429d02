"""Errors inside an answer that came with status 200: a stream's `error` event, a failed response. Error answers are OpenAI chat's.

Source: openai-python 3.54, types/responses/response_error.py and response_error_event.py, read 2026-11-25.
"""

from typing import Any

import orjson

from proxy.codecs.base import InvalidBody
from proxy.codecs.openai_chat.errors import in_band_error
from proxy.codecs.openai_responses.fields import filled
from proxy.core.errors import ErrorInfo

_CLIENTS = ("invalid_", "image_", "empty_image", "unsupported_image", "failed_to_download", "bio_policy", "misalignment")
"""How codes begin that blame what the client sent."""


class FailedAnswer(InvalidBody):
    """A whole response whose status is `failed`: no answer, but with the provider's reason in `error`."""

    def __init__(self, error: ErrorInfo) -> None:
        super().__init__(f"The response failed: {error.message[:200]}", "error")
        self.error = error


def failed_error(response: dict[str, Any]) -> ErrorInfo:
    """Of a response with status `failed`."""
    error = response.get("error")
    return _info(error if isinstance(error, dict) else {})


def event_error(event: dict[str, Any]) -> ErrorInfo:
    """Of an `error` event, whose fields are its own; some servers nest them in `error`."""
    nested = event.get("error")
    if isinstance(nested, dict):
        return _info(nested)
    return _info({key: value for key, value in event.items() if key not in ("type", "sequence_number")})


def _info(error: dict[str, Any]) -> ErrorInfo:
    info = in_band_error({"error": {"message": "The provider ended its answer with an error", **filled(**error)}})
    code = info.code or ""
    if code.startswith(_CLIENTS):
        return ErrorInfo(status=400, message=info.message, type=info.type, code=info.code, param=info.param, blame="provider")
    return info


def error_event(error: ErrorInfo, number: int) -> bytes:
    """The in-band error that ends a stream. `number`: its sequence_number."""
    data = {"type": "error", "sequence_number": number, "code": error.code, "message": error.message, "param": error.param}
    return b"event: error\ndata: " + orjson.dumps(data) + b"\n\n"

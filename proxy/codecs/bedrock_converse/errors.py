"""Error answers and exception frames, both ways.

An answer's body is `{"message"}`, its type stands in the header `x-amzn-ErrorType` (older services: `__type` in the body), perhaps with a
namespace before or a URL behind it. The gateway repeats the message as `detail`, where clients of FastAPI services look for it.

Source: botocore 1.44.5, bedrock-runtime service model (errors of Converse, ConverseStreamOutput) and parsers.py; Bedrock user guide,
"Troubleshooting API errors", read 2026-11-25.
"""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from proxy.codecs.eventstream import Frame, exception_frame
from proxy.core.errors import ErrorInfo

_BY_STATUS = {
    400: "ValidationException",
    401: "UnrecognizedClientException",
    402: "ServiceQuotaExceededException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "ModelTimeoutException",
    409: "ConflictException",
    413: "ValidationException",
    415: "ValidationException",
    422: "ValidationException",
    424: "ModelErrorException",
    429: "ThrottlingException",
    500: "InternalServerException",
    501: "InternalServerException",
    502: "InternalServerException",
    503: "ServiceUnavailableException",
    504: "ModelTimeoutException",
    529: "ServiceUnavailableException",
}
_KNOWN = frozenset(
    (
        *_BY_STATUS.values(),
        "ModelNotReadyException",
        "ModelStreamErrorException",
        "ExpiredTokenException",
        "InvalidSignatureException",
        "MissingAuthenticationTokenException",
        "IncompleteSignatureException",
        "UnknownOperationException",
        "SerializationException",
    )
)
_IN_BAND = {
    "internalServerException": 500,
    "modelStreamErrorException": 424,
    "modelTimeoutException": 408,
    "serviceUnavailableException": 503,
    "throttlingException": 429,
    "validationException": 400,
}
"""Exception frames and the HTTP status of their shapes."""
_RETRYABLE = frozenset((408, 409, 424, 429))
_STREAM_FAULTS = frozenset((408, 424, 502, 504))
"""The model or the way to it failed: `modelStreamErrorException`, whose advice is to try again."""
LIMITED = "Rate limit exceeded"
"""`detail` of our own limits, which clients of the AWS lab's gateway compare."""
_BEGINNING = 300
"""Characters of an unreadable body that its message shows."""


def error_type(error: ErrorInfo) -> str:
    """For the header `x-amzn-ErrorType`: the provider's own type or our own word where it is one of AWS's, else by the status."""
    for word in (error.type, error.code):
        if word in _KNOWN:
            return word
    return _BY_STATUS.get(error.status) or ("ValidationException" if 400 <= error.status < 500 else "InternalServerException")


def decode_error(status: int, body: bytes, headers: Mapping[str, str]) -> ErrorInfo:
    """A provider's error answer. Never raises. `headers`: lower-case names."""
    raw = _parsed(body)
    return ErrorInfo(
        status=status,
        message=_message(raw) or _beginning(body) or f"the provider answered with status {status}",
        type=_type(headers.get("x-amzn-errortype") or raw.get("__type") or raw.get("code")),
        blame="provider",
        retryable=_is_retryable(status),
        retry_after_s=_retry_after(headers),
        request_id=headers.get("x-amzn-requestid"),
    )


def decode_frame_error(frame: Frame) -> ErrorInfo:
    """A frame of message type `exception` (modelled) or `error` (not modelled): the HTTP status was 200, the error's own follows from
    its type. Never raises."""
    raw = _parsed(frame.payload)
    name = frame.text(":exception-type") or frame.text(":error-code") or ""
    status = _IN_BAND.get(name[:1].lower() + name[1:], 502)
    original = raw.get("originalMessage")
    return ErrorInfo(
        status=status,
        message=_message(raw)
        or frame.text(":error-message")
        or (original if isinstance(original, str) and original else "the provider ended the stream with an error"),
        type=_type(name[:1].upper() + name[1:]),
        blame="provider",
        retryable=_is_retryable(status),
    )


def encode_error(error: ErrorInfo) -> bytes:
    message = error_message(error)
    if error.code == "rate_limit_exceeded" and error.blame == "client":
        return orjson.dumps({"message": message, "detail": LIMITED})
    return orjson.dumps({"message": message, "detail": message})


def error_message(error: ErrorInfo) -> str:
    if error.param and error.blame == "client" and error.param not in error.message:
        return f"{error.param}: {error.message}"
    return error.message


def error_frame(error: ErrorInfo) -> bytes:
    """The exception that ends a stream: one of the five that the stream's shape names."""
    name = _in_band(error)
    payload: dict[str, Any] = {"message": error_message(error)}
    if name == "modelStreamErrorException":
        payload |= {"originalStatusCode": error.status, "originalMessage": error.message}
    return exception_frame(name, orjson.dumps(payload))


def _in_band(error: ErrorInfo) -> str:
    if error.type == "ModelStreamErrorException" or error.status in _STREAM_FAULTS:
        return "modelStreamErrorException"
    if error.status == 429:
        return "throttlingException"
    if error.status in (503, 529):
        return "serviceUnavailableException"
    return "validationException" if 400 <= error.status < 500 else "internalServerException"


def _is_retryable(status: int) -> bool:
    return status in _RETRYABLE or (status >= 500 and status != 501)


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        raw = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return raw if isinstance(raw, dict) else {}


def _message(raw: dict[str, Any]) -> str | None:
    for key in ("message", "Message", "errorMessage", "detail"):
        if isinstance(value := raw.get(key), str) and value:
            return value
    return None


def _type(value: Any) -> str | None:
    """`com.amazon.coral.service#ThrottlingException:http://…` → `ThrottlingException`."""
    return value.partition(":")[0].rpartition("#")[2] or None if isinstance(value, str) else None


def _beginning(body: bytes) -> str:
    text = body[: 4 * _BEGINNING].decode("utf-8", "replace").strip()
    return text if len(text) <= _BEGINNING else text[:_BEGINNING] + "…"


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds; a date is taken relative to the answer's own."""
    value = headers.get("retry-after")
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        return _until(value, headers.get("date"))
    return seconds if 0 <= seconds < float("inf") else None


def _until(value: str, now: str | None) -> float | None:
    try:
        return max(0.0, (parsedate_to_datetime(value) - parsedate_to_datetime(now or "")).total_seconds())
    except (ValueError, TypeError):
        return None

"""The API's error objects.

Source: platform.claude.com "Errors" and "Rate limits", anthropic SDK 2.12 types/shared/error_type.py, read 2026-11-22. Codecs have no
clock: the times in `anthropic-ratelimit-*-reset` are taken relative to the answer's own `date`.
"""

from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from proxy.codecs.check import NO_THREADS
from proxy.codecs.sse import sse_event
from proxy.core.errors import ErrorInfo

_BY_STATUS = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    409: "conflict_error",
    413: "request_too_large",
    415: "invalid_request_error",
    422: "invalid_request_error",
    429: "rate_limit_error",
    500: "api_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_STATUS = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "conflict_error": 409,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
_RETRYABLE = frozenset((408, 409, 429, 500, 502, 503, 504, 529))
_BEGINNING = 300
"""Characters of an unreadable body that its message shows."""

_LIMITS = ("requests", "tokens", "input-tokens", "output-tokens")


def decode_error(status: int, body: bytes, headers: Mapping[str, str]) -> ErrorInfo:
    """A provider's error answer. Never raises."""
    raw = _parsed(body)
    kind, message = _told(raw)
    return ErrorInfo(
        status=status,
        message=message or _beginning(body) or f"the provider answered with status {status}",
        type=kind,
        blame="provider",
        retryable=_retryable(status, headers),
        retry_after_s=_retry_after(status, headers),
        request_id=_request_id(raw, headers),
    )


def decode_stream_error(event: dict[str, Any]) -> ErrorInfo:
    """An `error` event: the stream's HTTP status was 200, the error's own follows from its type."""
    kind, message = _told(event)
    status = _STATUS.get(kind or "", 502)
    return ErrorInfo(
        status=status,
        message=message or "the provider ended the stream with an error",
        type=kind,
        blame="provider",
        retryable=status in _RETRYABLE,
        request_id=_request_id(event, {}),
    )


def encode_error(error: ErrorInfo) -> bytes:
    return orjson.dumps(_error_object(error))


def error_event(error: ErrorInfo) -> bytes:
    """The in-band error that ends a stream."""
    return sse_event(encode_error(error), b"error")


def _error_object(error: ErrorInfo) -> dict[str, Any]:
    message = error.message
    if error.param and error.blame == "client" and error.param not in message:
        message = f"{error.param}: {message}"
    encoded: dict[str, Any] = {"type": "error", "error": {"type": _type(error), "message": message}}
    if error.code == NO_THREADS and error.blame == "client":
        encoded["error"]["details"] = {"error_code": NO_THREADS, "unsupported": ["thread"]}
    if error.request_id is not None:
        encoded["request_id"] = error.request_id
    return encoded


def _type(error: ErrorInfo) -> str:
    """The provider's type where it is one of this API's and fits the status: elsewhere `invalid_request_error` stands for all of 4xx."""
    by_status = _BY_STATUS.get(error.status) or ("invalid_request_error" if 400 <= error.status < 500 else "api_error")
    if error.type in _STATUS and error.type != "invalid_request_error":
        return error.type
    return by_status


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        raw = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return raw if isinstance(raw, dict) else {}


def _told(raw: dict[str, Any]) -> tuple[str | None, str | None]:
    """(type, message) of an error object, or of the flat forms that proxies in between send."""
    error = raw.get("error")
    if isinstance(error, str):
        return None, error
    source = error if isinstance(error, dict) else raw
    kind, message = source.get("type"), source.get("message")
    return (kind if isinstance(kind, str) and kind != "error" else None), (message if isinstance(message, str) and message else None)


def _beginning(body: bytes) -> str:
    text = body[: 4 * _BEGINNING].decode("utf-8", "replace").strip()
    return text if len(text) <= _BEGINNING else text[:_BEGINNING] + "…"


def _request_id(raw: dict[str, Any], headers: Mapping[str, str]) -> str | None:
    value = raw.get("request_id")
    return value if isinstance(value, str) and value else headers.get("request-id")


def _retryable(status: int, headers: Mapping[str, str]) -> bool:
    told = headers.get("x-should-retry")
    if told in ("true", "false"):
        return told == "true"
    return status in _RETRYABLE or status >= 505


def _retry_after(status: int, headers: Mapping[str, str]) -> float | None:
    value = headers.get("retry-after")
    if value is not None:
        try:
            seconds = float(value)
        except ValueError:
            return _until(_http_date(value), headers)
        return seconds if 0 <= seconds < float("inf") else None
    return _limit_reset(headers) if status == 429 else None


def _limit_reset(headers: Mapping[str, str]) -> float | None:
    """Until every exhausted limit has been reset; if none says it is exhausted, until the first reset."""
    waits: dict[str, float] = {}
    for limit in _LIMITS:
        wait = reset_s(headers.get(f"anthropic-ratelimit-{limit}-reset"), headers)
        if wait is not None:
            waits[limit] = wait
    exhausted = [wait for limit, wait in waits.items() if headers.get(f"anthropic-ratelimit-{limit}-remaining") == "0"]
    return max(exhausted) if exhausted else min(waits.values(), default=None)


def reset_s(value: str | None, headers: Mapping[str, str]) -> float | None:
    """Seconds until a time of RFC 3339, by the answer's own `date`."""
    return _until(_rfc3339(value), headers)


def _until(when: datetime | None, headers: Mapping[str, str]) -> float | None:
    now = _http_date(headers.get("date"))
    return None if when is None or now is None else max(0.0, (when - now).total_seconds())


def _http_date(value: str | None) -> datetime | None:
    try:
        when = parsedate_to_datetime(value or "")
    except ValueError:
        return None
    return when if when.tzinfo is not None else None


def _rfc3339(value: str | None) -> datetime | None:
    try:
        when = datetime.fromisoformat(value or "")
    except ValueError:
        return None
    return when if when.tzinfo is not None else None

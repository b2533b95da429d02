"""The API's error objects: google.rpc.Status in JSON.

Source: cloud.google.com/apis/design/errors (codes and their HTTP statuses, details), ai.google.dev "Troubleshooting", read 2026-11-25.
Error details go to clients of this dialect, less what may name the provider's own key or project.
"""

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

import orjson

from proxy.core.errors import ErrorInfo

_BY_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    402: "RESOURCE_EXHAUSTED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    412: "FAILED_PRECONDITION",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
    529: "UNAVAILABLE",
}
_STATUS = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "OUT_OF_RANGE": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ABORTED": 409,
    "ALREADY_EXISTS": 409,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 499,
    "DATA_LOSS": 500,
    "UNKNOWN": 500,
    "INTERNAL": 500,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
_RETRYABLE = frozenset((408, 409, 429, 500, 502, 503, 504, 529))
_BEGINNING = 300
"""Characters of an unreadable body that its message shows."""
_TYPE = "type.googleapis.com/google.rpc."
_SHOWN = frozenset(_TYPE + name for name in ("RetryInfo", "QuotaFailure", "BadRequest", "Help", "LocalizedMessage", "ErrorInfo"))
_KEY = re.compile(rb"AIza[\w-]{20,}|AQ\.[\w.-]{20,}")
"""Google's API keys, of the older and the newer kind."""
_METADATA = frozenset(("service", "method", "quota_limit", "quota_limit_value", "quota_metric", "model"))
"""Of an ErrorInfo: others (`consumer`) name the caller's project or key, which is not the client's."""


def decode_error(status: int, body: bytes, headers: Mapping[str, str]) -> ErrorInfo:
    """A provider's error answer: `{"error": …}`, or (of a stream that never began) a list of it. Never raises."""
    error = _error_of(_parsed(body))
    return _info(error, status, headers, _beginning(body) or _phrase(status))


def decode_stream_error(event: dict[str, Any]) -> ErrorInfo:
    """An event with an error: the stream's HTTP status was 200, the error's own is its `code`, or follows from its `status`."""
    error = _error_of(event)
    code = error.get("code")
    name = error.get("status")
    status = code if isinstance(code, int) and 400 <= code <= 599 else _STATUS.get(name if isinstance(name, str) else "", 502)
    return _info(error, status, {}, "The provider ended its stream with an error")


def _info(error: dict[str, Any], status: int, headers: Mapping[str, str], otherwise: str) -> ErrorInfo:
    message, name = error.get("message"), error.get("status")
    details = _details(error.get("details"))
    return ErrorInfo(
        status=status,
        message=message if isinstance(message, str) and message else otherwise,
        code=name if isinstance(name, str) and name else None,
        param=_field(details),
        blame="provider",
        retryable=status in _RETRYABLE or status >= 505,
        retry_after_s=_retry_after(details, headers),
        details=details,
    )


def _parsed(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def _error_of(value: Any) -> dict[str, Any]:
    if isinstance(value, list) and value:
        value = value[0]
    if not isinstance(value, dict):
        return {}
    error = value.get("error", value)
    return error if isinstance(error, dict) else {"message": error}


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _details(value: Any) -> tuple[dict[str, Any], ...]:
    """Those that a client may see, without anything that looks like a key."""
    shown = [_detail(item) for item in _objects(value) if str(item.get("@type")) in _SHOWN]
    if not shown:
        return ()
    raw = orjson.dumps(shown)
    return tuple(orjson.loads(_KEY.sub(b"***", raw)) if _KEY.search(raw) else shown)


def _detail(detail: dict[str, Any]) -> dict[str, Any]:
    metadata = detail.get("metadata")
    if detail.get("@type") != _TYPE + "ErrorInfo" or not isinstance(metadata, dict):
        return detail
    return {**detail, "metadata": {key: value for key, value in metadata.items() if key in _METADATA}}


def _field(details: tuple[dict[str, Any], ...]) -> str | None:
    """The first field that a BadRequest names."""
    for detail in details:
        for violation in _objects(detail.get("fieldViolations")):
            if isinstance(field := violation.get("field"), str) and field:
                return field
    return None


def _retry_after(details: tuple[dict[str, Any], ...], headers: Mapping[str, str]) -> float | None:
    """Seconds: `retryDelay` ("48.9s"), else the header, whose date is taken relative to the answer's own."""
    for detail in details:
        delay = detail.get("retryDelay")
        if isinstance(delay, str) and delay.endswith("s") and (seconds := _number(delay[:-1])) is not None:
            return seconds
    value = headers.get("retry-after")
    if value is None or (seconds := _number(value)) is not None:
        return None if value is None else seconds
    then, now = _date(value), _date(headers.get("date", ""))
    return None if then is None or now is None else max(0.0, then - now)


def _number(value: str) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if 0 <= number < 1e9 else None


def _date(value: str) -> float | None:
    try:
        return parsedate_to_datetime(value).timestamp()
    except (ValueError, OverflowError):
        return None


def _beginning(body: bytes) -> str:
    text = body[: 4 * _BEGINNING].decode("utf-8", "replace").strip()
    return text if len(text) <= _BEGINNING else text[:_BEGINNING] + "…"


def _phrase(status: int) -> str:
    try:
        return f"The provider answered {status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"The provider answered {status}"


def encode_error(error: ErrorInfo) -> bytes:
    """`status` is Google's word; the gateway's own, where there is one, is the `reason` of an ErrorInfo detail."""
    shown: dict[str, Any] = {"code": error.status, "message": error.message, "status": _name(error)}
    if details := list(error.details) or _own_details(error):
        shown["details"] = details
    return orjson.dumps({"error": shown})


def _name(error: ErrorInfo) -> str:
    if error.code in _STATUS:
        return error.code
    return _BY_STATUS.get(error.status) or ("INVALID_ARGUMENT" if 400 <= error.status < 500 else "INTERNAL")


def _own_details(error: ErrorInfo) -> list[dict[str, Any]]:
    details: list[dict[str, Any]] = []
    if error.code and error.code not in _STATUS:
        domain = "llm-edge" if error.blame != "provider" else "provider"
        details.append({"@type": _TYPE + "ErrorInfo", "reason": error.code.upper(), "domain": domain})
    if error.param:
        details.append({"@type": _TYPE + "BadRequest", "fieldViolations": [{"field": error.param, "description": error.message}]})
    if error.retry_after_s is not None:
        details.append({"@type": _TYPE + "RetryInfo", "retryDelay": f"{error.retry_after_s:g}s"})
    return details

"""Error answers, both ways.

Source: OpenAI "Error codes" and "Rate limits" guides, read 2026-11-22; openai-python 2, `_base_client.py`, for what its retries read
(`retry-after-ms`, `x-should-retry`).
"""

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

import msgspec
import orjson

from proxy.core.errors import ErrorInfo

_RETRYABLE = frozenset({408, 409, 429})
_QUOTA = "insufficient_quota"
_MAX_TEXT = 300
_TYPES = {
    401: "authentication_error",
    402: _QUOTA,
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    409: "conflict_error",
    429: "rate_limit_error",
    502: "api_error",
    504: "timeout_error",
}
_CODES = {402: "budget_exceeded", 429: "rate_limit_exceeded"}
_STATUSES = (
    ("rate_limit", 429),
    (_QUOTA, 429),
    ("authentication", 401),
    ("invalid_api_key", 401),
    ("permission", 403),
    ("not_found", 404),
    ("invalid_request", 400),
    ("context_length", 400),
    ("overloaded", 503),
    ("timeout", 504),
)
"""Words of an in-band error's type or code, which has no status of its own, and the status that they stand for."""
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_EPOCH = 1e9
"""A reset value above it is a Unix time, in seconds or (above a thousand times it) milliseconds."""


def decode_error(status: int, body: bytes, headers: Mapping[str, str]) -> ErrorInfo:
    """`headers`: lower-case names."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        value = None
    message, type_, code, param = _fields(value)
    should = headers.get("x-should-retry", "").lower()
    quota = _QUOTA in (type_, code)
    return ErrorInfo(
        status=status,
        message=message or _plain_text(body) or _phrase(status),
        type=type_,
        code=code,
        param=param,
        blame="provider",
        retryable=should == "true" or (should != "false" and not quota and (status in _RETRYABLE or status >= 500)),
        retry_after_s=retry_after(status, headers),
        request_id=headers.get("x-request-id") or headers.get("request-id") or headers.get("apim-request-id"),
    )


def in_band_error(chunk: Any) -> ErrorInfo:
    """Of a stream chunk `{"error": …}`, or (older vLLM) `{"object": "error", …}`."""
    message, type_, code, param = _fields(chunk)
    status = _in_band_status(type_, code)
    return ErrorInfo(
        status=status,
        message=message or "The provider ended its stream with an error",
        type=type_,
        code=code,
        param=param,
        blame="provider",
        retryable=_QUOTA not in (type_, code) and (status in _RETRYABLE or status >= 500),
    )


def _in_band_status(type_: str | None, code: str | None) -> int:
    if code is not None and code.isdigit() and 400 <= int(code) <= 599:
        return int(code)
    words = f"{type_} {code}".lower()
    return next((status for word, status in _STATUSES if word in words), 502)


def encode_error(error: ErrorInfo) -> bytes:
    return orjson.dumps({"error": _object(error)})


def error_event(error: ErrorInfo) -> bytes:
    """The in-band error that ends a stream."""
    return b"data: " + encode_error(error) + b"\n\n"


def _object(error: ErrorInfo) -> dict[str, Any]:
    """The provider's own type where it looks like one of this API's: AWS's are written otherwise (`ThrottlingException`)."""
    kind = _TYPES.get(error.status, "server_error" if error.status >= 500 else "invalid_request_error")
    code = error.code or _CODES.get(error.status)
    own = error.type is not None and not error.type[:1].isupper()
    return {"message": error.message, "type": error.type if own else kind, "param": error.param, "code": code}


def _fields(value: Any) -> tuple[str | None, str | None, str | None, str | None]:
    """(message, type, code, param) of whatever shape: OpenAI's, Google's list of it, FastAPI's `detail`, a bare `message`."""
    if isinstance(value, list) and value:
        value = value[0]
    if not isinstance(value, dict):
        return (value if isinstance(value, str) else None), None, None, None
    error = value.get("error")
    if isinstance(error, str) and error:
        return error, None, _word(value.get("code")), None
    found = error if isinstance(error, dict) else value
    message = found.get("message")
    if not isinstance(message, str) or not message:
        return _detail(found.get("detail"))
    return message, _word(found.get("type")), _word(found.get("code")), _word(found.get("param"))


def _detail(detail: Any) -> tuple[str | None, str | None, str | None, str | None]:
    """FastAPI: a text, or a list of `{loc: ["body", "messages", 0], msg}`."""
    if isinstance(detail, str):
        return detail or None, None, None, None
    if isinstance(detail, list):
        items = [item for item in detail if isinstance(item, dict)]
        places = [".".join(str(step) for step in item.get("loc", ())[1:]) for item in items if isinstance(item.get("loc"), list)]
        texts = [str(item.get("msg")) for item in items if item.get("msg")]
        return "; ".join(texts) or None, None, None, next(iter(places), None)
    return None, None, None, None


def _word(value: Any) -> str | None:
    """Some servers give the status number as `code`."""
    if isinstance(value, str):
        return value or None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _plain_text(body: bytes) -> str:
    """The beginning of a text, or the title of an HTML page."""
    text = body[:4096].decode(errors="replace")
    title = re.search(r"<title[^>]*>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
    if title is not None:
        text = title[1]
    elif "<html" in text.lower() or text.lstrip().lower().startswith("<!doctype"):
        text = re.sub(r"<[^>]*>", " ", text)
    return " ".join(text.split())[:_MAX_TEXT]


def _phrase(status: int) -> str:
    try:
        return f"The provider answered {status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"The provider answered {status}"


def retry_after(status: int, headers: Mapping[str, str]) -> float | None:
    """Seconds to wait. `x-ratelimit-reset*` speaks only where the provider refused for load: every answer carries it. Of those, the
    exhausted dimensions count (the longest); where none is, the request was too big for what is left, and the shortest counts."""
    if (ms := _number(headers.get("retry-after-ms"))) is not None:
        return ms / 1000
    if (value := headers.get("retry-after")) is not None:
        seconds = _number(value)
        return _until_date(value, headers) if seconds is None else seconds
    if status not in (429, 503):
        return None
    exhausted: list[float] = []
    others: list[float] = []
    for name, value in headers.items():
        if name.startswith("x-ratelimit-reset") and (wait := duration_s(value, headers)) is not None:
            left = _number(headers.get(name.replace("reset", "remaining", 1)))
            (exhausted if left is None or left <= 0 else others).append(wait)
    return max(exhausted) if exhausted else min(others, default=None)


def _number(value: str | None) -> float | None:
    try:
        number = float(value) if value is not None else None
    except ValueError:
        return None
    return number if number is not None and 0 <= number < 1e15 else None


def duration_s(value: str, headers: Mapping[str, str]) -> float | None:
    """Of `x-ratelimit-reset*`: `6m0s`, `20ms`, plain seconds, or a Unix time, which is measured against the answer's own `date`."""
    number = _number(value)
    if number is None:
        found = _DURATION.findall(value)
        return sum(float(count) * _UNITS_S[unit] for count, unit in found) if found else None
    if number < _EPOCH:
        return number
    now = _answered_at(headers)
    at = number / 1000 if number > _EPOCH * 1000 else number
    return None if now is None else max(0.0, at - now)


def _until_date(value: str, headers: Mapping[str, str]) -> float | None:
    """An HTTP date, measured against the answer's own `date`: the provider's clock, not ours."""
    now = _answered_at(headers)
    at = _http_date(value)
    return None if now is None or at is None else max(0.0, at - now)


def _answered_at(headers: Mapping[str, str]) -> float | None:
    return _http_date(headers.get("date", ""))


def _http_date(value: str) -> float | None:
    try:
        return parsedate_to_datetime(value).timestamp()
    except (ValueError, OverflowError):
        return None

"""Google's error objects."""

import json
from typing import Any

import pytest

from proxy.codecs.gemini_generate.errors import decode_error, decode_stream_error, encode_error
from proxy.core.errors import ErrorInfo
from tests.support.gemini_samples import sample, sample_json


def shown(**fields: Any) -> Any:
    return json.loads(encode_error(ErrorInfo(message="m", **fields)))["error"]


def test_an_error_with_details_comes_back() -> None:
    """With the delay that it asks for."""
    info = decode_error(429, sample("error_quota.json"), {})
    assert (info.status, info.code, info.retryable, info.retry_after_s, info.blame) == (429, "RESOURCE_EXHAUSTED", True, 48.9, "provider")
    assert json.loads(encode_error(info)) == sample_json("error_quota.json")


def test_a_list_of_one_error() -> None:
    """What a stream that never began answers without `alt=sse`."""
    info = decode_error(429, b"[" + sample("error_quota.json") + b"]", {})
    assert info.code == "RESOURCE_EXHAUSTED"


def test_details_do_not_name_the_providers_key() -> None:
    """Only harmless kinds, and of an ErrorInfo only harmless fields."""
    kind = "type.googleapis.com/google.rpc."
    details = [
        {"@type": f"{kind}ErrorInfo", "reason": "API_KEY_SERVICE_BLOCKED", "metadata": {"service": "s", "consumer": "api_key:AIza-secret"}},
        {"@type": f"{kind}DebugInfo", "detail": "AIza-secret"},
        {"@type": f"{kind}BadRequest", "fieldViolations": [{"field": "contents", "description": "d"}]},
        {"@type": f"{kind}LocalizedMessage", "message": "AIza-secret-secret-secret-secret is no key"},
    ]
    body = json.dumps({"error": {"code": 403, "message": "no", "status": "PERMISSION_DENIED", "details": details}}).encode()
    info = decode_error(403, body, {})
    out = encode_error(info)
    assert b"AIza-secret" not in out
    assert json.loads(out)["error"]["details"][2]["message"] == "*** is no key"
    assert json.loads(out)["error"]["details"][0]["metadata"] == {"service": "s"}
    assert (info.param, info.retryable) == ("contents", False)


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (500, b"", "The provider answered 500 Internal Server Error"),
        (599, b"", "The provider answered 599"),
        (502, b"<html>bad</html>", "<html>bad</html>"),
        (502, b"x" * 400, "x" * 300 + "…"),
        (500, b'{"error":"text"}', "text"),
        (500, b'{"message":"flat"}', "flat"),
        (500, b"[]", "[]"),
        (500, b'{"error":{"code":5,"details":5}}', '{"error":{"code":5,"details":5}}'),
    ],
)
def test_whatever_came_there_is_a_message(status: int, body: bytes, message: str) -> None:
    """Never an exception."""
    info = decode_error(status, body, {})
    assert (info.status, info.message, info.retryable) == (status, message, True)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "-7"}, None),
        ({"retry-after": "Wed, 25 Nov 2026 10:00:10 GMT", "date": "Wed, 25 Nov 2026 10:00:00 GMT"}, 10.0),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
def test_the_header_where_the_details_say_nothing(headers: dict[str, str], expected: float | None) -> None:
    """A date is relative to the answer's own."""
    assert decode_error(503, b"{}", headers).retry_after_s == expected


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ({"code": 429, "status": "RESOURCE_EXHAUSTED"}, 429),
        ({"status": "UNAVAILABLE"}, 503),
        ({"code": 14}, 502),
        ({}, 502),
    ],
)
def test_in_band_errors_have_a_status(error: dict[str, Any], status: int) -> None:
    """Their code's, or their word's."""
    assert decode_stream_error({"error": error}).status == status


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (400, "INVALID_ARGUMENT"),
        (401, "UNAUTHENTICATED"),
        (402, "RESOURCE_EXHAUSTED"),
        (403, "PERMISSION_DENIED"),
        (404, "NOT_FOUND"),
        (409, "ABORTED"),
        (413, "INVALID_ARGUMENT"),
        (422, "INVALID_ARGUMENT"),
        (429, "RESOURCE_EXHAUSTED"),
        (500, "INTERNAL"),
        (502, "UNAVAILABLE"),
        (503, "UNAVAILABLE"),
        (504, "DEADLINE_EXCEEDED"),
        (520, "INTERNAL"),
    ],
)
def test_statuses_in_googles_words(status: int, word: str) -> None:
    """The code is the HTTP status."""
    assert shown(status=status) == {"code": status, "message": "m", "status": word}


def test_the_gateways_own_word_is_a_reason() -> None:
    """With the field and the wait, in Google's details."""
    error = shown(status=402, code="budget_exceeded", param="contents", retry_after_s=1.5)
    assert error["status"] == "RESOURCE_EXHAUSTED"
    kind = "type.googleapis.com/google.rpc."
    assert error["details"] == [
        {"@type": f"{kind}ErrorInfo", "reason": "BUDGET_EXCEEDED", "domain": "llm-edge"},
        {"@type": f"{kind}BadRequest", "fieldViolations": [{"field": "contents", "description": "m"}]},
        {"@type": f"{kind}RetryInfo", "retryDelay": "1.5s"},
    ]
    assert shown(status=429, code="rate_limit_exceeded", blame="provider")["details"][0]["domain"] == "provider"

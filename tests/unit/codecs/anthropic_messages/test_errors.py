"""Error objects, both ways."""

import json
from pathlib import Path
from typing import Any

import pytest

from proxy.codecs.anthropic_messages.errors import decode_error, decode_stream_error, encode_error, error_event
from proxy.codecs.check import NO_THREADS
from proxy.core.errors import ErrorInfo

WIRE = Path(__file__).parents[3] / "wire" / "anthropic_messages"


def shown(**fields: Any) -> dict[str, Any]:
    encoded: dict[str, Any] = json.loads(encode_error(ErrorInfo(**{"status": 400, "message": "m", **fields})))
    return encoded


def test_error_answer() -> None:
    """Type, message and request id are the provider's."""
    error = decode_error(429, (WIRE / "error.json").read_bytes(), {"retry-after": "7", "request-id": "req_header"})
    assert error == ErrorInfo(
        status=429,
        message="Number of requests has exceeded your rate limit",
        type="rate_limit_error",
        blame="provider",
        retryable=True,
        retry_after_s=7.0,
        request_id="req_011SAMPLE",
    )


def test_error_survives() -> None:
    """Decoded and encoded again, the body is the same JSON."""
    body = (WIRE / "error.json").read_bytes()
    assert json.loads(encode_error(decode_error(429, body, {}))) == json.loads(body)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the provider answered with status 502"),
        (b"<html>Bad gateway</html>", "<html>Bad gateway</html>"),
        (b"x" * 1000, "x" * 300 + "…"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"[1]", "[1]"),
        (b'{"error": "flat text"}', "flat text"),
        (b'{"error": {"message": ""}}', '{"error": {"message": ""}}'),
        (b'{"message": "Forbidden"}', "Forbidden"),
        (b'{"error": {"message": 7}}', '{"error": {"message": 7}}'),
    ],
)
def test_unreadable_error_yields_its_beginning(body: bytes, message: str) -> None:
    """Whatever stands in between may answer; its words are shown, capped."""
    error = decode_error(502, body, {"request-id": "req_h"})
    assert (error.message, error.type, error.request_id) == (message, None, "req_h")


@pytest.mark.parametrize(
    ("status", "headers", "retryable"),
    [
        (400, {}, False),
        (401, {}, False),
        (404, {}, False),
        (408, {}, True),
        (413, {}, False),
        (429, {}, True),
        (500, {}, True),
        (501, {}, False),
        (503, {}, True),
        (520, {}, True),
        (529, {}, True),
        (529, {"x-should-retry": "false"}, False),
        (400, {"x-should-retry": "true"}, True),
        (400, {"x-should-retry": "perhaps"}, False),
    ],
)
def test_retryable(status: int, headers: dict[str, str], retryable: bool) -> None:
    """By status, unless the provider says otherwise."""
    assert decode_error(status, b"{}", headers).retryable is retryable


DATE = {"date": "Sun, 22 Nov 2026 20:00:00 GMT"}


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (429, {"retry-after": "12"}, 12.0),
        (529, {"retry-after": "0.5"}, 0.5),
        (429, {"retry-after": "Sun, 22 Nov 2026 20:00:30 GMT", **DATE}, 30.0),
        (429, {"retry-after": "Sun, 22 Nov 2026 19:00:00 GMT", **DATE}, 0.0),
        (429, {"retry-after": "Sun, 22 Nov 2026 20:00:30 GMT"}, None),
        (429, {"retry-after": "soon", **DATE}, None),
        (429, {"retry-after": "nan"}, None),
        (429, {"retry-after": "-3"}, None),
        (429, {}, None),
        (429, {"anthropic-ratelimit-tokens-reset": "2026-11-22T20:00:09Z", **DATE}, 9.0),
        (429, {"anthropic-ratelimit-tokens-reset": "2026-11-22T20:00:09Z"}, None),
        (429, {"anthropic-ratelimit-tokens-reset": "later", **DATE}, None),
        (429, {"anthropic-ratelimit-tokens-reset": "2026-11-22T20:00:09", **DATE}, None),
        (503, {"anthropic-ratelimit-tokens-reset": "2026-11-22T20:00:09Z", **DATE}, None),
        (
            429,
            {
                "anthropic-ratelimit-requests-reset": "2026-11-22T20:00:02Z",
                "anthropic-ratelimit-tokens-reset": "2026-11-22T20:00:40Z",
                "anthropic-ratelimit-tokens-remaining": "0",
                "anthropic-ratelimit-output-tokens-reset": "2026-11-22T20:01:00Z",
                "anthropic-ratelimit-output-tokens-remaining": "0",
                **DATE,
            },
            60.0,
        ),
        (
            429,
            {
                "anthropic-ratelimit-requests-reset": "2026-11-22T20:00:02Z",
                "anthropic-ratelimit-tokens-reset": "2026-11-22T20:00:40Z",
                **DATE,
            },
            2.0,
        ),
    ],
)
def test_retry_after(status: int, headers: dict[str, str], seconds: float | None) -> None:
    """`retry-after` holds; without it a 429's exhausted limits, relative to the answer's own date."""
    assert decode_error(status, b"{}", headers).retry_after_s == seconds


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (402, "billing_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (405, "invalid_request_error"),
        (408, "timeout_error"),
        (409, "conflict_error"),
        (413, "request_too_large"),
        (415, "invalid_request_error"),
        (422, "invalid_request_error"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (502, "api_error"),
        (503, "overloaded_error"),
        (504, "timeout_error"),
        (529, "overloaded_error"),
        (200, "api_error"),
    ],
)
def test_type_follows_the_status(status: int, kind: str) -> None:
    """Every status has the type that the API itself uses."""
    assert shown(status=status) == {"type": "error", "error": {"type": kind, "message": "m"}}


@pytest.mark.parametrize(
    ("status", "given", "kind"),
    [
        (400, "billing_error", "billing_error"),
        (401, "invalid_request_error", "authentication_error"),
        (429, "insufficient_quota", "rate_limit_error"),
        (500, "overloaded_error", "overloaded_error"),
        (404, "NotFoundError", "not_found_error"),
    ],
)
def test_provider_type_is_kept_where_it_is_this_api_s(status: int, given: str, kind: str) -> None:
    """Other dialects' types, and their catch-all, give way to the status."""
    assert shown(status=status, type=given)["error"]["type"] == kind


def test_request_id_is_shown() -> None:
    """Where it is known."""
    assert shown(request_id="req_1")["request_id"] == "req_1"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"param": "messages[0].role", "blame": "client"}, "messages[0].role: m"),
        ({"param": "m", "blame": "client"}, "m"),
        ({"param": "messages[0].role", "blame": "provider"}, "m"),
    ],
)
def test_place_stands_in_the_message(fields: dict[str, Any], message: str) -> None:
    """This dialect has no `param`: the gateway's own errors begin with it, a provider's words stay as they are."""
    assert shown(**fields)["error"]["message"] == message


def test_stream_error() -> None:
    """An error event has no status of its own: its type says which."""
    error = decode_stream_error({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}, "request_id": "r"})
    assert (error.status, error.type, error.message, error.retryable, error.request_id) == (
        529,
        "overloaded_error",
        "Overloaded",
        True,
        "r",
    )


@pytest.mark.parametrize("event", [{"type": "error"}, {"type": "error", "error": {"type": "brand_new"}}])
def test_unknown_stream_error_is_a_bad_gateway(event: dict[str, Any]) -> None:
    """Without a known type it is the upstream's failure."""
    error = decode_stream_error(event)
    assert (error.status, error.message) == (502, "the provider ended the stream with an error")


def test_error_event_is_one_event() -> None:
    """Named `error`, ended by a blank line."""
    event = error_event(ErrorInfo(status=504, message="too\nslow"))
    assert event == b'event: error\ndata: {"type":"error","error":{"type":"timeout_error","message":"too\\nslow"}}\n\n'


def test_the_sdk_is_told_what_is_not_threaded() -> None:
    """`error.details`, where it looks for it; a provider's own refusal of that name does not get ours."""
    assert shown(code=NO_THREADS, blame="client")["error"]["details"] == {"error_code": NO_THREADS, "unsupported": ["thread"]}
    assert "details" not in shown(code=NO_THREADS, blame="provider")["error"]

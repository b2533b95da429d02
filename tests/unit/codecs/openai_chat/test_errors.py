"""Error answers, both ways."""

import json
from typing import Any

import pytest

from proxy.codecs.openai_chat import OpenAIChatCodec
from proxy.codecs.openai_chat.errors import in_band_error
from proxy.core.errors import ErrorInfo
from tests.support.openai_samples import sample

CODEC = OpenAIChatCodec()
DATE = "Sun, 22 Nov 2026 12:00:00 GMT"


def decode(status: int, body: Any = None, **headers: str) -> ErrorInfo:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return CODEC.decode_error(status, raw, {name.replace("_", "-"): value for name, value in headers.items()})


def test_openai_error() -> None:
    """All fields, and whose fault it was."""
    info = CODEC.decode_error(429, sample("error.json"), {"x-request-id": "req_1", "retry-after": "2"})
    assert info == ErrorInfo(
        status=429,
        message="Rate limit reached for gpt-4o-mini",
        code="rate_limit_exceeded",
        type="requests",
        blame="provider",
        retryable=True,
        retry_after_s=2.0,
        request_id="req_1",
    )


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"error": {"message": "m", "type": "t", "code": "c", "param": "p"}}, ("m", "t", "c", "p")),
        ({"error": {"message": "m", "code": 400, "type": "", "param": None}}, ("m", None, "400", None)),
        ({"error": "text"}, ("text", None, None, None)),
        ({"error": "text", "code": 5}, ("text", None, "5", None)),
        ({"message": "m", "type": "t"}, ("m", "t", None, None)),
        ({"detail": "d"}, ("d", None, None, None)),
        ({"detail": [{"loc": ["body", "messages", 0], "msg": "bad"}, {"msg": "worse"}, 5]}, ("bad; worse", None, None, "messages.0")),
        ([{"error": {"message": "g", "code": 404}}], ("g", None, "404", None)),
        ("just text", ("just text", None, None, None)),
    ],
)
def test_shapes(body: Any, expected: tuple[Any, ...]) -> None:
    """OpenAI's, Google's list of it, FastAPI's, and bare ones."""
    info = decode(400, body)
    assert (info.message, info.type, info.code, info.param) == expected


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"upstream connect error", "upstream connect error"),
        (b"<html><head><title>502  Bad\nGateway</title></head></html>", "502 Bad Gateway"),
        (b"<!DOCTYPE html><p>Sorry</p>", "Sorry"),
        (b"", "The provider answered 502 Bad Gateway"),
        (b"{}", "{}"),
        (b'{"detail":{"x":1}}', '{"detail":{"x":1}}'),
        (b"[]", "[]"),
        (b"x" * 1000, "x" * 300),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"[" * 100_000, "[" * 300),
    ],
)
def test_unreadable_bodies(body: bytes, message: str) -> None:
    """Their beginning is the message; never an exception."""
    assert decode(502, body).message == message


def test_unknown_status() -> None:
    """Some proxies make numbers up."""
    assert decode(599, b"").message == "The provider answered 599"


@pytest.mark.parametrize(
    ("status", "retryable"),
    [
        (400, False),
        (401, False),
        (403, False),
        (404, False),
        (408, True),
        (409, True),
        (413, False),
        (422, False),
        (429, True),
        (500, True),
        (529, True),
    ],
)
def test_retryable(status: int, retryable: bool) -> None:
    """By status."""
    assert decode(status, {}).retryable is retryable


@pytest.mark.parametrize("field", ["type", "code"])
def test_empty_quota_is_not_retryable(field: str) -> None:
    """Though it is a 429."""
    assert not decode(429, {"error": {"message": "m", field: "insufficient_quota"}}).retryable


@pytest.mark.parametrize(
    ("status", "word", "retryable"), [(400, "true", True), (500, "false", False), (500, "TRUE", True), (429, "x", True)]
)
def test_provider_may_say_it_itself(status: int, word: str, retryable: bool) -> None:
    """`x-should-retry`."""
    assert decode(status, {}, x_should_retry=word).retryable is retryable


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry_after": "2.5"}, 2.5),
        ({"retry_after_ms": "150", "retry_after": "9"}, 0.15),
        ({"retry_after": "Sun, 22 Nov 2026 12:00:30 GMT", "date": DATE}, 30.0),
        ({"retry_after": "Sun, 22 Nov 2026 11:00:00 GMT", "date": DATE}, 0.0),
        ({"retry_after": "Sun, 22 Nov 2026 12:00:30 GMT"}, None),
        ({"retry_after": "soon", "date": DATE}, None),
        ({"retry_after": "-5"}, None),
        ({"retry_after": "nan"}, None),
        ({"x_ratelimit_reset_requests": "6m0s", "x_ratelimit_remaining_requests": "0"}, 360.0),
        ({"x_ratelimit_reset_requests": "1s", "x_ratelimit_reset_tokens": "250ms"}, 1.0),
        (
            {
                "x_ratelimit_reset_requests": "9s",
                "x_ratelimit_remaining_requests": "5",
                "x_ratelimit_reset_tokens": "1.5s",
                "x_ratelimit_remaining_tokens": "0",
            },
            1.5,
        ),
        (
            {
                "x_ratelimit_reset_requests": "9s",
                "x_ratelimit_remaining_requests": "5",
                "x_ratelimit_reset_tokens": "7s",
                "x_ratelimit_remaining_tokens": "5",
            },
            7.0,
        ),
        ({"x_ratelimit_reset": "12"}, 12.0),
        ({"x_ratelimit_reset": "1795348860", "date": DATE}, 60.0),
        ({"x_ratelimit_reset": "1795348860000", "date": DATE}, 60.0),
        ({"x_ratelimit_reset": "1795348860"}, None),
        ({"x_ratelimit_reset": "later"}, None),
    ],
)
def test_waiting_times(headers: dict[str, str], seconds: float | None) -> None:
    """Retry-After in its forms first; then the exhausted dimension; dates against the provider's own clock."""
    assert decode(429, {}, **headers).retry_after_s == seconds


def test_reset_headers_speak_for_refusals_only() -> None:
    """Every answer carries them."""
    assert decode(500, {}, x_ratelimit_reset_requests="9s").retry_after_s is None


@pytest.mark.parametrize(
    ("status", "type_", "code"),
    [
        (400, "invalid_request_error", None),
        (401, "authentication_error", None),
        (402, "insufficient_quota", "budget_exceeded"),
        (403, "permission_error", None),
        (404, "not_found_error", None),
        (413, "invalid_request_error", None),
        (429, "rate_limit_error", "rate_limit_exceeded"),
        (500, "server_error", None),
        (502, "api_error", None),
        (503, "server_error", None),
        (504, "timeout_error", None),
    ],
)
def test_types_by_status(status: int, type_: str, code: str | None) -> None:
    """Where the error brings none of its own."""
    assert json.loads(CODEC.encode_error(ErrorInfo(status=status, message="m", param="p"))) == {
        "error": {"message": "m", "type": type_, "param": "p", "code": code}
    }


def test_a_type_of_aws_is_none_of_this_api() -> None:
    """The status says it in this API's words."""
    error = ErrorInfo(status=429, message="m", type="ThrottlingException")
    assert json.loads(CODEC.encode_error(error))["error"]["type"] == "rate_limit_error"


def test_providers_type_and_code_are_kept() -> None:
    """What the provider sent comes back."""
    given = {"error": {"message": "m", "type": "t", "param": None, "code": "c"}}
    assert json.loads(CODEC.encode_error(decode(400, given))) == given


@pytest.mark.parametrize(
    ("error", "status", "retryable"),
    [
        ({"message": "m", "type": "server_error"}, 502, True),
        ({"message": "m", "code": 429}, 429, True),
        ({"message": "m", "code": "503"}, 503, True),
        ({"message": "m", "type": "invalid_request_error"}, 400, False),
        ({"message": "m", "code": "rate_limit_exceeded"}, 429, True),
        ({"message": "m", "type": "insufficient_quota"}, 429, False),
        ({"message": "m", "type": "overloaded_error"}, 503, True),
        ({"message": "m", "code": 7}, 502, True),
    ],
)
def test_in_band_errors_get_a_status(error: dict[str, Any], status: int, retryable: bool) -> None:
    """From their words or number."""
    info = in_band_error({"error": error})
    assert (info.message, info.status, info.retryable, info.blame) == ("m", status, retryable, "provider")


def test_in_band_error_without_words() -> None:
    """Still says what happened."""
    assert in_band_error({"error": {}}).message == "The provider ended its stream with an error"
    assert in_band_error({"object": "error", "message": "m", "code": 400}).status == 400

"""Errors inside an answer."""

import json
from typing import Any

import pytest

from proxy.codecs.openai_responses.errors import FailedAnswer, error_event, event_error, failed_error
from proxy.core.errors import ErrorInfo


@pytest.mark.parametrize(
    ("code", "status", "retryable"),
    [
        ("server_error", 502, True),
        ("rate_limit_exceeded", 429, True),
        ("invalid_prompt", 400, False),
        ("image_too_large", 400, False),
        ("unsupported_image_media_type", 400, False),
        (None, 502, True),
    ],
)
def test_failed_response(code: str | None, status: int, retryable: bool) -> None:
    """What the client sent is not tried again."""
    info = failed_error({"error": {"code": code, "message": "m"}})
    assert (info.status, info.retryable, info.code, info.message, info.blame) == (status, retryable, code, "m", "provider")
    assert FailedAnswer(info).error == info


@pytest.mark.parametrize(
    "event",
    [
        {"type": "error", "code": "server_error", "message": "m", "param": "p", "sequence_number": 3},
        {"type": "error", "error": {"code": "server_error", "message": "m", "param": "p"}},
    ],
)
def test_error_event(event: dict[str, Any]) -> None:
    """Flat by the reference, nested elsewhere."""
    info = event_error(event)
    assert (info.code, info.message, info.param, info.status) == ("server_error", "m", "p", 502)


def test_an_error_without_words() -> None:
    """Still says something."""
    assert failed_error({}).message
    assert event_error({"type": "error"}).message


def test_event_for_the_client() -> None:
    """Numbered after what went before; the same error when read again."""
    error = ErrorInfo(status=502, message="broke", code="stream_truncated")
    raw = error_event(error, 7)
    name, data = raw.decode().rstrip().split("\n")
    assert name == "event: error"
    value = json.loads(data.removeprefix("data: "))
    assert value == {"type": "error", "sequence_number": 7, "code": "stream_truncated", "message": "broke", "param": None}
    assert event_error(value).code == "stream_truncated"

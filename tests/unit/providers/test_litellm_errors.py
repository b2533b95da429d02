"""What the litellm package raises, as an answer or a broken exchange."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from proxy.providers.litellm_errors import Answered, failure
from proxy.transport.base import TransportError


def named(name: str, text: str = "litellm.X: no", *bases: type[Exception], **attributes: Any) -> Exception:
    """An exception whose class has that name."""
    made: Exception = type(name, bases or (Exception,), {})(text)
    for key, value in attributes.items():
        setattr(made, key, value)
    return made


def caused(outer: Exception, *causes: BaseException) -> Exception:
    current: BaseException = outer
    for cause in causes:
        current.__cause__ = cause
        current = cause
    return outer


def plain(text: str) -> str:
    return text.replace("sk-secret", "***")


def response(status: int, body: str | None, headers: dict[str, str] | None = None) -> Any:
    if body is not None:
        return SimpleNamespace(status_code=status, text=body, headers=headers or {})

    class Unread:
        status_code = status

        @property
        def text(self) -> str:
            raise RuntimeError("not read")

    return Unread()


def answered(exc: Exception) -> Answered:
    found = failure(exc, "headers", plain)
    assert isinstance(found, Answered), found
    return found


def test_the_provider_s_own_answer_counts() -> None:
    """Status, headers that say when to come back, and the body, whatever the package made of them."""
    headers = {"Retry-After": "7", "X-RateLimit-Reset-Requests": "1s", "X-Request-Id": "r", "Set-Cookie": "a=b"}
    inner = named("HTTPStatusError", response=response(529, '{"error": {"message": "sk-secret is slow"}}', headers))
    found = answered(caused(named("InternalServerError", status_code=500, llm_provider="x"), named("AnthropicError"), inner))
    assert (found.status, json.loads(found.body)["error"]["message"]) == (529, "*** is slow")
    assert dict(found.headers) == {b"retry-after": b"7", b"x-ratelimit-reset-requests": b"1s", b"x-request-id": b"r"}


def test_a_body_that_only_the_adapter_kept() -> None:
    """A stream's response is not read; the adapter's exception has its text."""
    inner = named("MaskedHTTPStatusError", response=response(429, None))
    found = answered(caused(named("RateLimitError", llm_provider="x"), named("GroqError", message='{"error": "slow"}'), inner))
    assert (found.status, found.body) == (429, b'{"error": "slow"}')


def test_no_body_anywhere() -> None:
    """Then the package's sentence, without its ornaments."""
    inner = named("HTTPStatusError", response=response(503, ""))
    found = answered(
        caused(named("X", "litellm.ServiceUnavailableError: ServiceUnavailableError: GroqException - down", llm_provider="x"), inner)
    )
    assert (found.status, json.loads(found.body)["error"]["message"]) == (503, "down")


def test_a_response_that_the_package_made_up_is_none() -> None:
    """Its own classes carry one for a connection that never was."""
    made_up = type("APIStatusError", (Exception,), {"__module__": "litellm.exceptions"})("Connection error.")
    made_up.response = response(500, "", {})
    found = failure(caused(made_up, named("ClientConnectorError")), "headers", plain)
    assert isinstance(found, TransportError)
    assert (found.phase, found.sent) == ("connect", False)


def test_an_odd_status_is_no_answer() -> None:
    """Nor is a status error without one."""
    for odd in (response(200, "x"), SimpleNamespace(status_code="x", text="", headers={}), None):
        assert answered(named("HTTPStatusError", "odd", response=odd)).status == 502


@pytest.mark.parametrize(
    ("cause", "phase", "sent", "timeout"),
    [
        ("ClientConnectorCertificateError", "tls", False, False),
        ("ClientConnectorError", "connect", False, False),
        ("gaierror", "connect", False, False),
        ("ConnectTimeout", "connect", False, True),
        ("Timeout", "body", True, True),
        ("APITimeoutError", "body", True, True),
        ("ServerDisconnectedError", "body", True, False),
        ("ReadError", "body", True, False),
    ],
)
def test_a_broken_exchange(cause: str, phase: str, sent: bool, timeout: bool) -> None:
    """In its phase."""
    found = failure(caused(named("APIConnectionError", llm_provider="x", status_code=500), named(cause)), "body", plain)
    assert isinstance(found, TransportError)
    assert (found.phase, found.sent, found.timeout) == (phase, sent, timeout)


def test_unsupported_parameters() -> None:
    """400, naming the first, without advice that is not the client's to follow."""
    text = (
        "litellm.UnsupportedParamsError: anthropic does not support parameters: ['logit_bias', 'seed'], for model=m. To drop these, set "
        "`litellm.drop_params=True` or for proxy:\n\n`litellm_settings:\n drop_params: true`\n"
    )
    found = answered(named("UnsupportedParamsError", text, status_code=400))
    assert found.status == 400
    assert json.loads(found.body)["error"] == {
        "message": "anthropic does not support parameters: ['logit_bias', 'seed'], for model=m",
        "type": "invalid_request_error",
        "param": "logit_bias",
        "code": "unsupported_parameter",
    }
    odd = answered(named("UnsupportedParamsError", "something else", status_code=400))
    assert json.loads(odd.body)["error"]["param"] is None


def test_its_verdict_on_the_request_stands() -> None:
    """A 4xx of its own; the trace that it adds to some texts is cut off."""
    text = "litellm.BadRequestError: no such thing sk-secret\nTraceback (most recent call last):\n  File x"
    found = answered(named("BadRequestError", text, status_code=400, llm_provider="x"))
    assert (found.status, json.loads(found.body)["error"]["message"]) == (400, "no such thing ***")


@pytest.mark.parametrize("status", [500, 503, None])
def test_anything_else_of_its_own_is_502(status: int | None) -> None:
    """What the provider said in mid-stream is kept."""
    found = answered(named("InternalServerError", "AnthropicException - overloaded", status_code=status, llm_provider="x"))
    assert (found.status, json.loads(found.body)["error"]["message"]) == (502, "overloaded")


@pytest.mark.parametrize(
    "cause", [KeyError("usage"), json.JSONDecodeError("x", "y", 0), AttributeError("a"), TypeError("t"), UnboundLocalError()]
)
def test_an_answer_that_it_could_not_read(cause: Exception) -> None:
    """502 with our words: its own are about its insides."""
    found = answered(caused(named("BadRequestError", "KeyError: 'usage' at 0x7f", status_code=422, llm_provider="x"), cause))
    error = json.loads(found.body)["error"]
    assert (found.status, error["code"]) == (502, "invalid_upstream_answer")
    assert "0x7f" not in error["message"]


def test_a_foreign_exception_of_no_class_of_its_own() -> None:
    """A bug in it: 502."""
    assert answered(RuntimeError("boom")).status == 502


def test_a_failure_in_mid_stream_is_unwrapped() -> None:
    """The wrapper repeats the text."""
    inner = named("RateLimitError", "litellm.RateLimitError: slow", status_code=429, llm_provider="x")
    found = answered(named("MidStreamFallbackError", "slow slow", status_code=503, original_exception=inner))
    assert (found.status, json.loads(found.body)["error"]["message"]) == (429, "slow")


def test_a_ring_of_causes_ends() -> None:
    """However long the chain."""
    first, second = named("A", "a"), named("B", "b")
    first.__cause__, second.__cause__ = second, first
    assert answered(first).status == 502


def test_silence_has_a_message() -> None:
    """An exception without a text."""
    assert json.loads(answered(named("ServiceUnavailableError", "", status_code=503, llm_provider="x")).body)["error"]["message"] != ""

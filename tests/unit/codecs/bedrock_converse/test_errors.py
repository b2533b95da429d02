"""Error answers and exception frames."""

import json

import botocore.session
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.codecs.bedrock_converse.errors import decode_error, decode_frame_error, encode_error, error_frame, error_type
from proxy.codecs.eventstream import EventStreamParser, Frame, encode_frame
from proxy.core.errors import ErrorInfo
from tests.support.converse_samples import wire

SERVICE = botocore.session.get_session().get_service_model("bedrock-runtime")


def frame_of(raw: bytes) -> Frame:
    (frame,) = EventStreamParser().feed(raw)
    return frame


@pytest.mark.parametrize("operation", ["Converse", "ConverseStream"])
def test_each_error_of_the_service_keeps_its_type(operation: str) -> None:
    """By the header, whatever namespace or URL is around it."""
    for shape in SERVICE.operation_model(operation).error_shapes:
        status = shape.metadata["error"]["httpStatusCode"]
        header = f"com.amazon.coral#{shape.name}:http://internal.amazon.com/coral/"
        error = decode_error(status, wire("error.json"), {"x-amzn-errortype": header, "x-amzn-requestid": "r"})
        assert (error.type, error_type(error), error.status, error.request_id) == (shape.name, shape.name, status, "r")


def test_the_type_follows_the_status() -> None:
    """Contract M: 402 is a quota."""
    expected = {
        400: "ValidationException",
        401: "UnrecognizedClientException",
        402: "ServiceQuotaExceededException",
        403: "AccessDeniedException",
        404: "ResourceNotFoundException",
        408: "ModelTimeoutException",
        422: "ValidationException",
        424: "ModelErrorException",
        429: "ThrottlingException",
        451: "ValidationException",
        500: "InternalServerException",
        503: "ServiceUnavailableException",
        504: "ModelTimeoutException",
        507: "InternalServerException",
        529: "ServiceUnavailableException",
    }
    assert {status: error_type(ErrorInfo(status=status, message="m", type="rate_limit_error")) for status in expected} == expected


def test_bodies_of_all_ages_are_read() -> None:
    """`message`, `Message`, `__type`; a text; nothing."""
    assert decode_error(429, wire("error.json"), {}).message == "Too many requests, please wait before trying again."
    old = decode_error(400, b'{"__type":"com.amazon#ValidationException","Message":"m"}', {})
    assert (old.message, old.type) == ("m", "ValidationException")
    assert decode_error(502, b"<html>", {}).message == "<html>"
    assert len(decode_error(502, b"x" * 999, {}).message) == 301
    assert decode_error(500, b"[]", {}).message == "[]"
    assert decode_error(503, b"", {}).message == "the provider answered with status 503"


@pytest.mark.parametrize(
    ("status", "retryable"), [(400, False), (403, False), (408, True), (424, True), (429, True), (500, True), (501, False)]
)
def test_retries(status: int, retryable: bool) -> None:
    """Where another try may help."""
    assert decode_error(status, b"{}", {}).retryable == retryable


def test_retry_after() -> None:
    """Seconds, or a date against the answer's own."""
    date = "Wed, 25 Nov 2026 10:00:10 GMT"
    assert decode_error(429, b"{}", {"retry-after": "7"}).retry_after_s == 7
    assert decode_error(429, b"{}", {"retry-after": date, "date": "Wed, 25 Nov 2026 10:00:00 GMT"}).retry_after_s == 10
    for headers in ({}, {"retry-after": "-1"}, {"retry-after": "soon"}, {"retry-after": date}, {"retry-after": "nan"}):
        assert decode_error(429, b"{}", headers).retry_after_s is None


def test_the_body_says_it_twice() -> None:
    """`message` and `detail`; a client's mistake names the field."""
    assert json.loads(encode_error(ErrorInfo(status=400, message="bad", param="messages", blame="client"))) == {
        "message": "messages: bad",
        "detail": "messages: bad",
    }
    assert json.loads(encode_error(ErrorInfo(status=400, message="messages is bad", param="messages", blame="client")))["message"] == (
        "messages is bad"
    )


@pytest.mark.parametrize(
    ("status", "name", "read_as"),
    [
        (400, "validationException", 400),
        (402, "validationException", 400),
        (429, "throttlingException", 429),
        (500, "internalServerException", 500),
        (502, "modelStreamErrorException", 424),
        (504, "modelStreamErrorException", 424),
        (503, "serviceUnavailableException", 503),
        (529, "serviceUnavailableException", 503),
    ],
)
def test_in_band_errors_are_those_of_the_stream_s_shape(status: int, name: str, read_as: int) -> None:
    """And are read back."""
    frame = frame_of(error_frame(ErrorInfo(status=status, message="m")))
    assert frame.text(":message-type") == "exception"
    assert frame.text(":exception-type") == name
    assert name in SERVICE.shape_for("ConverseStreamOutput").members
    assert set(json.loads(frame.payload)) <= set(SERVICE.shape_for("ConverseStreamOutput").members[name].members)
    error = decode_frame_error(frame)
    assert (error.status, error.message, error.type, error.blame) == (read_as, "m", name[0].upper() + name[1:], "provider")
    assert json.loads(frame_of(error_frame(error)).payload)["message"] == "m"


def test_errors_that_are_not_modelled() -> None:
    """They stand in the headers; an unknown exception is a 502."""
    frame = frame_of(encode_frame({":message-type": "error", ":error-code": "ThrottlingException", ":error-message": "slow"}, b""))
    assert (decode_frame_error(frame).status, decode_frame_error(frame).message) == (429, "slow")
    odd = decode_frame_error(frame_of(encode_frame({":message-type": "exception"}, b"\xff")))
    assert (odd.status, odd.message, odd.type) == (502, "the provider ended the stream with an error", None)
    model = decode_frame_error(frame_of(encode_frame({":exception-type": "modelStreamErrorException"}, b'{"originalMessage":"o"}')))
    assert model.message == "o"


@settings(max_examples=50, derandomize=True, deadline=None)
@given(st.binary(max_size=50), st.dictionaries(st.sampled_from(["x-amzn-errortype", "retry-after", "date"]), st.text(max_size=20)))
def test_nothing_makes_it_fail(body: bytes, headers: dict[str, str]) -> None:
    """An error about an error helps no one."""
    assert decode_error(500, body, headers).message

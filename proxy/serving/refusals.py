"""Answers of the server itself, for requests that no application gets to see.

The body is the OpenAI error shape: at this point the route, and with it the client's dialect, is not known.
"""

import http
from typing import Literal

import orjson

Reason = Literal[
    "bad_request",
    "head_too_large",
    "headers_timeout",
    "body_stall",
    "write_stall",
    "unsupported_transfer",
    "unsupported_version",
    "app_failure",
]

_ANSWERS: dict[Reason, tuple[int, str, str]] = {
    "bad_request": (400, "invalid_http", "The request is not valid HTTP/1.1."),
    "head_too_large": (431, "headers_too_large", "The request's head is over 64 KB or 100 fields."),
    "headers_timeout": (408, "request_timeout", "The request's head did not arrive in time."),
    "body_stall": (408, "request_timeout", "The request's body stopped arriving."),
    "unsupported_transfer": (501, "unsupported_transfer_encoding", "Only `chunked` is understood as Transfer-Encoding."),
    "unsupported_version": (505, "unsupported_http_version", "Speak HTTP/1.1 or HTTP/1.0."),
    "app_failure": (500, "internal_error", "The gateway failed to handle this request."),
}


def refusal(reason: Reason, date: bytes = b"") -> bytes:
    """Head and body of an answer that ends the connection; `date` is a whole header line or empty."""
    status, code, message = _ANSWERS[reason]
    kind = "server_error" if status >= 500 else "invalid_request_error"
    body = orjson.dumps({"error": {"message": message, "type": kind, "code": code, "param": None}})
    head = (
        b"HTTP/1.1 %d %s\r\n%scontent-type: application/json\r\ncontent-length: %d\r\n"
        b"x-content-type-options: nosniff\r\nx-llm-edge-error-source: gateway\r\nconnection: close\r\n\r\n"
    )
    return head % (status, http.HTTPStatus(status).phrase.encode(), date, len(body)) + body

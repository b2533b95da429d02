"""What the litellm package raises, as the answer or the broken exchange that it stands for.

The package maps every failure to a class of its own and often to another status (Anthropic's 529 becomes 500, a refused connection 500),
but keeps what happened in the chain of causes. Looked for there, in this order:

    an HTTP client's status error      the provider's own status, headers and body
    a time-out                         TransportError(timeout=True)
    a connection that failed           TransportError, `connect` where it was never made
    an answer that could not be read   502
    a parameter the provider lacks     400, naming it
    anything else                      the status of the package's class where that blames the request, else 502

Classes are known by name: the package and its HTTP clients need not be imported for that.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import orjson

from proxy.transport.base import Header, Phase, TransportError

Scrub = Callable[[str], str]

_DEPTH = 20
_STATUS_ERRORS = frozenset({"HTTPStatusError", "MaskedHTTPStatusError", "APIStatusError"})
_TIMEOUTS = frozenset({"Timeout", "TimeoutException", "APITimeoutError", "TimeoutError", "ServerTimeoutError", "ReadTimeoutError"})
_CONNECT_TIMEOUTS = frozenset({"ConnectTimeout", "ConnectionTimeoutError", "PoolTimeout", "ConnectTimeoutError"})
_TLS = frozenset({"ClientConnectorCertificateError", "ClientConnectorSSLError", "SSLError", "SSLCertVerificationError"})
_CONNECT = frozenset({"ClientConnectorError", "ClientConnectorDNSError", "ConnectError", "EndpointConnectionError", "gaierror"})
_BROKEN = frozenset(
    {
        "ServerDisconnectedError",
        "ClientOSError",
        "ClientPayloadError",
        "ReadError",
        "WriteError",
        "RemoteProtocolError",
        "ConnectionResetError",
        "IncompleteRead",
        "ConnectionClosedError",
    }
)
_UNREADABLE = frozenset({"JSONDecodeError", "ValidationError", "LookupError", "AttributeError", "TypeError", "NameError"})
_PREFIX = re.compile(r"^(?:(?:litellm\.)?\w+Error: )*(?:\w+Exception(?: \w+Error)? - )?")
_SUFFIX = re.compile(r"\.? Handle with `litellm\.\w+`\.$|\.? ?(?:To drop these, set |File an issue if litellm error).*$", re.DOTALL)
_PARAMETERS = re.compile(r"does not support parameters: (\[[^\]]*\])")
_NAME = re.compile(r"'([^']+)'")
_PASSED = ("retry-after", "retry-after-ms", "x-should-retry", "date", "x-request-id", "request-id", "x-amzn-requestid", "apim-request-id")
_MAX_TEXT = 2000


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """An error answer, in a shape that OpenAI's codec reads."""

    status: int
    headers: tuple[Header, ...]
    body: bytes


def failure(exc: BaseException, phase: Phase, scrub: Scrub) -> Answered | TransportError:
    """`phase`: where the exchange was. `scrub` takes the secrets out of a text."""
    chain = list(_chain(exc))
    for found in chain:
        if _kinds(found) & _STATUS_ERRORS and (answered := _status_error(found, chain, scrub)) is not None:
            return answered
    return _transport(chain, phase) or _own(chain, scrub)


def _chain(exc: BaseException) -> Iterator[BaseException]:
    """The failure, what a mid-stream wrapper hides, and the causes, outermost first."""
    current: BaseException | None = exc
    seen: set[int] = set()
    while current is not None and id(current) not in seen and len(seen) < _DEPTH:
        seen.add(id(current))
        yield current
        hidden = getattr(current, "original_exception", None)
        current = hidden if isinstance(hidden, BaseException) else current.__cause__ or current.__context__


def _kinds(exc: BaseException) -> set[str]:
    return {cls.__name__ for cls in type(exc).__mro__}


def _status_error(exc: BaseException, chain: list[BaseException], scrub: Scrub) -> Answered | None:
    """None: the package made the response up, as it does where there was none: those name no request and have no headers."""
    response = getattr(exc, "response", None)
    status = getattr(response, "status_code", None)
    headers = _headers(response)
    made_up = type(exc).__module__.startswith("litellm.exceptions")
    if made_up or not isinstance(status, int) or not 300 <= status <= 599:
        return None
    text = _response_text(response) or next((text for found in chain if (text := _kept_text(found))), "")
    return Answered(status=status, headers=headers, body=_readable(scrub(text[: _MAX_TEXT * 8]), chain, scrub))


def _headers(response: Any) -> tuple[Header, ...]:
    given = {str(name).lower(): str(value) for name, value in dict(getattr(response, "headers", None) or {}).items()}
    kept = {name: value for name, value in given.items() if name in _PASSED or name.startswith("x-ratelimit-")}
    return tuple((name.encode("latin-1", "replace"), value.encode("latin-1", "replace")) for name, value in kept.items())


def _response_text(response: Any) -> str:
    """httpx raises a RuntimeError for a body that was not read, as a stream's is."""
    try:
        text = response.text
    except RuntimeError:
        return ""
    return text if isinstance(text, str) else ""


def _kept_text(exc: BaseException) -> str:
    """The body, where an adapter's own exception keeps it as its message."""
    for name in ("text", "message"):
        text = getattr(exc, name, None)
        if isinstance(text, str) and text.lstrip()[:1] in ("{", "["):
            return text
    return ""


def _readable(text: str, chain: list[BaseException], scrub: Scrub) -> bytes:
    return text.encode("utf-8", "replace") if text.strip() else _body(_message(chain, scrub), "api_error")


def _transport(chain: list[BaseException], phase: Phase) -> TransportError | None:
    kinds = {name for exc in chain for name in _kinds(exc)}
    if kinds & _TLS:
        return TransportError("litellm: the TLS connection failed", phase="tls", sent=False)
    if kinds & _CONNECT_TIMEOUTS:
        return TransportError("litellm: connecting timed out", phase="connect", sent=False, timeout=True)
    if kinds & _TIMEOUTS:
        return TransportError("litellm: timed out", phase=phase, sent=True, timeout=True)
    if kinds & _CONNECT:
        return TransportError("litellm: no connection", phase="connect", sent=False)
    if kinds & _BROKEN:
        return TransportError("litellm: the connection broke", phase=phase, sent=True)
    return None


def _own(chain: list[BaseException], scrub: Scrub) -> Answered:
    """The package's own verdict."""
    text = _message(chain, scrub)
    outer = _unwrapped(chain)
    kinds = _kinds(outer)
    if "UnsupportedParamsError" in kinds:
        found = _PARAMETERS.search(text)
        names = _NAME.findall(found[1]) if found is not None else []
        return _answered(400, text, "invalid_request_error", "unsupported_parameter", names[0] if names else None)
    status = getattr(outer, "status_code", None)
    broken = next((exc for exc in chain[1:] if _kinds(exc) & _UNREADABLE), None if hasattr(outer, "llm_provider") else outer)
    if isinstance(status, int) and 400 <= status <= 499 and broken is None:
        return _answered(status, text, None, None)
    if broken is not None:
        text = f"litellm could not make sense of the provider's answer ({type(broken).__name__})"
    return _answered(502, text, "api_error", None if broken is None else "invalid_upstream_answer")


def _unwrapped(chain: list[BaseException]) -> BaseException:
    return next((exc for exc in chain if not hasattr(exc, "original_exception")), chain[0])


def _message(chain: list[BaseException], scrub: Scrub) -> str:
    outer = _unwrapped(chain)
    text = str(getattr(outer, "message", None) or outer).partition("Traceback (most recent call last)")[0]
    text = _SUFFIX.sub("", _PREFIX.sub("", text))
    return scrub(text.strip())[:_MAX_TEXT] or "the provider gave no reason"


def _answered(status: int, text: str, kind: str | None, code: str | None, param: str | None = None) -> Answered:
    return Answered(status=status, headers=(), body=_body(text, kind, code, param))


def _body(text: str, kind: str | None, code: str | None = None, param: str | None = None) -> bytes:
    return orjson.dumps({"error": {"message": text, "type": kind, "param": param, "code": code}})

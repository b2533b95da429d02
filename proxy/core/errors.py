"""Every failure the gateway can report, with its HTTP meaning.

    EdgeError
    ├── ClientFault      400 401 402 403 404 409 412 413 415 422 429 499   blame: client
    ├── GatewayFault     500 501 503                                   blame: gateway
    └── UpstreamFault    502 504, or the provider's own status         blame: provider

Foreign exceptions are translated into one of these where they enter. `code` is the stable machine word that docs/errors.md
lists; a dialect's codec turns the whole into the body that the client's SDK parses.
"""

from typing import Any, Literal

import msgspec

Blame = Literal["client", "gateway", "provider"]


class ErrorInfo(msgspec.Struct, frozen=True, kw_only=True):
    """An error as data, independent of dialect: what `Codec.decode_error` yields and `Codec.encode_error` takes."""

    status: int
    message: str
    code: str | None = None
    """Stable machine word: the gateway's own, or the provider's `code`."""
    type: str | None = None
    """The provider's error type where it had one; None lets the codec derive it from the status."""
    param: str | None = None
    """JSON path of the offending request field."""
    blame: Blame = "gateway"
    retryable: bool = False
    retry_after_s: float | None = None
    request_id: str | None = None
    details: tuple[dict[str, Any], ...] = ()
    """Google's error details as sent, for its own dialect's encoder."""
    facts: dict[str, Any] | None = None
    """The gateway's own, for families whose body has room for them."""


class EdgeError(Exception):
    """Base of all. Subclasses set the defaults; an instance may override status and code."""

    status: int = 500
    code: str = "internal_error"
    blame: Blame = "gateway"
    retryable: bool = False

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        type: str | None = None,
        param: str | None = None,
        retryable: bool | None = None,
        retry_after_s: float | None = None,
        details: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        if status is not None:
            self.status = status
        if code is not None:
            self.code = code
        if retryable is not None:
            self.retryable = retryable
        self.type = type
        self.param = param
        self.retry_after_s = retry_after_s
        self.details = details

    def info(self) -> ErrorInfo:
        return ErrorInfo(
            status=self.status,
            message=self.message,
            code=self.code,
            type=self.type,
            param=self.param,
            blame=self.blame,
            retryable=self.retryable,
            retry_after_s=self.retry_after_s,
            facts=self.details,
        )


class ClientFault(EdgeError):
    """The request is wrong; sending it again unchanged cannot help."""

    status = 400
    code = "invalid_request"
    blame: Blame = "client"


class GatewayFault(EdgeError):
    """The gateway cannot do it now."""

    status = 503
    code = "unavailable"
    blame: Blame = "gateway"
    retryable = True


class UpstreamFault(EdgeError):
    """The provider failed: its own status where it sent one, else 502 or 504."""

    status = 502
    code = "upstream_error"
    blame: Blame = "provider"
    retryable = True


class BadRequest(ClientFault):
    """A field is missing or wrong; `param` names it."""


class Unauthenticated(ClientFault):
    status = 401
    code = "invalid_api_key"


class Forbidden(ClientFault):
    status = 403
    code = "permission_denied"


class NotFound(ClientFault):
    status = 404
    code = "not_found"


class ModelNotFound(ClientFault):
    status = 404
    code = "model_not_found"


class Conflict(ClientFault):
    """What is there forbids it, or has changed meanwhile."""

    status = 409
    code = "conflict"


class IdempotencyMismatch(ClientFault):
    """The `Idempotency-Key` was used for another request."""

    status = 422
    code = "idempotency_mismatch"


class IdempotencyBusy(ClientFault):
    """The first request with this `Idempotency-Key` is still under way."""

    status = 409
    code = "idempotency_in_progress"
    retryable = True


class TooLarge(ClientFault):
    status = 413
    code = "request_too_large"


class UnsupportedMedia(ClientFault):
    status = 415
    code = "unsupported_media_type"


class InvalidField(ClientFault):
    """A field of an admin request is unknown or wrong: the message begins with its path, `param` names it."""

    status = 422
    code = "validation_error"

    def __init__(self, message: str, param: str = "") -> None:
        said = f"{param}: {message}" if param else message
        errors = [{"loc": ["body", *param.split(".")] if param else ["body"], "msg": message}]
        super().__init__(said, param=param or None, details={"errors": errors})


class Untranslatable(ClientFault):
    """Strict mode: the target cannot carry these fields; `details["dropped"]` lists their JSON paths."""

    status = 422
    code = "untranslatable"


class ClientGone(ClientFault):
    """The client left before its answer was complete (nginx's 499; never sent, only recorded)."""

    status = 499
    code = "client_closed_request"


class Unsupported(GatewayFault):
    """Known but not built: the message says what to use instead."""

    status = 501
    code = "not_implemented"
    retryable = False


class Unavailable(GatewayFault):
    """A store or the gateway itself is down or draining."""


class BadGateway(UpstreamFault):
    """No usable answer: connect failure, reset, protocol violation, an answer that breaks its own schema."""


class ConnectionFailed(BadGateway):
    """No connection, or one that broke before the answer was whole."""


class UpstreamTimeout(UpstreamFault):
    status = 504
    code = "upstream_timeout"


class ProviderRejected(UpstreamFault):
    """The provider answered with an error of its own; `status`, `type` and message are the provider's."""

    def __init__(self, info: ErrorInfo) -> None:
        super().__init__(
            info.message,
            status=info.status,
            code=info.code or "provider_error",
            type=info.type,
            param=info.param,
            retryable=info.retryable,
            retry_after_s=info.retry_after_s,
        )
        self.provider = info
        self.another_key = False
        """Another member of the provider's key pool may do better at once."""

    def info(self) -> ErrorInfo:
        return self.provider


class StreamTruncated(UpstreamFault):
    """The stream ended, stalled or broke without its terminal evidence (contract B)."""

    code = "stream_truncated"

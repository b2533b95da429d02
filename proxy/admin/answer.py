"""Answers of the admin API, and what its handlers read of a request."""

import re
from typing import Any

import msgspec
import orjson
from starlette.types import Scope, Send

from proxy.core.context import SCOPE_KEY, RequestContext
from proxy.core.errors import BadRequest, ClientFault

_ETAG = re.compile(rb'\s*(?:W/)?"?(\d{1,18})"?\s*')


class Message(msgspec.Struct, frozen=True):
    message: str


async def answer(send: Send, body: Any, *, status: int = 200, version: int | None = None) -> None:
    """JSON. `version`: of the thing shown, as its ETag."""
    raw = orjson.dumps(msgspec.to_builtins(body) if isinstance(body, msgspec.Struct) else body)
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(raw)), (b"cache-control", b"no-store")]
    if version is not None:
        headers.append((b"etag", b'"%d"' % version))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": raw})


def context(scope: Scope) -> RequestContext:
    ctx: RequestContext = scope[SCOPE_KEY]
    return ctx


def parameter(ctx: RequestContext, name: str) -> str:
    """Of the path, which has been percent-decoded."""
    found = ctx.route.pattern.search(ctx.raw_path) if ctx.route.pattern is not None else None
    return found[name] if found is not None else ""


class VersionConflict(ClientFault):
    """Somebody else changed it: read it again."""

    status = 412
    code = "version_conflict"


def expected_version(ctx: RequestContext, body: dict[str, Any]) -> int | None:
    """That the client wants to change: by `If-Match`, else by `version` in the body; None: whatever is there. Raises BadRequest."""
    header = ctx.headers.get(b"if-match")
    if header is not None and header.strip() != b"*":
        found = _ETAG.fullmatch(header)
        if found is None:
            raise BadRequest("If-Match must be the version as the ETag gave it, or *", param="if-match")
        return int(found[1])
    version = body.get("version")
    if version is not None and (not isinstance(version, int) or isinstance(version, bool) or version < 0):
        raise BadRequest("must be a version as it was given: a whole number", param="version")
    return version


def check_version(expected: int | None, actual: int) -> None:
    """Raises VersionConflict."""
    if expected is not None and expected != actual:
        raise VersionConflict(
            f"version {expected} was to be changed, but version {actual} holds: read it again", details={"version": actual}
        )

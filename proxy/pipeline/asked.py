"""A generation request as the pipeline sees it: what was asked, what it resolves to, and what the cache may do with it."""

import logging
from time import monotonic
from typing import Any

from proxy.cache.fingerprint import fingerprint
from proxy.cache.policy import CacheVerdict, judge
from proxy.codecs.base import Codec, InvalidBody
from proxy.codecs.check import Asked as Checked
from proxy.codecs.checks import CHECKS
from proxy.codecs.jsonbody import dump_json
from proxy.core.context import RequestContext
from proxy.core.errors import BadRequest, Unsupported
from proxy.core.request import ChatRequest
from proxy.pipeline.deps import Pipeline
from proxy.routing.target import Route

_log = logging.getLogger("llm_edge")


class Asked:
    """Read once at the start; `decoded` only when a target speaks another dialect."""

    __slots__ = ("_request", "body", "codec", "ctx", "deadline", "include_usage", "key", "model", "route", "stream", "strict", "verdict")

    def __init__(self, pipe: Pipeline, ctx: RequestContext) -> None:
        """Raises BadRequest or ModelNotFound, naming the field."""
        dialect = ctx.route.dialect or ""
        self.ctx = ctx
        self.body: dict[str, Any] = ctx.json
        self.codec: Codec = pipe.codecs[dialect]
        try:
            checked: Checked = CHECKS[dialect](self.body)
        except InvalidBody as exc:
            raise invalid(exc) from None
        if dialect == "openai_responses":
            _refuse_kept(self.body)
        self.model = ctx.model = checked.model
        self.stream = ctx.stream = checked.stream
        self.include_usage = checked.include_usage
        self.strict = ctx.headers.get(b"x-llm-edge-strict", b"").lower() == b"true"
        self.route: Route = pipe.routes.resolve(checked.model)
        if self.route.warning is not None:
            _log.warning(self.route.warning, extra={"trace_id": ctx.trace_id, "model": checked.model[:200]})
        self.deadline = ctx.deadline = _deadline(ctx, self.route.timeouts.total_s, self.stream)
        self.verdict: CacheVerdict = judge(self.body, ctx.headers, pipe.cache_rules, dialect)
        self.key: bytes | None = None
        if self.verdict.read or self.verdict.write or self.verdict.join:
            self.key = self._fingerprint(pipe)
        self._request: ChatRequest | None = None

    def decoded(self) -> ChatRequest:
        """The canonical request. Raises BadRequest naming the field."""
        if self._request is None:
            headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in self.ctx.headers.items()}
            try:
                self._request = self.codec.decode_request(self.body, headers)
            except InvalidBody as exc:
                raise invalid(exc) from None
        return self._request

    def _fingerprint(self, pipe: Pipeline) -> bytes:
        ctx = self.ctx
        try:
            return fingerprint(
                scope=_scope(ctx, pipe.cache_scope),
                dialect=self.codec.name,
                route=ctx.route.name,
                model=self.model,
                route_digest=self.route.digest,
                headers=ctx.headers,
                body=self.body,
            )
        except TypeError:
            try:
                dump_json(self.body)
            except InvalidBody as exc:
                raise invalid(exc) from None
            raise


_KEPT = ("previous_response_id", "conversation", "background")
"""Of the Responses API: what only makes sense with answers that somebody keeps."""


def _refuse_kept(body: dict[str, Any]) -> None:
    """A provider's account is shared by all tenants, and an id in it would open another's answers; the gateway keeps none itself yet."""
    for name in _KEPT:
        if body.get(name):
            raise Unsupported(f"{name} is not available here yet: send the whole input, without {name}", param=name)


def _scope(ctx: RequestContext, kind: str) -> str:
    principal = ctx.principal
    if principal is None or kind == "global":
        return ""
    return f"key:{principal.key_id}" if kind == "key" else f"tenant:{principal.tenant}"


def invalid(exc: InvalidBody) -> BadRequest:
    return BadRequest(exc.message, param=exc.path or None, code=exc.code)


def _deadline(ctx: RequestContext, total_s: float, stream: bool) -> float:
    """Loop time: min(total_s, x-llm-edge-timeout-s, for non-streaming x-stainless-read-timeout)."""
    if b"x-llm-edge-timeout-s" in ctx.headers:
        total_s = min(total_s, _seconds(ctx, b"x-llm-edge-timeout-s", strict=True))
    if not stream and b"x-stainless-read-timeout" in ctx.headers:
        total_s = min(total_s, _seconds(ctx, b"x-stainless-read-timeout", strict=False))
    return monotonic() + total_s


def _seconds(ctx: RequestContext, name: bytes, *, strict: bool) -> float:
    """`strict`: nonsense is the client's error, else ignored (an SDK wrote it, not a person)."""
    try:
        value = float(ctx.headers[name])
    except ValueError:
        value = -1.0
    if value > 0:
        return value
    if strict:
        raise BadRequest(f"{name.decode()} must be a positive number of seconds", param=name.decode())
    return float("inf")

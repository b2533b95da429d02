"""A generation request as the pipeline sees it: what was asked, what it resolves to, and what the cache may do with it."""

import logging
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, Any

from proxy.cache.fingerprint import fingerprint
from proxy.cache.policy import judge
from proxy.codecs.base import Codec, InvalidBody
from proxy.codecs.bedrock_invoke import BedrockInvokeCodec
from proxy.codecs.check import Asked as Checked
from proxy.codecs.checks import CHECKS
from proxy.codecs.counting import under
from proxy.codecs.invariants import checked
from proxy.codecs.jsonbody import dump_json
from proxy.core.context import RequestContext
from proxy.core.errors import BadRequest, Unsupported
from proxy.core.request import ChatRequest
from proxy.pipeline import asked_invoke
from proxy.pipeline.deps import Pipeline
from proxy.pipeline.fallbacks import Fallbacks
from proxy.pipeline.fallbacks import overridden as with_fallbacks
from proxy.pipeline.inline_media import Inlining
from proxy.pipeline.overrides import DEBUG, KEY_HEADER, MAX_TAGS, STRATEGY, TAGS, overridden
from proxy.pipeline.placing import DIALECT, can_take, place
from proxy.providers.base import Provider
from proxy.providers.key_pool import conversation_of
from proxy.routing.candidate import Candidate
from proxy.routing.target import Route

if TYPE_CHECKING:
    from proxy.cache.semantic.tier import Asking
    from proxy.pipeline.keeping import Keeping

_log = logging.getLogger("llm_edge")
Check = Callable[[dict[str, Any]], Checked]
_STRICT, _FALLBACKS, _TIMEOUT, _CACHE_TAGS = (
    b"x-llm-edge-strict",
    b"x-llm-edge-fallbacks",
    b"x-llm-edge-timeout-s",
    b"x-llm-edge-cache-tags",
)
_READ_TIMEOUT = b"x-stainless-read-timeout"
_OURS = frozenset((STRATEGY, TAGS, DEBUG, _STRICT, _FALLBACKS, _TIMEOUT, _CACHE_TAGS))
"""Headers by which a request wants something of the gateway; most have none of them, which one look tells."""


class Asked:
    """Read once at the start; `decoded` only when a target speaks another dialect."""

    sized = True
    """Whether the prompt has to fit into the target's context window."""
    root = ""
    """JSON path in the client's body of what is decoded."""
    __slots__ = (
        "_kind", "_request", "answer_id", "asking", "body", "codec", "ctx", "deadline", "fallbacks", "include_usage", "inlining",
        "keeping", "key", "model", "route", "stream", "strict", "verdict", "wishes",
    )  # fmt: skip

    def __init__(
        self, pipe: Pipeline, ctx: RequestContext, codec: Codec | None = None, keeping: "Keeping | None" = None, check: Check | None = None
    ) -> None:
        """`codec`, `check`: other than those that the route's dialect names. Raises BadRequest or ModelNotFound, naming the field."""
        dialect = ctx.route.dialect or ""
        self.ctx = ctx
        self.keeping = keeping
        """Of the Responses API: what becomes of the answer's id; None where nobody comes back to it."""
        self.body: dict[str, Any] = ctx.json
        self.codec: Codec = pipe.codecs[dialect] if codec is None else codec
        try:
            looked: Checked = (check or CHECKS[dialect])(self.body)
        except InvalidBody as exc:
            raise invalid(exc) from None
        kind = dialect
        special = _SPECIAL.get(dialect)
        if special is not None:
            kind = special(self)
        self.model = ctx.model = looked.model
        self.stream = ctx.stream = looked.stream
        self.include_usage = looked.include_usage
        self.fallbacks: Fallbacks | None = None
        """Where there are any, once a target is looked for."""
        self.strict = self.wishes = False
        """`wishes`: the client says something by one of our own headers."""
        self.key: bytes | None = None
        self._kind = kind
        self.asking: Asking | None = None
        """What the semantic cache was asked."""
        route: Route = pipe.routes.resolve(looked.model)
        headers = ctx.headers
        if not _OURS.isdisjoint(headers):
            self.wishes = True
            self.strict = headers.get(_STRICT, b"").lower() == b"true"
            if STRATEGY in headers or TAGS in headers or DEBUG in headers:
                route = overridden(pipe.routes, ctx, route)
        if dialect == DIALECT:
            route = place(pipe, self.body, route, keeping.pinned if keeping is not None else None)
        if self.wishes and _FALLBACKS in headers:
            route = with_fallbacks(pipe, ctx, route)
        self.route = route
        if route.warning is not None:
            _log.warning(route.warning, extra={"trace_id": ctx.trace_id, "model": looked.model[:200]})
        total_s = route.timeouts.total_s
        if self.wishes or _READ_TIMEOUT in headers:
            total_s = _total_s(ctx, total_s, self.stream)
        self.deadline = ctx.deadline = monotonic() + total_s
        self.verdict = verdict = judge(self.body, headers, pipe.cache_rules, dialect)
        if verdict.read or verdict.write or verdict.join:
            self.key = self._fingerprint(pipe, kind)
            if self.wishes and b"cache" in headers.get(DEBUG, b"").lower():
                ctx.headers_out.append((KEY_HEADER, self.key.hex().encode()))
        if keeping is not None:
            self.body = keeping.body
        self.answer_id: str | None = None
        self._request: ChatRequest | None = None
        self.inlining: Inlining | None = None
        """What was fetched for this request."""

    def talk(self) -> bytes:
        """What keeps its key of a pool."""
        return conversation_of(self.body)

    @property
    def tenant(self) -> str:
        return "" if self.ctx.principal is None else self.ctx.principal.tenant

    @property
    def tags(self) -> tuple[str, ...]:
        """Of `x-llm-edge-cache-tags`, by which its answer can be purged; lower case, at most `MAX_TAGS`."""
        header = self.ctx.headers.get(_CACHE_TAGS) if self.wishes else None
        if header is None:
            return ()
        return tuple(tag.strip().lower() for tag in header.decode("latin-1")[:2000].split(",") if tag.strip())[:MAX_TAGS]

    def decoded(self) -> ChatRequest:
        """The canonical request. Raises BadRequest naming the field."""
        if self._request is None:
            headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in self.ctx.headers.items()}
            try:
                if self.key is None:  # else the fingerprint has shown it
                    dump_json(self.body)
                body = self.body if self.keeping is None else self.keeping.translatable()
                self._request = checked(self.codec.decode_request(body, headers))
            except InvalidBody as exc:
                raise invalid(exc) from None
        return self._request

    def codec_for(self, pipe: Pipeline, provider: Provider) -> Codec:
        """Of a target that does not speak the client's dialect. Raises Unsupported."""
        codec = pipe.codecs.get(provider.dialect)
        if codec is None:
            raise Unsupported(f"{provider.name} is configured for embeddings alone and cannot serve the model '{self.model}' here")
        return codec

    def may_go(self, pipe: Pipeline, target: Candidate) -> bool:
        """Whether a target of another entry can take this request at all."""
        provider = pipe.providers[target.provider]
        if self.codec.name == DIALECT and not can_take(provider, self.body, self.keeping.pinned if self.keeping is not None else None):
            return False
        return self.codec.name in provider.dialects or provider.dialect in pipe.codecs

    def partition(self, pipe: Pipeline, rest: dict[str, Any]) -> bytes:
        """The cache's key of everything but the question. `rest`: the body without it."""
        return self._fingerprint(pipe, self._kind, rest)

    def _fingerprint(self, pipe: Pipeline, kind: str, body: dict[str, Any] | None = None) -> bytes:
        ctx, route, principal, kept_for = self.ctx, self.ctx.route, self.ctx.principal, pipe.cache_scope
        scope = ""
        if principal is not None and kept_for != "global":
            scope = f"key:{principal.key_id}" if kept_for == "key" else f"tenant:{principal.tenant}"
        try:
            return fingerprint(
                scope=scope,
                # What was translated with losses is not for a strict client: those share answers among themselves.
                dialect=f"{kind} strict" if self.strict else kind,
                # Where the path says whether to stream, both forms share their answers.
                route=route.name if route.stream is None else "",
                model=self.model,
                route_digest=self.route.digest,
                headers=ctx.headers,
                body=self.body if body is None else body,
            )
        except TypeError:
            try:
                dump_json(self.body)
            except InvalidBody as exc:
                raise invalid(exc) from None
            raise


def _invoke(asked: Asked) -> str:
    asked.codec = asked_invoke.codec_for(asked.codec, asked.body)
    asked_invoke.move_betas(asked.ctx, asked.body)
    family = asked.codec.family if isinstance(asked.codec, BedrockInvokeCodec) else "titan_embed"
    return asked_invoke.kind_in_key(asked.ctx, family)


_SPECIAL: dict[str, Callable[[Asked], str]] = {"bedrock_invoke": _invoke}
"""Dialects with something of their own to see to, once the request has passed its check; they say what the cache's key calls them."""


def invalid(exc: InvalidBody, root: str = "") -> BadRequest:
    """`root`: what the path is relative to."""
    return BadRequest(f"{root}: {exc.message}" if root else exc.message, param=under(root, exc.path) or None, code=exc.code)


def deadline_of(ctx: RequestContext, total_s: float, stream: bool) -> float:
    """Loop time: min(total_s, x-llm-edge-timeout-s, for non-streaming x-stainless-read-timeout)."""
    return monotonic() + _total_s(ctx, total_s, stream)


def _total_s(ctx: RequestContext, total_s: float, stream: bool) -> float:
    if _TIMEOUT in ctx.headers:
        total_s = min(total_s, _seconds(ctx, _TIMEOUT, strict=True))
    if not stream and _READ_TIMEOUT in ctx.headers:
        total_s = min(total_s, _seconds(ctx, _READ_TIMEOUT, strict=False))
    return total_s


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

"""The whole HTTP surface.

A row: path template, method, family, what handles it. `Router.classify` is asked once a request, by the outermost wrapper; the
innermost application finds the handler by the same row. Exact paths are a dictionary look-up (0.1 µs; Starlette's routing of the
same table cost 15 µs), templates with a parameter go through compiled patterns; every row also answers under the two prefixes of W.
"""

import re
from collections.abc import Awaitable, Mapping
from typing import NamedTuple

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

from proxy.api.permissions import scope_of
from proxy.core.context import SCOPE_KEY, RequestContext
from proxy.core.errors import ClientFault, NotFound, Unsupported
from proxy.core.route import Family, RouteInfo

PREFIXES = ("/llm-gateway", "/api/llm-gateway")


class Row(NamedTuple):
    method: str
    path: str
    family: Family
    handler: str
    dialect: str | None = None
    public: bool = False
    stream: bool | None = None
    """Set by the path, where the dialect has it there."""
    shared: bool = False
    """Anthropic's and Google's APIs have the same path: their clients are told apart by a header."""
    reads_body: bool = True
    """Of a POST, PUT or PATCH: whether it comes with one."""
    admin: bool = False
    """For administrators, in another family's shapes."""


TABLE: tuple[Row, ...] = (
    Row("POST", "/v1/chat/completions", "openai", "generate", "openai_chat"),
    Row("POST", "/chat/completions", "openai", "generate", "openai_chat"),
    Row("POST", "/openai/deployments/{model}/chat/completions", "openai", "generate", "openai_chat"),
    Row("POST", "/v1/completions", "openai", "generate", "openai_completions"),
    Row("POST", "/v1/embeddings", "openai", "embed", "openai_embeddings"),
    Row("POST", "/embeddings", "openai", "embed", "openai_embeddings"),
    Row("POST", "/openai/deployments/{model}/embeddings", "openai", "embed", "openai_embeddings"),
    Row("POST", "/v1/responses", "openai", "responses", "openai_responses"),
    Row("POST", "/v1/responses/{id}/cancel", "openai", "response_cancel", reads_body=False),
    Row("GET", "/v1/responses/{id}/input_items", "openai", "response_input"),
    Row("GET", "/v1/responses/{id}", "openai", "response"),
    Row("DELETE", "/v1/responses/{id}", "openai", "response_delete"),
    Row("POST", "/v1/messages", "anthropic", "generate", "anthropic_messages"),
    Row("POST", "/model/{model}/converse", "bedrock", "generate", "bedrock_converse", stream=False),
    Row("POST", "/model/{model}/converse-stream", "bedrock", "generate", "bedrock_converse", stream=True),
    Row("POST", "/model/{model}/invoke", "bedrock", "invoke", "bedrock_invoke", stream=False),
    Row("POST", "/model/{model}/invoke-with-response-stream", "bedrock", "invoke", "bedrock_invoke", stream=True),
    Row("POST", "/v1beta/models/{model}:generateContent", "gemini", "generate", "gemini_generate", stream=False),
    Row("POST", "/v1beta/models/{model}:streamGenerateContent", "gemini", "generate", "gemini_generate", stream=True),
    Row("POST", "/v1beta/models/{model}:embedContent", "gemini", "embed", "gemini_embed", stream=False),
    Row("POST", "/v1beta/models/{model}:batchEmbedContents", "gemini", "embed", "gemini_embed", stream=False),
    Row("POST", "/v1/models/{model}:embedContent", "gemini", "embed", "gemini_embed", stream=False),
    Row("POST", "/v1/models/{model}:batchEmbedContents", "gemini", "embed", "gemini_embed", stream=False),
    Row("POST", "/v1/models/{model}:generateContent", "gemini", "generate", "gemini_generate", stream=False),
    Row("POST", "/v1/models/{model}:streamGenerateContent", "gemini", "generate", "gemini_generate", stream=True),
    Row("POST", "/v1/messages/count_tokens", "anthropic", "count", "anthropic_messages"),
    Row("POST", "/v1/responses/input_tokens", "openai", "count", "openai_responses"),
    Row("POST", "/model/{model}/count-tokens", "bedrock", "count", "bedrock_converse", stream=False),
    Row("POST", "/v1beta/models/{model}:countTokens", "gemini", "count", "gemini_generate", stream=False),
    Row("POST", "/v1/models/{model}:countTokens", "gemini", "count", "gemini_generate", stream=False),
    Row("GET", "/v1/models", "openai", "models", shared=True),
    Row("GET", "/v1/models/{model}", "openai", "model", shared=True),
    Row("GET", "/v1beta/models", "gemini", "models"),
    Row("GET", "/v1beta/models/{model}", "gemini", "model"),
    Row("GET", "/v1/admin/health", "admin", "admin_health"),
    Row("GET", "/v1/admin/config", "admin", "admin_config"),
    Row("PUT", "/v1/admin/config", "admin", "admin_config_managed", reads_body=False),
    Row("PATCH", "/v1/admin/config", "admin", "admin_config_managed", reads_body=False),
    Row("POST", "/v1/admin/config/reload", "admin", "admin_reload", reads_body=False),
    Row("GET", "/v1/admin/routes", "admin", "admin_routes"),
    Row("PUT", "/v1/admin/routes/{model}/weights", "admin", "admin_weights"),
    Row("DELETE", "/v1/admin/routes/{model}/weights", "admin", "admin_weights_clear"),
    Row("GET", "/v1/admin/routes/{model}", "admin", "admin_route"),
    Row("PUT", "/v1/admin/routes/{model}", "admin", "admin_route_managed", reads_body=False),
    Row("PATCH", "/v1/admin/routes/{model}", "admin", "admin_route_managed", reads_body=False),
    Row("DELETE", "/v1/admin/routes/{model}", "admin", "admin_route_managed", reads_body=False),
    Row("POST", "/v1/admin/targets/{target}/drain", "admin", "admin_drain", reads_body=False),
    Row("DELETE", "/v1/admin/targets/{target}/drain", "admin", "admin_undrain"),
    Row("GET", "/v1/admin/cache", "admin", "admin_cache"),
    Row("DELETE", "/v1/admin/cache", "admin", "admin_cache_clear"),
    Row("POST", "/v1/admin/cache/purge", "admin", "admin_cache_purge"),
    Row("GET", "/v1/admin/usage", "admin", "admin_usage"),
    Row("GET", "/v1/admin/usage/records", "admin", "admin_usage_records"),
    Row("GET", "/v1/admin/tenants/{tenant}/usage", "admin", "admin_tenant_usage"),
    Row("GET", "/v1/usage", "invoke", "usage"),
    Row("GET", "/health", "ops", "health", public=True),
    Row("GET", "/health/live", "ops", "live", public=True),
    Row("GET", "/live", "ops", "live", public=True),
    Row("GET", "/health/ready", "ops", "ready", public=True),
    Row("GET", "/ready", "ops", "ready", public=True),
    Row("GET", "/healthz", "ops", "healthz", public=True),
    Row("GET", "/readyz", "ops", "readyz", public=True),
    Row("GET", "/metrics", "ops", "metrics", public=True),
    Row("POST", "/v1/admin/api-keys", "admin", "admin_key_create"),
    Row("GET", "/v1/admin/api-keys", "admin", "admin_keys"),
    Row("POST", "/v1/admin/api-keys/{key_id}/revoke", "admin", "admin_key_revoke"),
    Row("POST", "/v1/admin/api-keys/{key_id}/rotate", "admin", "admin_key_rotate"),
    Row("POST", "/v1/admin/api-keys/{key_id}/disable", "admin", "admin_key_disable"),
    Row("POST", "/v1/admin/api-keys/{key_id}/enable", "admin", "admin_key_enable"),
    Row("GET", "/v1/admin/api-keys/{key_id}", "admin", "admin_key"),
    Row("PATCH", "/v1/admin/api-keys/{key_id}", "admin", "admin_key_update"),
    Row("PUT", "/v1/admin/api-keys/{key_id}", "admin", "admin_key_update"),
    Row("POST", "/v1/admin/plans", "admin", "admin_plan_create"),
    Row("GET", "/v1/admin/plans", "admin", "admin_plans"),
    Row("GET", "/v1/admin/plans/{entity}", "admin", "admin_plan"),
    Row("PUT", "/v1/admin/plans/{entity}", "admin", "admin_plan_replace"),
    Row("DELETE", "/v1/admin/plans/{entity}", "admin", "admin_plan_delete"),
    Row("PUT", "/v1/admin/tenants/{tenant}/budget", "admin", "admin_tenant_budget", reads_body=False),
    Row("GET", "/openapi.json", "ops", "openapi", public=True),
    Row("GET", "/docs", "ops", "docs", public=True),
    Row("POST", "/create-key", "invoke", "create_plan_key", admin=True),
    Row("POST", "/revoke-key", "invoke", "revoke_plan_key", admin=True),
)

_TOLD_BY: tuple[tuple[bytes, Family], ...] = (
    (b"anthropic-version", "anthropic"),
    (b"x-goog-api-key", "gemini"),
    (b"x-goog-api-client", "gemini"),
)
"""Headers that only one API's clients send."""

_FAMILY_BY_PREFIX: tuple[tuple[str, Family, str | None], ...] = (
    ("/v1/messages", "anthropic", None),
    ("/v1/admin", "admin", None),
    ("/v1/agent", "invoke", None),
    ("/v1beta", "gemini", None),
    ("/model/", "bedrock", None),
    ("/v1", "openai", None),
    ("/chat", "openai", None),
    ("/embeddings", "openai", None),
    ("/openai", "openai", None),
)

Handlers = Mapping[str, ASGIApp]


class Router:
    """`classify` for the wrappers, `__call__` for the innermost application."""

    def __init__(self, handlers: Handlers, *, health_needs_key: bool = False) -> None:
        self._handlers = handlers
        self._exact: dict[str, dict[str, tuple[RouteInfo, ASGIApp]]] = {}
        self._patterns: list[tuple[str, re.Pattern[str], dict[str, tuple[RouteInfo, ASGIApp]]]] = []
        """(what it begins with, the whole, by method): the beginnings tell nearly all of them apart."""
        for row in TABLE:
            self._add(row, health_needs_key)
        self._by_info: dict[RouteInfo, ASGIApp] = {info: handler for rows in self._all() for info, handler in rows.values()}
        self._unknown = {family: RouteInfo(name="unmatched", family=family, public=True) for _, family, _ in _FAMILY_BY_PREFIX}
        self._unknown["ops"] = RouteInfo(name="unmatched", family="ops", public=True)

    def _add(self, row: Row, health_needs_key: bool) -> None:
        info = RouteInfo(
            name=row.path,
            family=row.family,
            dialect=row.dialect,
            public=row.public and not health_needs_key,
            reads_body=row.method in ("POST", "PUT", "PATCH") and row.reads_body,
            admin=row.admin or row.family == "admin",
            scope=None if row.admin else scope_of(row.family, row.path, public=row.public),
            stream=row.stream,
            pattern=_pattern(row.path) if "{" in row.path else None,
        )
        if row.shared:
            others = {family: msgspec.structs.replace(info, family=family) for _, family in _TOLD_BY}
            info = msgspec.structs.replace(info, shared=tuple((name, others[family]) for name, family in _TOLD_BY))
        found = (info, self._handlers[row.handler])
        for prefix in ("", *PREFIXES):
            if "{" in row.path:
                self._add_pattern(prefix + row.path, row.method, found)
            else:
                self._exact.setdefault(prefix + row.path, {})[row.method] = found

    def _add_pattern(self, path: str, method: str, found: tuple[RouteInfo, ASGIApp]) -> None:
        lead = path.partition("{")[0]
        for known, pattern, methods in self._patterns:
            if known == lead and pattern.pattern == _pattern(path).pattern:
                methods[method] = found
                return
        self._patterns.append((lead, _pattern(path), {method: found}))

    def _all(self) -> list[dict[str, tuple[RouteInfo, ASGIApp]]]:
        return [*self._exact.values(), *(rows for _, _, rows in self._patterns)]

    def classify(self, method: str, path: str) -> RouteInfo:
        methods = self._exact.get(path) or self._methods(path)
        if methods is not None:
            found = methods.get(method) or methods.get("GET" if method == "HEAD" else "")
            return found[0] if found is not None else self._wrong_method(methods)
        for prefix in PREFIXES:
            path = path.removeprefix(prefix)
        for start, family, _ in _FAMILY_BY_PREFIX:
            if path.startswith(start):
                return self._unknown[family]
        return self._unknown["ops"]

    def _methods(self, path: str) -> dict[str, tuple[RouteInfo, ASGIApp]] | None:
        methods = self._exact.get(path)
        if methods is None:
            for lead, pattern, found in self._patterns:
                if path.startswith(lead) and pattern.fullmatch(path):
                    return found
        return methods

    def _wrong_method(self, methods: dict[str, tuple[RouteInfo, ASGIApp]]) -> RouteInfo:
        info = next(iter(methods.values()))[0]
        return RouteInfo(name=info.name, family=info.family, public=True)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        ctx: RequestContext = scope[SCOPE_KEY]
        if b"upgrade" in ctx.headers and ctx.headers[b"upgrade"].lower() == b"websocket":
            raise Unsupported("WebSocket is not served here: use HTTP, with stream: true for server-sent events")
        handler = self._by_info.get(ctx.route)
        if handler is not None:
            return handler(scope, receive, send)
        methods = self._methods(ctx.raw_path)
        if methods is None:
            raise NotFound(f"no such path: {scope['method']} {ctx.raw_path[:200]}")
        ctx.headers_out.append((b"allow", ", ".join(sorted(methods)).encode()))
        raise ClientFault(f"{scope['method']} is not allowed on {ctx.route.name}", status=405, code="method_not_allowed")


def _pattern(template: str) -> re.Pattern[str]:
    """A name may hold slashes (`provider/model`, ARNs) and colons."""
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+)", re.escape(template)))

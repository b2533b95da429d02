"""`/openapi.json` and `/docs`: the admin API as its table of routes has it. The page is one file, and loads nothing from elsewhere."""

import html
import re
from collections.abc import Iterable
from typing import Any

import orjson
from starlette.types import ASGIApp, Receive, Scope, Send

from proxy.core.version import __version__

WORDS: dict[str, str] = {
    "admin_health": "How the gateway and its stores are",
    "admin_config": "The configuration in force, secrets masked",
    "admin_config_managed": "Refused: the configuration is changed in its file",
    "admin_reload": "Read the configuration again",
    "admin_routes": "All names and where they lead",
    "admin_route": "One name: targets, rules, what would be decided now",
    "admin_route_managed": "Refused: routes are changed in the file",
    "admin_weights": "Move the weights of a weighted name",
    "admin_weights_clear": "The file's weights again",
    "admin_drain": "No new requests to a target",
    "admin_undrain": "End that",
    "admin_cache": "State of the cache",
    "admin_cache_clear": "Clear the cache",
    "admin_cache_purge": "Purge by model, tenant, tag or key",
    "admin_usage": "Sums over the ledger: JSON, CSV, FOCUS",
    "admin_usage_records": "Usage records, in pages",
    "admin_tenant_usage": "A tenant's spending and budget of this month",
    "admin_tenant_budget": "Set a tenant's monthly budget: ?monthly_cap= in USD",
    "admin_key_create": "Make an API key, shown this once",
    "admin_keys": "List API keys, in pages",
    "admin_key": "An API key, all but itself",
    "admin_key_update": "Change an API key",
    "admin_key_revoke": "End an API key for good",
    "admin_key_rotate": "Replace an API key, with an overlap",
    "admin_key_disable": "Stop an API key until it is enabled",
    "admin_key_enable": "End that",
    "admin_plan_create": "Make a usage plan",
    "admin_plans": "List usage plans, in pages",
    "admin_plan": "A usage plan, by TYPE/id",
    "admin_plan_replace": "Replace a usage plan as a whole (If-Match)",
    "admin_plan_delete": "Delete a usage plan",
    "create_plan_key": "Make a usage plan (the AWS lab's door)",
    "revoke_plan_key": "Stop a usage plan (the AWS lab's door)",
}

Operation = tuple[str, str, str, bool]
"""Method, path, handler, whether it has a body."""


def document(operations: Iterable[Operation]) -> dict[str, Any]:
    """OpenAPI 3.1."""
    paths: dict[str, dict[str, Any]] = {}
    for method, path, handler, has_body in operations:
        names = re.findall(r"\{(\w+)\}", path)
        operation: dict[str, Any] = {
            "operationId": f"{method.lower()}_{handler}",
            "summary": WORDS[handler],
            "parameters": [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names],
            "responses": {"200": {"description": "Done"}, "default": {"$ref": "#/components/responses/Error"}},
        }
        if has_body:
            operation["requestBody"] = {"content": {"application/json": {"schema": {"type": "object"}}}}
        paths.setdefault(path, {})[method.lower()] = operation
    error = {
        "type": "object",
        "properties": {name: {"type": "string"} for name in ("code", "message", "trace_id")} | {"details": {"type": "object"}},
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "LLM Edge: admin API", "version": __version__},
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            "responses": {"Error": {"description": "What was wrong", "content": {"application/json": {"schema": error}}}},
        },
    }


def page(shown: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><td>{method.upper()}<td><code>{html.escape(path)}</code><td>{html.escape(operation['summary'])}"
        for path, methods in shown["paths"].items()
        for method, operation in methods.items()
    )
    title = html.escape(shown["info"]["title"])
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title>"
        "<style>body{font:16px sans-serif;margin:2em}td,th{text-align:left;padding:.2em 1em .2em 0}</style>"
        f"<h1>{title}</h1><p>Version {html.escape(shown['info']['version'])}. For machines: <a href=openapi.json>openapi.json</a>."
        f"<table><tr><th>Method<th>Path<th>What it does{rows}</table></html>"
    )


class Described:
    def __init__(self, operations: Iterable[Operation]) -> None:
        shown = document(operations)
        self._json = orjson.dumps(shown)
        self._page = page(shown).encode()

    def handlers(self) -> dict[str, ASGIApp]:
        return {"openapi": self.openapi, "docs": self.docs}

    async def openapi(self, scope: Scope, receive: Receive, send: Send) -> None:
        await _send(send, b"application/json", self._json)

    async def docs(self, scope: Scope, receive: Receive, send: Send) -> None:
        await _send(send, b"text/html; charset=utf-8", self._page)


async def _send(send: Send, kind: bytes, body: bytes) -> None:
    headers = [(b"content-type", kind), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})

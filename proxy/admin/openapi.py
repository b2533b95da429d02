"""`/openapi.json` and `/docs`: the admin API as its table of routes has it. The page is one file, and loads nothing from elsewhere."""

import html
import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
import orjson
from starlette.types import ASGIApp, Receive, Scope, Send

from proxy.admin.idempotent_keys import MAX_CHARS
from proxy.admin.operations import OPERATIONS, Told
from proxy.core.version import __version__
from proxy.governance.bodies import ErrorBody, LabErrorBody

Operation = tuple[str, str, str, bool]
"""Method, path, handler, whether it has a body."""


REF = "#/components/schemas/{name}"
_VERSION = {"name": "If-Match", "in": "header", "schema": {"type": "string"}, "description": "The ETag that is to be changed; else 412"}
_ONCE = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "minLength": 1, "maxLength": MAX_CHARS},
    "description": "Sent twice with the same key it is done once, and both get the answer",
}
_HEADERS: dict[str, str] = {
    "ETag": "The version of what is shown",
    "Idempotency-Replayed": "`true`: it was done by an earlier request",
    "Link": '`rel="next"`: the next page',
    "X-Next-After": "For `after`",
}
_PATHS: dict[str, str] = {
    "model": "An entry; may hold slashes, percent-encoded or not",
    "target": "`provider/model`",
    "entity": "`TYPE/id`: TYPE as in `entity_type`",
    "key_id": "The part of the key before the dot",
    "tenant": "The tenant's id",
}
_SECURITY = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "x-api-key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
    "api-key": {"type": "apiKey", "in": "header", "name": "api-key"},
}


def document(operations: Iterable[Operation]) -> dict[str, Any]:
    """OpenAPI 3.1."""
    schemas = _Schemas()
    paths: dict[str, dict[str, Any]] = {}
    for method, path, handler, _ in operations:
        paths.setdefault(path, {})[method.lower()] = _operation(method, path, handler, OPERATIONS[handler], schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "LLM Edge: admin API", "version": __version__},
        "security": [{name: []} for name in _SECURITY],
        "paths": paths,
        "components": {
            "schemas": schemas.components,
            "securitySchemes": _SECURITY,
            "responses": {
                "Error": _response("What was wrong; `details.code` is the word to act on", schemas.of(ErrorBody)),
                "LabError": _response("What was wrong", schemas.of(LabErrorBody)),
            },
        },
    }


class _Schemas:
    """Of types, with those of structs by their names."""

    def __init__(self) -> None:
        self.components: dict[str, Any] = {}

    def of(self, kind: Any) -> dict[str, Any]:
        (found,), components = msgspec.json.schema_components([kind], ref_template=REF)
        if "UsageRecord" in components:  # shown as a text, kept as a number
            components["UsageRecord"]["properties"]["at"] = {"type": "string", "format": "date-time"}
        self.components |= components
        return found


def _operation(method: str, path: str, handler: str, told: Told, schemas: _Schemas) -> dict[str, Any]:
    error = {"$ref": f"#/components/responses/{'LabError' if told.lab else 'Error'}"}
    described: dict[str, Any] = {
        "operationId": f"{method.lower()}_{handler}",
        "summary": told.words,
        "parameters": [*_parameters(path, told, schemas)],
        "responses": dict.fromkeys(("401", "403", "default"), error),
    }
    if told.body is not None:
        described["requestBody"] = _request(method, told, schemas)
    if not told.answers:
        return described | {"responses": {"409": error, **described["responses"]}}
    found = [schemas.of(kind) for kind in told.answers]
    done = _response("Done", found[0] if len(found) == 1 else {"anyOf": found})
    if told.csv:
        done["content"]["text/csv"] = {"schema": {"type": "string"}}
    shown = {"ETag": told.shows_version, "Idempotency-Replayed": told.once, "Link": told.linked, "X-Next-After": told.linked}
    if any(shown.values()):
        done["headers"] = {name: {"schema": {"type": "string"}, "description": _HEADERS[name]} for name, there in shown.items() if there}
    return described | {"responses": {"200": done, **described["responses"]}}


def _parameters(path: str, told: Told, schemas: _Schemas) -> Iterator[dict[str, Any]]:
    for name in re.findall(r"\{(\w+)\}", path):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string"}, "description": _PATHS[name]}
    for name, kind in told.query.items():
        yield {"name": name, "in": "query", "required": name in told.query_needed, "schema": schemas.of(kind)}
    if told.asks_version:
        yield _VERSION
    if told.once:
        yield _ONCE


def _request(method: str, told: Told, schemas: _Schemas) -> dict[str, Any]:
    schema = schemas.of(told.body)
    if told.body_needed and method != "PATCH":
        schema = {"allOf": [schema, {"required": list(told.body_needed)}]}
    return {"required": not told.body_optional, "content": {"application/json": {"schema": schema}}}


def _response(words: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": words, "content": {"application/json": {"schema": schema}}}


def page(shown: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><td>{method.upper()}<td><code>{html.escape(path)}</code><td>{html.escape(operation['summary'])}<td>{_takes(operation)}"
        for path, methods in shown["paths"].items()
        for method, operation in methods.items()
    )
    title = html.escape(shown["info"]["title"])
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title>"
        "<style>body{font:16px sans-serif;margin:2em}td,th{text-align:left;padding:.2em 1em .2em 0}</style>"
        f"<h1>{title}</h1><p>Version {html.escape(shown['info']['version'])}. For machines: <a href=openapi.json>openapi.json</a>."
        f"<table><tr><th>Method<th>Path<th>What it does<th>Parameters and body{rows}</table></html>"
    )


def _takes(operation: dict[str, Any]) -> str:
    """Names, but for those of the path."""
    names = [f"?{one['name']}" if one["in"] == "query" else one["name"] for one in operation["parameters"] if one["in"] != "path"]
    if "requestBody" in operation:
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        names.append(schema.get("allOf", [schema])[0]["$ref"].rpartition("/")[2])
    return html.escape(", ".join(names))


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

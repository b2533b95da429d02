"""`/openapi.json` held against a running gateway: every operation is called, and every answer is what the description says."""

from collections.abc import AsyncIterator
from copy import deepcopy
from typing import Any
from uuid import uuid4

import httpx2
import msgspec
import pytest

from proxy.admin.openapi import document
from proxy.admin.reload import Reloaded
from proxy.api.handlers import admin_operations
from proxy.settings import Settings
from tests.support.admin import ADMIN_KEY, KEY, Administered, administered, two_providers
from tests.support.gateway import chat_body
from tests.support.require import require

DOCUMENT: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(document(admin_operations())))
NAMED = [(method, path) for path, methods in DOCUMENT["paths"].items() for method in methods]


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """`NEW` in its body and headers is made anew each time; `LAB` is an entity with a plan."""

    query: dict[str, Any] = {}
    body: Any = None
    headers: dict[str, str] = {}


USER = {"entity_type": "USER", "entity_id": "NEW"}
PLAN = {"default_limits": {"rpm": 5, "qps": 0.5}, "model_limits": {"plain": {"input_tpm": 9}}, "metadata": {"a": 1}, "active": True} | {
    "caps": {"monthly_usd": 5, "daily_usd": 1.5, "soft": True, "warn_at": 0.5, "raised": {"usd": 1, "until": 9e9}}
}
WHOLE_KEY = {"role": "client", "name": "n", "team": "t", "models": ["plain"], "limits": {"rpm": 3}, "monthly_budget_usd": 1.5} | {
    "expires_at": "2099-01-01T00:00:00Z",
    "allowed_ips": ["10.0.0.0/8"],
    "metadata": {"x": [1]},
    "scopes": ["usage"],
}
CALLS: dict[str, list[Call]] = {
    "get_admin_config": [Call(query={"origins": "true"})],
    "get_admin_route": [
        Call(query={"prompt": "hi", "needs": "vision", "header": ["a=b", "c=d"]}),
        Call(query={"tokens": "9", "stream": "true"}),
    ],
    "put_admin_weights": [Call(body={"weights": {"old/m": 3}}), Call(body={"weights": {}})],
    "post_admin_cache_purge": [Call(body={"model": "plain"}), Call(body={"tag": "a", "tenant": "acme", "key": "0" * 64})],
    "get_admin_usage": [
        Call(query={"by": "key,model,day", "since": "7d"}),
        Call(query={"format": "csv", "by": "tenant"}),
        Call(query={"format": "focus", "tenant": "acme"}),
    ],
    "get_admin_usage_records": [Call(query={"limit": "1"}), Call(query={"limit": "1", "served": "m", "provider": "old"})],
    "put_admin_tenant_budget": [Call(query={"monthly_cap": "12.5"})],
    "post_admin_key_create": [Call(body=WHOLE_KEY), Call(body={"role": "client", "door": "agent"}, headers={"Idempotency-Key": "NEW"})],
    "get_admin_keys": [Call(query={"limit": "1", "view": "full"}), Call(query={"status_filter": "active", "tenant_id": "acme"})],
    "patch_admin_key_update": [Call(body={"limits": {"burst": 9}, "name": None}), Call(body=WHOLE_KEY)],
    "put_admin_key_update": [Call(body={"role": "developer"})],
    "post_admin_key_revoke": [Call(body={"version": 1})],
    "post_admin_key_rotate": [
        Call(query={"overlap_seconds": "60"}),
        Call(body={"overlap_seconds": 0.5}),
        Call(headers={"Idempotency-Key": "NEW"}),
    ],
    "post_admin_plan_create": [Call(body=USER | PLAN), Call(body=USER)],
    "get_admin_plans": [Call(query={"limit": "1"}), Call(query={"entity_type": "USER", "tenant_id": "acme"})],
    "get_admin_plan": [Call(query={"tenant_id": "SYSTEM"})],
    "put_admin_plan_replace": [
        Call(query={"tenant_id": "SYSTEM"}, body=PLAN),
        Call(query={"tenant_id": "SYSTEM"}, body={"caps": {"daily_usd": 1}}),
    ],
    "delete_admin_plan_delete": [Call(query={"tenant_id": "SYSTEM"})],
    "post_create_plan_key": [Call(body=USER | {"default_limits": {"rpm": 5}})],
    "post_revoke_plan_key": [Call(body={"entity_type": "USER", "entity_id": "LAB"})],
}
"""By operationId, beside the plainest of each: one without anything, where no body is needed."""


class Walk:
    def __init__(self, edge: Administered) -> None:
        self._edge = edge
        self._validator = require("jsonschema", "holds answers against the description").Draft202012Validator

    async def call(self, method: str, path: str, call: Call, *, key: str = ADMIN_KEY) -> httpx2.Response:
        made_up = {"NEW": uuid4().hex, "LAB": uuid4().hex}
        names = {"model": "canary", "target": "new/org/m", "tenant": "acme"}
        if "{key_id}" in path:
            names["key_id"] = (await self._admin("/v1/admin/api-keys", {"role": "client", "tenant_id": "acme"}))["key_id"]
        if "{entity}" in path:
            await self._admin("/v1/admin/plans", {"entity_type": "USER", "entity_id": made_up["NEW"]})
            names["entity"] = f"USER/{made_up['NEW']}"
        if path == "/revoke-key":
            await self._admin("/create-key", {"entity_type": "USER", "entity_id": made_up["LAB"]})
        headers = {name: made_up.get(value, value) for name, value in call.headers.items()} | {"authorization": f"Bearer {key}"}
        body = None if call.body is None else {k: made_up.get(v, v) if isinstance(v, str) else v for k, v in call.body.items()}
        return await self._edge.client.request(method, path.format(**names), params=call.query, json=body, headers=headers)

    async def _admin(self, path: str, body: Any) -> dict[str, Any]:
        answer = await self._edge.client.request("POST", path, json=body, headers={"authorization": f"Bearer {ADMIN_KEY}"})
        assert answer.status_code == 200, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def wrong_with(self, schema: dict[str, Any], value: Any) -> list[str]:
        """What a validator says; of structs nothing may be there that is not described."""
        parts = deepcopy(DOCUMENT["components"])
        for one in parts["schemas"].values():
            if "properties" in one:
                one["additionalProperties"] = False
        return [error.message for error in self._validator({**schema, "components": parts}).iter_errors(value)]

    def check(self, operation: dict[str, Any], answer: httpx2.Response) -> None:
        """Its status, its kind, its headers and its body."""
        told = operation["responses"].get(str(answer.status_code)) or operation["responses"]["default"]
        if "$ref" in told:
            assert answer.status_code >= 400, answer.text
            told = DOCUMENT["components"]["responses"][told["$ref"].rpartition("/")[2]]
        kind = answer.headers["content-type"].partition(";")[0]
        assert kind in told["content"]
        assert ("etag" in answer.headers) == ("ETag" in told.get("headers", {}))
        if kind == "application/json":
            assert self.wrong_with(told["content"][kind]["schema"], answer.json()) == [], answer.text


async def reload() -> Reloaded:
    return Reloaded(version="b", previous="a", changed=("models",), warnings=("w",))


def config() -> Settings:
    return two_providers(cache={"enabled": True})


@pytest.fixture
async def edge() -> AsyncIterator[Administered]:
    async with administered(config(), reload=reload) as running:
        await running.client.post("/v1/chat/completions", json=chat_body(model="plain"), headers={"x-llm-edge-tags": "a,b"})
        yield running


def operation_of(method: str, path: str) -> dict[str, Any]:
    found: dict[str, Any] = DOCUMENT["paths"][path][method]
    return found


def body_schema(operation: dict[str, Any]) -> dict[str, Any] | None:
    request = operation.get("requestBody")
    return request["content"]["application/json"]["schema"] if request is not None else None


def calls_of(operation: dict[str, Any]) -> list[Call]:
    plain = [] if operation.get("requestBody", {}).get("required") or any(one.get("required") for one in queries(operation)) else [Call()]
    return plain + CALLS.get(operation["operationId"], [])


def queries(operation: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in operation["parameters"] if one["in"] == "query"]


async def test_it_is_served_as_it_was_read_here(edge: Administered) -> None:
    """To anybody, below the prefixes too."""
    for prefix in ("", "/llm-gateway"):
        answer = await edge.client.get(f"{prefix}/openapi.json", headers={"authorization": ""})
        assert answer.json() == DOCUMENT
    assert "<!doctype html>" in (await edge.client.get("/docs")).text


def test_the_calls_below_are_of_operations_that_there_are() -> None:
    """And each operation has one at least."""
    operations = [operation_of(*named) for named in NAMED]
    assert set(CALLS) <= {operation["operationId"] for operation in operations}
    assert all(calls_of(operation) for operation in operations)


@pytest.mark.parametrize(("method", "path"), NAMED)
async def test_what_is_described_is_taken_and_what_is_answered_is_described(edge: Administered, method: str, path: str) -> None:
    """With bodies and parameters that the description allows. What the configuration owns is refused, and described so."""
    walk, operation = Walk(edge), operation_of(method, path)
    for call in calls_of(operation):
        schema = body_schema(operation)
        if call.body is not None and schema is not None:
            assert walk.wrong_with(schema, call.body) == []
        assert set(call.query) <= {one["name"] for one in queries(operation)}
        answer = await walk.call(method, path, call)
        assert answer.status_code == (200 if "200" in operation["responses"] else 409), answer.text
        walk.check(operation, answer)


@pytest.mark.parametrize(("method", "path"), NAMED)
async def test_refusals_are_described(edge: Administered, method: str, path: str) -> None:
    """No key, a client's key, a version that does not hold, a field and a parameter that nobody knows."""
    walk, operation = Walk(edge), operation_of(method, path)
    call = calls_of(operation)[-1]
    for key, status in (("sk-nobody-0123456789", 401), (KEY, 403)):
        answer = await walk.call(method, path, call, key=key)
        assert answer.status_code == status
        walk.check(operation, answer)
    if any(one["name"] == "If-Match" for one in operation["parameters"]):
        answer = await walk.call(method, path, Call(query=call.query, body=call.body, headers={"If-Match": '"99999"'}))
        assert answer.status_code == 412, answer.text
        walk.check(operation, answer)
    schema = body_schema(operation)
    if schema is not None:
        wrong = (call.body or {}) | {"nonsense": 1}
        assert walk.wrong_with(schema, wrong) != []
        answer = await walk.call(method, path, Call(query=call.query, body=wrong))
        assert answer.status_code in (400, 422), answer.text
        walk.check(operation, answer)
    if queries(operation) and path != "/v1/admin/config":
        answer = await walk.call(method, path, Call(query=call.query | {"nonsense": "1"}, body=call.body))
        assert answer.status_code in (400, 422), answer.text
        walk.check(operation, answer)

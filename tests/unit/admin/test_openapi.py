"""The admin API's description (held against a running gateway: tests/integration/test_openapi.py)."""

from typing import Any

import orjson

from proxy.admin.idempotent_keys import MAX_CHARS
from proxy.admin.openapi import document, page
from proxy.admin.operations import OPERATIONS
from proxy.api.handlers import admin_operations
from tests.support.require import require

DOCUMENT = orjson.loads(orjson.dumps(document(admin_operations())))


def names(operation: dict[str, Any], where: str) -> list[str]:
    return [one["name"] for one in operation["parameters"] if one["in"] == where]


def test_it_is_openapi() -> None:
    """By the standard's own validator."""
    require("openapi_spec_validator", "validates the description").validate(DOCUMENT)


def test_parameters_of_the_path_are_named() -> None:
    shown = document([("GET", "/v1/admin/plans/{entity}", "admin_plan", False)])
    operation = shown["paths"]["/v1/admin/plans/{entity}"]["get"]
    assert names(operation, "path") == ["entity"]
    assert OPERATIONS["admin_plan"].words in page(shown)


def test_pages_versions_and_repeats_are_parameters() -> None:
    """`limit` and `after`, `If-Match`, `Idempotency-Key`: where they mean something."""
    keys, key = DOCUMENT["paths"]["/v1/admin/api-keys"], DOCUMENT["paths"]["/v1/admin/api-keys/{key_id}"]
    assert {"limit", "after"} <= set(names(keys["get"], "query"))
    assert names(keys["post"], "header") == ["Idempotency-Key"]
    assert keys["post"]["parameters"][0]["schema"]["maxLength"] == MAX_CHARS
    assert names(key["patch"], "header") == ["If-Match"]
    assert names(key["get"], "header") == []
    assert set(keys["get"]["responses"]["200"]["headers"]) == {"Link", "X-Next-After"}


def test_a_change_of_a_part_needs_no_field() -> None:
    """What gives the whole does."""
    key = DOCUMENT["paths"]["/v1/admin/api-keys/{key_id}"]
    bodies = {method: key[method]["requestBody"]["content"]["application/json"]["schema"] for method in ("patch", "put")}
    assert bodies["patch"] == {"$ref": "#/components/schemas/KeyBody"}
    assert bodies["put"] == {"allOf": [bodies["patch"], {"required": ["role"]}]}


def test_every_name_that_is_referred_to_is_there() -> None:
    """And there are three ways to show a key."""

    def references(value: Any) -> set[str]:
        if isinstance(value, dict):
            return {value["$ref"]} if "$ref" in value else set().union(*map(references, value.values()))
        return set().union(*map(references, value)) if isinstance(value, list) else set()

    parts = DOCUMENT["components"]
    known = {f"#/components/{kind}/{name}" for kind in ("schemas", "responses") for name in parts[kind]}
    assert references(DOCUMENT) == known
    assert all([name] == list(one) for name, one in zip(parts["securitySchemes"], DOCUMENT["security"], strict=True))


def test_the_page_names_bodies_and_parameters() -> None:
    """In one file that loads nothing."""
    shown = page(DOCUMENT)
    assert "Idempotency-Key, KeyBody" in shown
    assert "?status_filter" in shown
    assert "src=" not in shown
    assert "http://" not in shown

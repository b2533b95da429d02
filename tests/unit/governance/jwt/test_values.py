"""Values of claims."""

from typing import Any

import pytest

from proxy.governance.jwt.values import strings_at, value_at

CLAIMS = {
    "sub": "a",
    "custom:tenant": "t",
    "https://acme.example/tenant": "u",
    "realm_access": {"roles": ["x", 1, "y"]},
    "https://acme.example/app": {"meta.data": {"team": "z"}},
    "a.b": {"c": 1},
    "a": {"b": {"d": 2}},
    "scope": "read  write",
    "none": None,
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("sub", "a"),
        ("custom:tenant", "t"),
        ("https://acme.example/tenant", "u"),
        ("realm_access.roles", ["x", 1, "y"]),
        ("https://acme.example/app.meta.data.team", "z"),
        ("a.b.c", 1),
        ("a.b.d", None),
        ("realm_access.roles.x", None),
        ("missing", None),
        (".", None),
        ("sub.", None),
        ("none", None),
    ],
)
def test_by_name_or_path(path: str, value: Any) -> None:
    """The longest name that is there wins."""
    assert value_at(CLAIMS, path) == value


@pytest.mark.parametrize(
    ("path", "values"), [("scope", ["read", "write"]), ("realm_access.roles", ["x", "y"]), ("a.b.c", []), ("missing", [])]
)
def test_lists_of_strings(path: str, values: list[str]) -> None:
    """Words with spaces between them are a list."""
    assert strings_at(CLAIMS, path) == values

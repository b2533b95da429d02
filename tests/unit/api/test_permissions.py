"""Which scope a route needs (row by row: tests/contract/test_contract_p_route_scopes.py)."""

from typing import get_args

from proxy.api.permissions import BY_FAMILY, BY_PATH, scope_of
from proxy.core.identity import SCOPES
from proxy.core.route import Family


def test_every_family_has_its_line() -> None:
    """A new one can't be forgotten, and no scope is misspelt."""
    assert set(BY_FAMILY) == set(get_args(Family))
    assert {scope for scope in (*BY_FAMILY.values(), *BY_PATH.values()) if scope is not None} <= set(SCOPES)


def test_what_needs_none() -> None:
    """Public routes, lists of models, and those that the auth wrapper judges."""
    assert scope_of("openai", "/v1/chat/completions", public=False) == "models:openai"
    assert scope_of("invoke", "/v1/usage", public=False) == "usage"
    assert scope_of("openai", "/v1/models", public=False) is None
    assert scope_of("ops", "/metrics", public=True) is None
    assert scope_of("admin", "/v1/admin/api-keys", public=False) is None

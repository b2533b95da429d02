"""Values of claims: where they stand, and as what they are taken."""

from typing import Any


def value_at(claims: dict[str, Any], path: str) -> Any:
    """By name, else by a dotted path through objects (`realm_access.roles`). A name may hold dots and colons itself
    (`https://acme.example/tenant`, `custom:tenant`): the longest one that is there is taken. None: nothing is there."""
    if path in claims:
        return claims[path]
    at = path.rfind(".")
    while at > 0:
        inner = claims.get(path[:at])
        if isinstance(inner, dict):
            return value_at(inner, path[at + 1 :])
        at = path.rfind(".", 0, at)
    return None


def strings_at(claims: dict[str, Any], path: str) -> list[str]:
    """Of a list of strings, or of one string with spaces between them (as `scope` has). Anything else is none."""
    value = value_at(claims, path)
    if isinstance(value, str):
        return value.split()
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []

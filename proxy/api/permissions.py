"""Which scope a route needs: one table by family, and the exceptions. docs/identity.md shows it."""

from proxy.core.identity import ADMIN, AGENTS, USAGE
from proxy.core.route import Family

BY_FAMILY: dict[Family, str | None] = {
    "openai": "models:openai",
    "anthropic": "models:anthropic",
    "bedrock": "models:bedrock",
    "gemini": "models:gemini",
    "agents": AGENTS,
    "invoke": AGENTS,
    "admin": ADMIN,
    "ops": None,
}
"""`admin`: `admin_read` is enough for GET. Operations: any key, where they need one at all."""

BY_PATH: dict[str, str | None] = {
    "/v1/usage": USAGE,
    "/v1/models": None,
    "/v1/models/{model}": None,
    "/v1beta/models": None,
    "/v1beta/models/{model}": None,
}
"""Lists of models are shared by families, and show each key what it may use."""


def scope_of(family: Family, path: str, *, public: bool) -> str | None:
    """None: any key, or none where the route is public. Admin routes are judged apart (`rbac.check_admin`)."""
    if public or family == "admin":
        return None
    return BY_PATH.get(path, BY_FAMILY[family])

"""The environment names of the AWS lab's gateway that make an issuer: a Cognito user pool.

Source: Cognito's developer guide, "Verifying a JSON web token", read 2026-11-26: access tokens have `client_id` and `token_use: access`
and no `aud`, groups are in `cognito:groups`.
"""

from collections.abc import Callable

from proxy.settings.base import split_list
from proxy.settings.layers import Layer

POOL = "COGNITO_USER_POOL_ID"
SYSTEM = "SYSTEM"
"""The tenant of W's usage plans that name none."""
LOCAL_USER = "test-user-123"
ROLES = {"super_admin": "admin", "platform_admin": "admin", "platform_user": "client"}


def cognito_layer(get: Callable[[str], str | None], origin: Callable[[str], str]) -> Layer:
    """`get`: a name's value; `origin`: how it is named in messages. Empty without a pool."""
    layer = Layer()
    pool = (get(POOL) or "").strip()
    if not pool:
        return layer
    region = (get("AWS_DEFAULT_REGION") or get("AWS_REGION") or pool.partition("_")[0]).strip()
    issuer = f"https://cognito-idp.{region}.amazonaws.com/{pool}"
    machine = (get("COGNITO_M2M_CLIENT_ID") or "").strip()
    clients = [client for client in ((get("COGNITO_USER_CLIENT_ID") or "").strip(), machine) if client]
    entry = {
        "issuer": issuer,
        "jwks_url": f"{issuer}/.well-known/jwks.json",
        "audience": clients,
        "audience_claim": "client_id",
        "algorithms": ["RS256"],
        "required": {"token_use": ["access"]},
        "claims": {"groups": "cognito:groups"},
        "roles": ROLES,
        "tenant": SYSTEM,
        "services": {machine: split_list(get("COGNITO_M2M_SERVICE_IDS") or "")} if machine else {},
    }
    layer.put(("auth", "jwt"), [entry], origin(POOL))
    if (get("ENVIRONMENT") or "").strip().lower() == "local":
        layer.put(("auth", "local_user"), LOCAL_USER, origin("ENVIRONMENT"))
    return layer

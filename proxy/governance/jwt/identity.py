"""Which principal a token makes, by the mapping of its issuer."""

import re
from hashlib import sha256
from typing import Any

from proxy.core.identity import BUILT_IN, Principal, Roles
from proxy.governance.jwt.refusal import TokenRefused
from proxy.governance.jwt.values import strings_at, value_at
from proxy.settings.jwt import GATEWAY_ADMIN, ClaimField, JwtSettings

_ID = re.compile(r"[^\s\x00-\x1f\x7f{}](?:[^\x00-\x1f\x7f{}]{0,254}[^\s\x00-\x1f\x7f{}])?")
"""No control characters, no space around it, none of what names of counters are put together with."""
ACT_AS_ONE = "act_as:"
"""Before a service id: the scope to be metered as that service."""


class Mapping:
    """What an issuer's tokens say, in our words."""

    def __init__(self, issuer: JwtSettings, roles: Roles = BUILT_IN) -> None:
        self._issuer = issuer
        self._claims = issuer.claims
        self._roles = roles

    def principal(self, claims: dict[str, Any]) -> Principal:
        """Raises TokenRefused where a claim is missing, or is none that could be what it is to be."""
        issuer = self._issuer
        subject = _text(claims, "sub")
        client = self._one(claims, "client") if "client" in self._claims else _text(claims, "client_id") or _text(claims, "azp")
        service = self._one(claims, "service")
        if not service and client and (client in issuer.services or subject == client):
            service = client
        user = "" if service else self._one(claims, "user") if "user" in self._claims else subject
        who = service or user or client
        if not who:
            raise TokenRefused("it names nobody: it has neither `sub` nor `client_id`")
        key_id = f"jwt_{sha256(chr(0).join((issuer.issuer, 'service' if service else 'user', who)).encode()).hexdigest()[:16]}"
        said = self._said(claims)
        role = next((role for name, role in issuer.roles.items() if name in said), "client")
        granted = [scope for name, scope in issuer.scopes.items() if name in said]
        if role == GATEWAY_ADMIN:
            role, tenant = "admin", key_id
        else:
            tenant = self._tenant(claims) or key_id
        scopes = self._roles.beside(role, granted) | self._acts_for(client)
        return Principal(
            key_id=key_id,
            tenant=tenant,
            role=role,
            scopes=scopes,
            models=self._list(claims, "models"),
            agents=self._list(claims, "agents"),
            user=user,
            service=service,
            team=self._one(claims, "team"),
            project=self._one(claims, "project"),
        )

    def _tenant(self, claims: dict[str, Any]) -> str:
        """ "": its own. Where tenants are told by a claim a token without it belongs to `tenant`, or to nobody."""
        issuer = self._issuer
        tenant = self._one(claims, "tenant") or issuer.tenant
        if tenant is None:
            if "tenant" in self._claims:
                raise TokenRefused(f"it has no claim `{self._claims['tenant']}`, which names the tenant")
            return ""
        if issuer.tenants and tenant not in issuer.tenants:
            raise TokenRefused("its issuer may not speak for the tenant that it names")
        return tenant

    def _said(self, claims: dict[str, Any]) -> frozenset[str]:
        paths = [path for field, path in self._claims.items() if field in ("role", "groups")]
        paths += [self._claims["scopes"]] if "scopes" in self._claims else ["scope", "scp"]
        return frozenset(word for path in paths for word in (*strings_at(claims, path), *_whole(claims, path)))

    def _acts_for(self, client: str) -> frozenset[str]:
        services = self._issuer.services.get(client, ())
        return frozenset("act_as" if service == "*" else f"{ACT_AS_ONE}{service}" for service in services)

    def _one(self, claims: dict[str, Any], field: ClaimField) -> str:
        path = self._claims.get(field)
        return _text(claims, path) if path is not None else ""

    def _list(self, claims: dict[str, Any], field: ClaimField) -> frozenset[str] | None:
        """None: no such claim is mapped. One that is mapped and missing allows nothing."""
        path = self._claims.get(field)
        return frozenset(strings_at(claims, path)) if path is not None else None


def _text(claims: dict[str, Any], path: str) -> str:
    """ "" where it is missing. Raises TokenRefused where it is there and is no id."""
    value = value_at(claims, path)
    if value is None:
        return ""
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise TokenRefused(f"its claim `{path}` is no id: up to 256 characters without control characters and braces")
    return value


def _whole(claims: dict[str, Any], path: str) -> tuple[str, ...]:
    """A group may have a space in its name."""
    value = value_at(claims, path)
    return (value,) if isinstance(value, str) else ()

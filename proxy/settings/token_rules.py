"""What no single field of `auth.jwt` can judge. Each rule yields (path, message)."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from proxy.core.identity import BUILT_IN_ROLES
from proxy.settings.errors import Path
from proxy.settings.jwt import GATEWAY_ADMIN, JwtSettings
from proxy.settings.suggest import did_you_mean

if TYPE_CHECKING:
    from proxy.settings.root import Settings

Broken = Iterator[tuple[Path, str]]
LIBRARIES = ("jwt", "cryptography")


def token_rules(settings: Settings) -> Broken:
    issuers = settings.auth.jwt
    if issuers and not all(find_spec(name) for name in LIBRARIES):
        yield ("auth", "jwt"), "needs the extra: pip install 'llm-edge[oidc]'"
    roles = [*BUILT_IN_ROLES, *settings.auth.roles, GATEWAY_ADMIN]
    seen: set[str] = set()
    for index, issuer in enumerate(issuers):
        path: Path = ("auth", "jwt", index)
        if issuer.issuer in seen:
            yield (*path, "issuer"), "given twice: an issuer has one entry, whose `audience` may be a list"
        seen.add(issuer.issuer)
        yield from _place(issuer, path)
        for name, role in issuer.roles.items():
            if role not in roles:
                yield (*path, "roles", name), f"unknown role {role}{did_you_mean(role, roles)}; known: {', '.join(roles)}"
        if "tenant" in issuer.claims and issuer.tenant and issuer.tenants and issuer.tenant not in issuer.tenants:
            yield (*path, "tenant"), "is not one of `tenants`"
        if issuer.ca_file is not None and not issuer.ca_file.is_file():
            yield (*path, "ca_file"), f"no file {issuer.ca_file}"


def local_user(settings: Settings) -> Broken:
    """Only for a gateway about to listen."""
    if settings.auth.local_user is not None and not settings.server.loopback and not settings.insecure:
        yield (
            ("auth", "local_user"),
            f"(ENVIRONMENT=local with COGNITO_USER_POOL_ID) lets anybody in: only on a loopback address (server.host is "
            f"{settings.server.host}: set HOST=127.0.0.1) or with --insecure",
        )


def _place(issuer: JwtSettings, path: Path) -> Broken:
    url, field = (issuer.jwks_url, "jwks_url") if issuer.jwks_url is not None else (issuer.issuer, "issuer")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        yield (*path, "issuer"), "is no URL, so it has no discovery document: set jwks_url"
    elif parts.scheme == "http" and not issuer.allow_http and not _loopback(parts.hostname):
        yield (*path, field), "is http://: whoever is on the way could bring keys of his own; use https, or set allow_http: true"


def _loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

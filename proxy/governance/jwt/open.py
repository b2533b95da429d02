"""From settings to what verifies tokens."""

from collections.abc import Mapping as Table

from proxy.core.clock import Clock
from proxy.core.identity import Principal, Roles
from proxy.core.tasks import TaskSupervisor
from proxy.governance.jwt.fetching import IssuerFetch
from proxy.governance.jwt.identity import Mapping
from proxy.governance.jwt.jwks import Jwks
from proxy.governance.jwt.tokens import Issuer, Tokens
from proxy.settings.auth import AuthSettings
from proxy.settings.cognito import SYSTEM
from proxy.settings.jwt import JwtSettings
from proxy.transport.tls import client_context, system_context


def open_tokens(auth: AuthSettings, clock: Clock, tasks: TaskSupervisor, old: Tokens | None = None) -> Tokens | None:
    """None: no issuer is configured, or authentication is off. `old`: of the configuration before: keys are taken over from it, so that a
    reload while an issuer is down loses none. `Tokens.keep` is to be started. Raises ValueError for a CA file that is none."""
    if not auth.enabled or not auth.jwt:
        return None
    roles = Roles({name: role.scopes for name, role in auth.roles.items()})
    known = old.issuers if old is not None else {}
    issuers = {s.issuer: Issuer(s, Mapping(s, roles), _jwks(s, clock, tasks, known)) for s in auth.jwt}
    return Tokens(issuers, clock, ttl_s=auth.token_cache_ttl_s, size=auth.key_cache_size)


def local_user(auth: AuthSettings) -> Principal | None:
    """W's `ENVIRONMENT=local`; the settings have made sure that only this machine can reach the gateway."""
    if auth.local_user is None:
        return None
    return Principal(key_id="local_user", tenant=SYSTEM, user=auth.local_user, name="ENVIRONMENT=local", configured=True)


def _jwks(issuer: JwtSettings, clock: Clock, tasks: TaskSupervisor, known: Table[str, Issuer]) -> Jwks:
    tls = client_context(ca_file=str(issuer.ca_file)) if issuer.ca_file is not None else system_context()
    before = known.get(issuer.issuer)
    same = before is not None and before.settings.jwks_url == issuer.jwks_url
    return Jwks(
        issuer.issuer,
        IssuerFetch(issuer.issuer, issuer.jwks_url, tls=tls, allow_http=issuer.allow_http),
        clock,
        tasks,
        refresh_s=issuer.jwks_refresh_s,
        min_refresh_s=issuer.jwks_min_refresh_s,
        keys=before.jwks.keys if before is not None and same else None,
    )

"""Who is calling, and what it may do. docs/identity.md has the list of scopes and roles for people."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

import msgspec

from proxy.core.entities import Caps, Entity, Limits

PROVIDER_OBJECTS = "provider_objects"
"""The scope to name objects in the provider's account: files, vector stores, conversations, containers, stored prompts, cached contents."""
ROUTING = "routing"
"""The scope to choose the way of one's own requests by header: `x-llm-edge-strategy`, `x-llm-edge-debug`, `x-llm-edge-fallbacks`."""
MODELS = "models"
"""To call models through any family of routes. `models:openai` and its like: through that family alone."""
AGENTS = "agents"
"""Sessions, plans, runs, agents and their jobs."""
TOOLS = "tools"
"""To bring tools of one's own to agents."""
USAGE = "usage"
"""To read one's own usage."""
ACT_AS = "act_as"
"""To name the metered entity by header: `X-Service-ID`, `X-IDENTIFIER`."""
ADMIN = "admin"
"""Everything, as role admin."""
ADMIN_READ = "admin_read"
"""To read what administrators may read, and to change nothing."""
MODEL_FAMILIES = ("openai", "anthropic", "bedrock", "gemini")

SCOPES: dict[str, str] = {
    MODELS: "call models through any API",
    "models:openai": "call models through OpenAI's API",
    "models:anthropic": "call models through Anthropic's API",
    "models:bedrock": "call models through Bedrock's API",
    "models:gemini": "call models through Gemini's API",
    AGENTS: "sessions, plans, runs, agents and their jobs",
    TOOLS: "bring tools of one's own to agents",
    USAGE: "read one's own usage",
    ACT_AS: "name the metered entity by header (X-Service-ID, X-IDENTIFIER)",
    PROVIDER_OBJECTS: "name files, conversations and other objects in the provider's account",
    ROUTING: "choose the way of one's own requests by header",
    ADMIN_READ: "read what the admin API shows, change nothing",
    ADMIN: "the admin API and everything else",
}
"""All that mean something, each with what it allows."""

_EVERYDAY = frozenset({MODELS, *(f"{MODELS}:{family}" for family in MODEL_FAMILIES), AGENTS, USAGE})
BUILT_IN_ROLES: dict[str, frozenset[str]] = {
    "client": _EVERYDAY,
    "developer": _EVERYDAY | {TOOLS},
    "admin": frozenset(SCOPES),
}


def expand(scopes: Iterable[str]) -> frozenset[str]:
    """With what they include: `models` is every family's, `admin` is all (`provider_objects` for those of no tenant: `has_scope`)."""
    found = frozenset(scopes)
    if ADMIN in found:
        return found | (BUILT_IN_ROLES[ADMIN] - {PROVIDER_OBJECTS})
    return found | {f"{MODELS}:{family}" for family in MODEL_FAMILIES} if MODELS in found else found


class Roles:
    """What roles allow: the built-in ones, and those of `auth.roles`."""

    def __init__(self, own: Mapping[str, Iterable[str]] | None = None) -> None:
        self._scopes = {name: expand(scopes) for name, scopes in (own or {}).items()} | BUILT_IN_ROLES

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self._scopes))

    def scopes(self, role: str) -> frozenset[str]:
        """An unknown role (its configuration is gone) allows nothing."""
        return self._scopes.get(role, frozenset())

    def beside(self, role: str, more: Iterable[str] = ()) -> frozenset[str]:
        """A Principal's `scopes`, for a role and what was granted apart from it."""
        return expand(more) if role in BUILT_IN_ROLES else self.scopes(role) | expand(more)


BUILT_IN = Roles()


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """An authenticated caller. `key_id` is safe to log; the key itself never gets here."""

    key_id: str
    tenant: str
    role: str = "client"
    """admin | developer | client | one of `auth.roles`."""
    name: str = ""
    scopes: frozenset[str] = frozenset()
    """Beside what a built-in role has; those of a role of `auth.roles` are among them."""
    models: frozenset[str] | None = None
    """Model names the key may use; None: all."""

    agents: frozenset[str] | None = None
    """Agents that it may call; None: all."""
    user: str = ""
    service: str = ""
    team: str = ""
    project: str = ""
    """Who it acts for, by their ids; "": nobody in particular."""
    limits: Limits | None = None
    """The key's own; None: `limits.default`."""
    caps: Caps | None = None
    """The key's own budget; None: `budgets.default_monthly_usd`."""
    allowed_ips: tuple[str, ...] = ()
    """Networks that it may come from; empty: any."""
    metered: Entity | None = None
    """Whom it is metered as instead of itself, where it may act for others (`act_as`)."""
    defaults: bool = True
    """Whether the defaults for keys without limits and budgets of their own apply: not to `LLM_EDGE_ADMIN_KEY`."""
    configured: bool = False
    """Whether it stands in the settings: it is served while no record store was ever reached."""
    purpose: str = ""
    """Of the gateway's own requests: `shadow` or `revalidate`; "" for everybody else's."""

    @property
    def limited(self) -> bool:
        """Whether it has limits or budgets of its own."""
        return self.limits is not None or self.caps is not None

    def has_scope(self, scope: str) -> bool:
        """An administrator has all of them; a tenant's administrator lacks `provider_objects`, for tenants share the provider's account."""
        if scope in self.scopes:
            return True
        if scope == PROVIDER_OBJECTS:
            return self.is_admin and self.tenant == self.key_id
        return scope in BUILT_IN_ROLES.get(self.role, ())

    @property
    def is_admin(self) -> bool:
        return self.role == "admin" or ADMIN in self.scopes

    def may_come_from(self, address: str) -> bool:
        """`address`: the client's; "": unknown."""
        return not self.allowed_ips or in_networks(self.allowed_ips, address)

    def may_call(self, agent: str) -> bool:
        """By its name; `*` allows all."""
        return self.agents is None or agent in self.agents or "*" in self.agents

    def entities(self) -> tuple[Entity, ...]:
        """All that it counts for, the key first and the tenant last."""
        named = (("USER", self.user), ("SERVICE", self.service), ("DEPARTMENT", self.team), ("PROJECT", self.project))
        found = [Entity("API_KEY", self.key_id, self.tenant)]
        found += [Entity(type_, id_, self.tenant) for type_, id_ in named if id_]  # type: ignore[arg-type]
        if self.metered is not None and self.metered not in found:
            found.append(self.metered)
        return (*found, Entity("TENANT", self.tenant, self.tenant))

    def may_use(self, name: str | None, provider: str, model: str) -> bool:
        """The target, reached by an entry's name. A name on the list allows what is reached by it; `provider/model` allows that one target
        however it is reached; `*` allows all."""
        models = self.models
        return models is None or name in models or f"{provider}/{model}" in models or "*" in models


ANONYMOUS = Principal(key_id="anonymous", tenant="anonymous", role="admin", name="authentication is off", configured=True)


@lru_cache(maxsize=4096)
def in_networks(networks: tuple[str, ...], address: str) -> bool:
    """Whether it lies in one of them (addresses, or CIDR); an IPv4 address may be written as IPv6. What is no address lies nowhere."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    return any(ip in ip_network(network, strict=False) for network in networks)

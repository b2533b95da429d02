"""Who is calling."""

import msgspec

from proxy.core.entities import Caps, Entity, Limits

PROVIDER_OBJECTS = "provider_objects"
"""The scope to name objects in the provider's account: files, vector stores, conversations, containers, stored prompts, cached contents."""
ROUTING = "routing"
"""The scope to choose the way of one's own requests by header: `x-llm-edge-strategy`, `x-llm-edge-debug`, `x-llm-edge-fallbacks`."""
SCOPES = frozenset({PROVIDER_OBJECTS, ROUTING})
"""All that mean something in this version."""


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """An authenticated caller. `key_id` is safe to log; the key itself never gets here."""

    key_id: str
    tenant: str
    role: str = "client"
    """admin | developer | client."""
    name: str = ""
    scopes: frozenset[str] = frozenset()
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
    purpose: str = ""
    """Of the gateway's own requests: `shadow` or `revalidate`; "" for everybody else's."""

    @property
    def limited(self) -> bool:
        """Whether it has limits or budgets of its own."""
        return self.limits is not None or self.caps is not None

    def has_scope(self, scope: str) -> bool:
        """An administrator has all of them."""
        return scope in self.scopes or self.role == "admin"

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


ANONYMOUS = Principal(key_id="anonymous", tenant="anonymous", role="admin", name="authentication is off")

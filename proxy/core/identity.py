"""Who is calling."""

import msgspec

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

    purpose: str = ""
    """Of the gateway's own requests: `shadow` or `revalidate`; "" for everybody else's."""

    def has_scope(self, scope: str) -> bool:
        """An administrator has all of them."""
        return scope in self.scopes or self.role == "admin"

    def may_use(self, name: str | None, provider: str, model: str) -> bool:
        """The target, reached by an entry's name. A name on the list allows what is reached by it; `provider/model` allows that one target
        however it is reached; `*` allows all."""
        models = self.models
        return models is None or name in models or f"{provider}/{model}" in models or "*" in models


ANONYMOUS = Principal(key_id="anonymous", tenant="anonymous", role="admin", name="authentication is off")

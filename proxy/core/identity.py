"""Who is calling."""

import msgspec


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


ANONYMOUS = Principal(key_id="anonymous", tenant="anonymous", role="admin", name="authentication is off")

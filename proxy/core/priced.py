"""What budgets have to know of targets; `pipeline/quoting.py` knows it, and is found by its shape alone."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from proxy.core.pricing import Tariff


class Priced(msgspec.Struct, frozen=True, kw_only=True):
    """One target."""

    tariff: Tariff | None
    """None: it has no price."""
    instead: Tariff | None = None
    """Where something of it has none."""
    usual: tuple[int, int] | None = None
    """What `Tariff.ceiling` says of every ordinary call (`Tariff.always`); None: it has to be asked."""
    free: bool = False
    written_unasked: bool = True
    """Prompts may be written to the provider's cache without the client's asking for it."""
    context_tokens: int | None = None
    max_output_tokens: int | None = None
    image_tokens: int | None = None


class Prices(Protocol):
    def of(self, provider: str, model: str) -> Priced: ...

    def targets(self, name: str) -> Sequence[tuple[str, str, str]]:
        """(entry, provider, model) of all that may answer for a model's name, its fallbacks too; empty: nobody."""
        ...

"""Where claims are taken and settled: counters of one process, or of all that share a Redis (contracts E and G).

    prepare(groups)             once for the rules of a principal and a model
    claim(…, part)              all or nothing; `first` then `rest` where the store is in the process, `all` in one flush where it is Redis
    settle(…)                   once, idempotent by request id: what was not used goes back, an overrun is debited to the current window

`immediate` says whether the methods have done their work when they return: a caller awaits nothing then.
"""

from collections.abc import Awaitable, Sequence
from typing import Protocol

from proxy.core.claims import Amounts, Group, Outcome, Part, Spend


class Prepared(Protocol):
    """Rules as a store keeps them for use."""

    @property
    def groups(self) -> Sequence[Group]: ...


class AdmissionStore(Protocol):
    immediate: bool

    def prepare(self, groups: Sequence[Group]) -> Prepared: ...

    def claim(self, rules: Prepared, request_id: str, amounts: Amounts, part: Part = "all") -> Outcome | Awaitable[Outcome]:
        """`rest` twice for one request: a further call of it, whose tokens and money come on top."""
        ...

    def settle(self, rules: Prepared, request_id: str, used: Amounts) -> Awaitable[None] | None:
        """The second time, and without a claim, it does nothing. Slots go back, too."""
        ...

    def restore(self, spend: Spend, tag: str, nanos: int) -> Awaitable[None] | None:
        """Set a missing counter to what the ledger has, unless somebody was faster."""
        ...

    def read(self, rules: Prepared) -> Outcome | Awaitable[Outcome]:
        """How full everything is; takes nothing."""
        ...

    def keep(self, request_ids: Sequence[str]) -> Awaitable[None] | None:
        """Renew the leases of slots whose requests go on."""
        ...

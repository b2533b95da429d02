"""Where claims are taken and settled: counters of one process, or of all that share a Redis (contracts E and G).

    prepare(groups)             once for the rules of a principal and a model
    claim(…, part)              all or nothing; `first` then `rest` where the store is in the process, `all` in one flush where it is Redis
    settle(…)                   once, idempotent by request id: what was not used goes back, an overrun is debited to the current window

`immediate` says whether the methods have done their work when they return: a caller awaits nothing then.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, Protocol, TypeVar

from proxy.core.claims import Amounts, Group, Outcome, Part, Spend


class Prepared(Protocol):
    """Rules as a store keeps them for use."""

    @property
    def groups(self) -> Sequence[Group]: ...


Rules = TypeVar("Rules", bound=Prepared)


class Recount(NamedTuple):
    """For a counter that is restored while others may still owe the ledger something: there are looked up again the requests that began
    `before`, unix seconds."""

    before: int
    ledger: Callable[[], Awaitable[int]]
    """Raises EdgeError."""


class AdmissionStore(Protocol[Rules]):
    immediate: bool

    def prepare(self, groups: Sequence[Group]) -> Rules: ...

    def claim(self, rules: Rules, request_id: str, amounts: Amounts, part: Part = "all") -> Outcome | Awaitable[Outcome]:
        """`rest` twice for one request: a further call of it, whose tokens and money come on top."""
        ...

    def settle(self, rules: Rules, request_id: str, used: Amounts) -> Outcome | Awaitable[Outcome]:
        """The second time, and without a claim, it does nothing. Slots go back, too; `requests=0`: so does the request. The readings are
        those of the money counters afterwards."""
        ...

    def restore(self, spend: Spend, tag: str, nanos: int, later: "Recount | None" = None) -> Awaitable[None] | None:
        """Set a missing counter to what the ledger has, unless somebody was faster. `later`: where many processes count."""
        ...

    def standing(self, rules: Rules) -> tuple[int, ...] | None:
        """For headers, of what `rules` have: (limit, left, Unix seconds of more) of the tightest window of requests, input tokens left,
        output tokens left. None: it has to be read."""
        ...

    def read(self, rules: Rules) -> Outcome | Awaitable[Outcome]:
        """How full everything is; takes nothing."""
        ...

    def keep(self, request_ids: Sequence[str]) -> Awaitable[None] | None:
        """Renew the leases of slots whose requests go on."""
        ...

"""The records that routing is configured with, and what it returns."""

from collections.abc import Iterator
from itertools import count
from typing import TYPE_CHECKING

import msgspec

from proxy.routing.gate import GateRules
from proxy.routing.retry_budget import RetryBudget
from proxy.routing.rules import FallbackList, RouteRules

if TYPE_CHECKING:
    from proxy.core.errors import EdgeError
    from proxy.routing.candidate import Candidate
    from proxy.routing.strategy import Strategy


class Target(msgspec.Struct, frozen=True, omit_defaults=True):
    """One deployment as the configuration has it: a provider and the model name that it knows."""

    provider: str
    model: str
    weight: float = 1.0
    priority: int = 0
    """The lowest is tried first; equal ones in their order."""
    quality: float | None = None
    """0 to 1, by the operator's own judgement; None: not judged."""
    region: str | None = None
    tags: tuple[str, ...] = ()
    gate: GateRules | None = None
    """None: unbounded."""

    @property
    def id(self) -> str:
        return f"{self.provider}/{self.model}"


class RouteTimeouts(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds; None: unbounded. `first_token_s` and `between_chunks_s` bind streams only (PRODUCT.md, Configuration)."""

    connect_s: float | None = 5.0
    first_token_s: float | None = None
    between_chunks_s: float | None = None
    total_s: float = 600.0


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """What a model's name resolves to."""

    name: str
    """The entry's name or pattern; label-safe: configured, never the client's text."""
    strategy: str
    targets: "tuple[Candidate, ...]"
    timeouts: RouteTimeouts
    digest: str
    """Changes when the entry changes: part of the cache key (contract J)."""
    chooser: "Strategy"
    """The strategy, made for this entry."""
    wants: int = 0
    """Bits of `strategies`: what has to be found out of a request."""
    rules: RouteRules = RouteRules()
    settled: "Decision | None" = None
    """The decision, where there is nothing to weigh: one target, no rule that looks at the request."""
    warning: str | None = None
    turns: Iterator[int] = msgspec.field(default_factory=count)
    """How many requests came before."""
    asked: "Wishes | None" = None
    """What the request wants otherwise than the entry; then nothing is settled."""
    left_out: "tuple[Rejected, ...]" = ()
    """Targets that cannot do what is asked at all."""
    content_within_s: float | None = None
    """Streams: from the beginning of a try to its first content, in seconds; None: as long as the request has."""
    falls_back: bool = False
    """There are other entries that it may fall back to."""
    budget: RetryBudget = msgspec.field(default_factory=RetryBudget)
    """Shared by all routes of the entry."""
    sole: "Candidate | None" = None
    """Follows from the others: the only target, where nothing of a request or of another entry can change what is tried first, and nothing
    is shared out at it."""

    def __post_init__(self) -> None:
        rules, settled = self.rules, self.settled
        plain = (
            settled is not None and len(settled.order) == 1 and not self.falls_back and rules.hedge is None and not rules.continue_streams
        )
        sole = settled.order[0] if settled is not None and plain and rules.retry.attempts > 0 else None
        msgspec.structs.force_setattr(self, "sole", sole if sole is not None and sole.gate is None else None)

    def only(self, targets: "tuple[Candidate, ...]", reason: str = "it cannot do what is asked") -> "Route":
        """The same with some of its targets; `reason`: why without the others."""
        settled = Decision(targets, "the only target that can do it") if len(targets) == 1 and self.asked is None else None
        gone = tuple(Rejected(candidate, reason) for candidate in self.targets if candidate not in targets)
        return msgspec.structs.replace(self, targets=targets, settled=settled, left_out=self.left_out + gone)

    @property
    def attempts(self) -> int:
        """Tries on the wire over all targets of one request."""
        return self.rules.retry.attempts


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """Of one request, by header."""

    tags: frozenset[str] = frozenset()
    """In lower case; `region=…` among them."""
    debug: bool = False
    """The answer's head says how the target was chosen."""


class Rejected(msgspec.Struct, frozen=True):
    target: "Candidate"
    reason: str


class Decision(msgspec.Struct, frozen=True):
    """`order`: best first; a fallback goes down the list. `rejected`: what was left out, or put behind because it rests."""

    order: "tuple[Candidate, ...]"
    reason: str
    rejected: tuple[Rejected, ...] = ()
    refusal: "EdgeError | None" = None
    """Why `order` is empty, where other entries may stand in."""
    instead: FallbackList = "fallbacks"
    """Which list stands in where `order` is empty: where the prompt is known to be too long for all of them, another one."""

"""What the pipeline works with: built once by the composition root, frozen for the life of a configuration."""

from collections.abc import Mapping
from random import Random
from typing import TYPE_CHECKING, Literal, Protocol

import msgspec

from proxy.cache.flight import Flights
from proxy.cache.meter import Tier
from proxy.cache.policy import CacheRules
from proxy.cache.tiered import TieredCache
from proxy.codecs.base import Codec
from proxy.core.clock import Clock
from proxy.core.context import AttemptRecord
from proxy.core.lifecycle import Lifecycle
from proxy.core.tasks import TaskSupervisor
from proxy.pipeline.background import Background, NoBackground
from proxy.pipeline.charge import Charges
from proxy.pipeline.inline_media import FetchRules
from proxy.pipeline.shadow_budget import ShadowBudget
from proxy.providers.base import Provider
from proxy.routing.health import HealthBook
from proxy.routing.hedge import HedgeBook, HedgeResult, Withheld
from proxy.routing.retry_budget import RetryBudgets
from proxy.routing.table import RouteTable
from proxy.storage.hot.board import Board
from proxy.storage.responses import ResponseRecords

if TYPE_CHECKING:
    from proxy.pipeline.semantic import Semantic


class PipelineMeter(Protocol):
    """Counters that only the pipeline can see."""

    def attempt_done(self, record: AttemptRecord) -> None: ...

    def single_flight_joined(self, tier: Tier) -> None:
        """`tier` l2: a call that another process makes."""
        ...

    def single_flight_handed_over(self) -> None: ...

    def semantic_hit(self) -> None: ...

    def revalidated(self, ok: bool) -> None: ...

    def shadow(self, outcome: str) -> None:
        """done | failed | over_budget | too_many"""
        ...

    def stream_truncated(self, provider: str) -> None: ...

    def response_unrecorded(self) -> None: ...

    def retried(self, failure: str, role: str) -> None:
        """A further try, after a failure of that class."""
        ...

    def fell_back(self, asked: str, entry: str, failure: str) -> None:
        """From one entry to another, by their configured names."""
        ...

    def attempts_stopped(self, entry: str, reason: str) -> None:
        """A request's attempts ended without an answer."""
        ...

    def hedged(self, entry: str, result: HedgeResult) -> None: ...

    def hedge_withheld(self, entry: str, reason: Withheld) -> None: ...

    def stream_continued(self, entry: str, result: Literal["continued", "failed"]) -> None: ...


class ResponseRules(msgspec.Struct, frozen=True, kw_only=True):
    """The responses section of the configuration, as far as it decides."""

    keep: bool = True
    ttl_s: float = 2_592_000.0
    max_bytes: int = 1024 * 1024


class Pipeline(msgspec.Struct, frozen=True, kw_only=True):
    codecs: Mapping[str, Codec]
    routes: RouteTable
    providers: Mapping[str, Provider]
    charges: Charges
    cache: TieredCache
    cache_rules: CacheRules
    cache_scope: str = "tenant"
    """tenant | key | global: who shares an answer."""
    flights: Flights
    budgets: RetryBudgets = msgspec.field(default_factory=RetryBudgets)
    """For those of the routes to go on through a reload."""
    health: HealthBook
    hedges: HedgeBook = msgspec.field(default_factory=HedgeBook)
    meter: PipelineMeter
    clock: Clock
    rng: Random
    tasks: TaskSupervisor
    lifecycle: Lifecycle
    board: Board
    """What the processes of a deployment tell each other."""
    background: Background = NoBackground()
    """What the gateway asks itself."""
    shadow_budget: ShadowBudget = ShadowBudget()
    revalidating: set[bytes] = set()
    """Keys of stale answers that are being made anew."""
    semantic: "Semantic | None" = None
    """None: it is off."""
    fetch: FetchRules | None = None
    """None: no configured provider needs it."""
    body_metadata: bool = True
    max_response_bytes: int = 64 * 1024 * 1024
    keepalive_after_s: float = 15.0
    responses: ResponseRecords | None = None
    """Answers of the Responses API that were issued."""
    response_rules: ResponseRules = ResponseRules()

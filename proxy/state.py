"""Everything that lives as long as the process, built once by `app.open_state` and closed by the lifespan."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec
from starlette.types import ASGIApp

from proxy.core.clock import Clock
from proxy.core.lifecycle import Lifecycle
from proxy.core.tasks import TaskSupervisor
from proxy.governance.admission import InFlight
from proxy.governance.idempotency.live import Repeats
from proxy.governance.jwt.tokens import Tokens
from proxy.governance.keys import SignedKeys
from proxy.governance.metering.ledger import UsageLedger
from proxy.governance.plans.book import PlanBook
from proxy.pipeline.deps import Pipeline
from proxy.providers.base import Provider
from proxy.settings import Settings
from proxy.storage.hot.admission import AdmissionStore
from proxy.storage.hot.base import OwnedHotStore
from proxy.storage.hot.board import Board
from proxy.storage.plans import PlanRecords
from proxy.storage.records import KeyRecords
from proxy.storage.usage import UsageRecords
from proxy.telemetry.logs import AccessLog
from proxy.telemetry.metrics import Metrics


class AppState(msgspec.Struct, frozen=True, kw_only=True):
    settings: Settings
    pipeline: Pipeline
    records: KeyRecords
    clock: Clock
    metrics: Metrics
    access_log: AccessLog | None
    lifecycle: Lifecycle
    tasks: TaskSupervisor
    in_flight: InFlight
    hot: OwnedHotStore | None
    """Of `stores.redis`; None: none is configured."""
    board: Board
    usage: UsageRecords
    ledger: UsageLedger | None
    """None: nothing is written to `usage`."""
    admission: AdmissionStore[Any]
    """Counters of limits and budgets."""
    repeats: Repeats
    """Requests and answers under an `Idempotency-Key`."""
    closers: list[Callable[[], Awaitable[None]]]
    """Run in reverse order at the end."""
    plan_records: PlanRecords
    plans: PlanBook
    """Of whoever a request counts for."""
    tokens: Tokens | None = None
    """Of the issuers of `auth.jwt`; None: there are none."""


class ConfigRefused(Exception):
    """A configuration cannot come into force; the message says why. The old one stays."""


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """A configuration with everything built that it needs; nothing of it is in force yet."""

    base: AppState
    """What it is to replace."""
    state: AppState
    app: ASGIApp
    signed: SignedKeys | None
    made: Sequence[Provider]
    """Built for it; providers whose settings did not change are taken over, with their connections."""

    async def abandon(self) -> None:
        """Instead of `Gateway.commit`."""
        for provider in self.made:
            await provider.aclose()

"""Everything that lives as long as the process, built once by `app.open_state` and closed by the lifespan."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from proxy.core.clock import Clock
from proxy.core.lifecycle import Lifecycle
from proxy.core.tasks import TaskSupervisor
from proxy.governance.admission import InFlight
from proxy.governance.jwt.tokens import Tokens
from proxy.governance.metering.ledger import UsageLedger
from proxy.pipeline.deps import Pipeline
from proxy.settings import Settings
from proxy.storage.hot.admission import AdmissionStore
from proxy.storage.hot.base import HotStore
from proxy.storage.hot.board import Board
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
    hot: HotStore | None
    """Of `stores.redis`; None: none is configured."""
    board: Board
    usage: UsageRecords
    ledger: UsageLedger | None
    """None: nothing is written to `usage`."""
    admission: AdmissionStore[Any]
    """Counters of limits and budgets."""
    closers: list[Callable[[], Awaitable[None]]]
    """Run in reverse order at the end."""
    tokens: Tokens | None = None
    """Of the issuers of `auth.jwt`; None: there are none."""

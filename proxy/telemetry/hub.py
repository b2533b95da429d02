"""What the /metrics route asks: the same protocol in one process and under a supervisor."""

from typing import Protocol

from proxy.telemetry.exposition import render
from proxy.telemetry.metrics import Metrics


class MetricsHub(Protocol):
    async def render(self, accept: str) -> tuple[str, bytes]:
        """(content type, body) over all workers, in the format that an Accept header's value asks for."""
        ...


class LocalHub:
    """One process: its own values."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    async def render(self, accept: str) -> tuple[str, bytes]:
        return render(self._metrics.snapshot(), accept)


_: type[MetricsHub] = LocalHub

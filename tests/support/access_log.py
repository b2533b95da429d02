"""The access log of a gateway in a test."""

import json
from typing import Any

from proxy.app import Gateway
from proxy.telemetry.logbuffer import LogBuffer
from proxy.telemetry.logs import AccessLog
from tests.support.gateway import Running
from tests.support.sink import KeptLines


class Books:
    """`log` goes to the gateway: `running(…, access_log=books.log)`."""

    def __init__(self) -> None:
        self._kept = KeptLines()
        self._buffer = LogBuffer(self._kept)
        self.log = AccessLog(self._buffer)

    async def lines(self, edge: Running) -> list[dict[str, Any]]:
        """Of all requests that have ended."""
        await edge.idle()
        return self.written(edge.gateway)

    def written(self, gateway: Gateway) -> list[dict[str, Any]]:
        """Of the requests that have ended so far."""
        gateway.metrics.snapshot()  # what has ended is worked off
        self._buffer.flush()
        return [json.loads(line) for line in self._kept.data.splitlines()]

"""Events told to a URL: `POST`, JSON, signed, tried again. No request waits for it.

    x-llm-edge-signature: t=1764115200,v1=<hex HMAC-SHA256(secret, "1764115200." + body)>

Loss: what nobody took after `DELAYS_S`, or what does not fit into the queue, is logged and let go; the log line of the event itself is
there in any case.
"""

import asyncio
import hashlib
import hmac
import logging
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any

import msgspec

from proxy.core.tasks import TaskSupervisor
from proxy.governance.budgets.alerts import Hook
from proxy.transport.base import Timeouts, Transport, TransportError, UpstreamRequest

SIGNATURE = "x-llm-edge-signature"
DELAYS_S = (1.0, 5.0, 30.0, 120.0, 600.0)
"""Before each further try."""
TIMEOUT_S = 10.0
MAX_WAITING = 1000
_log = logging.getLogger("llm_edge")


class Webhook:
    def __init__(
        self,
        url: str,
        secret: str,
        *,
        transport: Transport,
        tasks: TaskSupervisor,
        unix: Callable[[], float],
        delays_s: Sequence[float] = DELAYS_S,
    ) -> None:
        self._url = url
        self._secret = secret.encode()
        self._transport = transport
        self._tasks = tasks
        self._unix = unix
        self._delays_s = delays_s
        self.waiting = 0

    def tell(self, event: dict[str, Any]) -> None:
        if self.waiting >= MAX_WAITING:
            self._lost(event, "too many are waiting")
            return
        self.waiting += 1
        self._tasks.start(self._deliver(event), name="budget-webhook")

    async def _deliver(self, event: dict[str, Any]) -> None:
        body = msgspec.json.encode(event)
        try:
            for delay_s in (*self._delays_s, None):
                problem = await self._post(body)
                if problem is None:
                    return
                if delay_s is None:
                    self._lost(event, problem)
                    return
                await asyncio.sleep(delay_s)
        finally:
            self.waiting -= 1

    async def _post(self, body: bytes) -> str | None:
        """None: it was taken; else why not."""
        headers = (
            (b"content-type", b"application/json"),
            (b"user-agent", b"llm-edge"),
            (SIGNATURE.encode(), signature(self._secret, body, int(self._unix()))),
        )
        request = UpstreamRequest(
            method="POST",
            url=self._url,
            headers=headers,
            body=body,
            timeouts=Timeouts(deadline=monotonic() + TIMEOUT_S),
            max_response_bytes=64 * 1024,
        )
        try:
            response = await self._transport.send(request)
        except (TransportError, ValueError) as exc:
            return str(exc)
        try:
            await response.read()
        except TransportError as exc:
            return str(exc)
        finally:
            response.close()
        return None if 200 <= response.status < 300 else f"status {response.status}"

    def _lost(self, event: dict[str, Any], why: str) -> None:
        _log.error("a budget event was not delivered to budgets.webhook_url", extra={"event": event["type"], "error": why[:200]})


def signature(secret: bytes, body: bytes, now: int) -> bytes:
    """`now`: unix seconds, part of what is signed."""
    digest = hmac.new(secret, b"%d." % now + body, hashlib.sha256).hexdigest()
    return b"t=%d,v1=%b" % (now, digest.encode())


_: type[Hook] = Webhook

"""Several requests sent as one, for providers that take less in a call than a client asks for.

All or nothing: the first that is refused or fails ends the others, and its answer or failure is that of the whole.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from proxy.transport.base import Header, ResponseTooLarge, UpstreamRequest, UpstreamResponse

Send = Callable[[UpstreamRequest], Awaitable[UpstreamResponse]]
Join = Callable[[Sequence[bytes]], bytes]


async def send_all(send: Send, requests: Sequence[UpstreamRequest], *, at_once: int, join: Join) -> UpstreamResponse:
    """The answer's body is what `join` makes of all bodies, in the order of the requests; its head is that of the first. An answer other
    than a 2xx is given as it came, still to be read. Raises TransportError as `send`, or where the bodies together are over the first
    request's cap. Cancelling closes every socket."""
    run = _Run(send, requests)
    try:
        # No TaskGroup: up to Python 3.12 a failed one leaves its owner counted as cancelled, which hides whether the client left.
        await asyncio.gather(*(run.work() for _ in range(min(at_once, len(requests)))), return_exceptions=True)
    except asyncio.CancelledError:
        if run.refused is not None:
            run.refused.close()
        raise
    if run.refused is not None:
        return run.refused
    if run.failure is not None:
        raise run.failure
    return Gathered(run.heads[0], join(run.bodies))


class _Refused(Exception):
    """Ends the others."""


class _Run:
    def __init__(self, send: Send, requests: Sequence[UpstreamRequest]) -> None:
        self._send = send
        self._todo = iter(enumerate(requests))
        self._left = requests[0].max_response_bytes
        self._workers: list[asyncio.Task[None]] = []
        self.bodies = [b""] * len(requests)
        self.heads: dict[int, list[Header]] = {}
        self.failure: BaseException | None = None
        """The first."""
        self.refused: UpstreamResponse | None = None

    async def work(self) -> None:
        own = asyncio.current_task()
        self._workers += [own] if own is not None else []
        try:
            while self.failure is None and (todo := next(self._todo, None)) is not None:
                await self._exchange(*todo)
        except BaseException as exc:
            if self.failure is None:
                self.failure = exc
                for worker in self._workers:
                    if worker is not own:
                        worker.cancel()
            raise

    async def _exchange(self, i: int, request: UpstreamRequest) -> None:
        response = await self._send(request)
        if not 200 <= response.status < 300:
            self.refused = response
            raise _Refused
        try:
            whole = response.whole()
            self.bodies[i] = body = await response.read() if whole is None else whole
        finally:
            response.close()
        self.heads[i] = response.headers
        self._left -= len(body)
        if self._left < 0:
            raise ResponseTooLarge(f"the answers to {len(self.bodies)} calls together are too large", phase="body", sent=True)


class Gathered:
    """A whole answer that is all here."""

    status = 200
    framed = True
    finished = True

    def __init__(self, headers: list[Header], body: bytes) -> None:
        self.headers = headers
        self._body = body

    def header(self, name: bytes) -> bytes | None:
        return next((value for key, value in self.headers if key == name), None)

    def whole(self) -> bytes | None:
        return self._body

    async def read(self) -> bytes:
        return self._body

    async def next_chunk(self) -> bytes:
        body, self._body = self._body, b""
        return body

    async def relay(self, sink: Callable[[bytes], bool]) -> None:
        """Not from here."""

    def stop_relay(self) -> None:
        """Nothing to stop."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while chunk := await self.next_chunk():
            yield chunk

    def close(self) -> None:
        """Nothing is held."""


_: type[UpstreamResponse] = Gathered

"""Several requests sent as one, for providers that take less in a call than a client asks for.

All or nothing: the first that is refused or fails ends the others, and its answer or failure is that of the whole.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from proxy.transport.base import Header, ResponseTooLarge, UpstreamRequest, UpstreamResponse

Send = Callable[[UpstreamRequest], Awaitable[UpstreamResponse]]
Take = Callable[[int, bytes], None]


async def send_all(send: Send, requests: Sequence[UpstreamRequest], *, at_once: int, take: Take) -> UpstreamResponse:
    """`take` gets each body with the number of its request, as it comes, so that nobody works on all of them in one go; what it raises
    is the failure of the whole. The answer has the head of the first one and no body. An answer other than a 2xx is given as it came,
    still to be read. Raises TransportError as `send`, or where the bodies together are over the first request's cap. Cancelling closes
    every socket."""
    run = _Run(send, requests, take)
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
    return Gathered(run.head)


class _Refused(Exception):
    """Ends the others."""


class _Run:
    def __init__(self, send: Send, requests: Sequence[UpstreamRequest], take: Take) -> None:
        self._send = send
        self._take = take
        self._todo = iter(enumerate(requests))
        self._left = requests[0].max_response_bytes
        self._workers: list[asyncio.Task[None]] = []
        self.head: list[Header] = []
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
            body = await response.read() if whole is None else whole
        finally:
            response.close()
        if i == 0:
            self.head = response.headers
        self._left -= len(body)
        if self._left < 0:
            raise ResponseTooLarge("the answers to several calls together are too large", phase="body", sent=True)
        self._take(i, body)


class Gathered:
    """The head of an answer whose parts have been taken."""

    status = 200
    framed = True
    finished = True

    def __init__(self, headers: list[Header]) -> None:
        self.headers = headers

    def header(self, name: bytes) -> bytes | None:
        return next((value for key, value in self.headers if key == name), None)

    def whole(self) -> bytes | None:
        return b""

    async def read(self) -> bytes:
        return b""

    async def next_chunk(self) -> bytes:
        return b""

    async def relay(self, sink: Callable[[bytes], bool]) -> None:
        """Not from here."""

    def stop_relay(self) -> None:
        """Nothing to stop."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        raise StopAsyncIteration

    def close(self) -> None:
        """Nothing is held."""


_: type[UpstreamResponse] = Gathered

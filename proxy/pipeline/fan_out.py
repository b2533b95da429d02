"""n > 1 at a provider that gives one answer a call: n calls at once, which the rest of the pipeline sees as one answer with n choices.

One try (contract C) is n calls then, all or nothing: the first failure ends the others. What is billed is the sum, as the usage says.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

import msgspec

from proxy.codecs.base import StreamDecoder
from proxy.core.events import (
    ArgumentsDelta,
    BlockStart,
    BlockStop,
    CitationDelta,
    Finish,
    LogprobsDelta,
    OpaqueDelta,
    SignatureDelta,
    StreamEnd,
    StreamEvent,
    StreamStart,
    TextDelta,
    UsageUpdate,
)
from proxy.core.response import ChatResponse, Usage
from proxy.core.tasks import TaskSupervisor
from proxy.transport.base import Header, Transport, TransportError, UpstreamRequest, UpstreamResponse

MAX_CALLS = 16
_AN_END = b"\n"
"""What `next_chunk` gives for the end of one of the bodies: b"" would be the end of all."""


class Fanned:
    """n answers behind the face of one. Its status and head are the first answer's that is no success, else the first call's."""

    def __init__(self, responses: Sequence[UpstreamResponse], tasks: TaskSupervisor) -> None:
        self.responses = responses
        self.bodies: list[bytes] = []
        """After `read` of n successes, in the order of the calls."""
        self.source = 0
        """Which answer the last chunk is of."""
        self.source_ended = False
        """It was that answer's end."""
        self._shown = next((r for r in responses if not 200 <= r.status < 300), responses[0])
        self.status = self._shown.status
        self.headers: list[Header] = self._shown.headers
        self.framed = all(r.framed for r in responses)
        self._tasks = tasks
        self._pending: dict[asyncio.Task[bytes | TransportError], int] = {}
        self._open = set(range(len(responses)))
        self._arrived: list[tuple[int, bytes | TransportError]] = []

    @classmethod
    async def send(cls, transport: Transport, request: UpstreamRequest, calls: int, tasks: TaskSupervisor) -> "Fanned":
        """Raises TransportError; no call is left behind then."""
        sending = [tasks.start(_sent(transport, request), name="fan-out") for _ in range(calls)]
        left = set(sending)
        try:
            while left:
                done, left = await asyncio.wait(left, return_when=asyncio.FIRST_COMPLETED)
                failed = next((result for task in done if isinstance(result := task.result(), TransportError)), None)
                if failed is not None:
                    raise failed
        except (TransportError, asyncio.CancelledError):
            for task in sending:
                if not task.cancel() and not isinstance(answer := task.result(), TransportError):
                    answer.close()
            raise
        return cls([answer for task in sending if not isinstance(answer := task.result(), TransportError)], tasks)

    def header(self, name: bytes) -> bytes | None:
        return self._shown.header(name)

    @property
    def finished(self) -> bool:
        return all(r.finished for r in self.responses)

    def whole(self) -> bytes | None:
        return None

    async def read(self) -> bytes:
        """The body that `status` belongs to; of successes all are read, see `bodies`."""
        if not 200 <= self.status < 300:
            return await self._shown.read()
        self.bodies = [await response.read() for response in self.responses]
        return self.bodies[0]

    async def next_chunk(self) -> bytes:
        self._begin()
        while not self._arrived:
            if not self._pending:
                return b""
            done, _ = await asyncio.wait(self._pending, return_when=asyncio.FIRST_COMPLETED)
            self._arrived += [(self._pending.pop(task), task.result()) for task in list(self._pending) if task in done]
        self.source, piece = self._arrived.pop(0)
        if isinstance(piece, TransportError):
            raise piece
        self.source_ended = not piece
        if self.source_ended:
            self._open.discard(self.source)
        return piece or _AN_END

    def stop(self) -> None:
        """Nothing more is worth waiting for: the next chunk is the end."""
        self._open.clear()
        self._arrived.clear()
        for task in self._pending:
            task.cancel()
        self._pending.clear()

    async def relay(self, sink: Callable[[bytes], bool]) -> None:
        """Not from here."""

    def stop_relay(self) -> None:
        """Nothing to stop."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while piece := await self.next_chunk():
            yield piece

    def close(self) -> None:
        self.stop()
        for response in self.responses:
            response.close()

    def _begin(self) -> None:
        """A read of every open body that nobody reads yet."""
        busy = {*self._pending.values(), *(source for source, _ in self._arrived)}
        for source in sorted(self._open - busy):
            task = self._tasks.start(_piece(self.responses[source]), name="fan-out")
            self._pending[task] = source


async def _sent(transport: Transport, request: UpstreamRequest) -> UpstreamResponse | TransportError:
    try:
        return await transport.send(request)
    except TransportError as exc:
        return exc


async def _piece(response: UpstreamResponse) -> bytes | TransportError:
    try:
        return await response.next_chunk()
    except TransportError as exc:
        return exc


class FanDecoder:
    """n streams as one: choice i is the i-th call's. It starts with the first of them and ends when all have ended."""

    def __init__(self, fanned: Fanned, decoders: Sequence[StreamDecoder]) -> None:
        self._fanned = fanned
        self._decoders = decoders
        self._blocks: dict[tuple[int, int], int] = {}
        self._usages: dict[int, Usage] = {}
        self._ended: set[int] = set()
        self._started = False

    def feed(self, chunk: bytes) -> list[StreamEvent]:
        source = self._fanned.source
        if not self._fanned.source_ended:
            return self._shown(source, self._decoders[source].feed(chunk))
        events = self._shown(source, self._decoders[source].close())
        if source not in self._ended:
            self._fanned.stop()  # truncated: the whole answer is
        return events

    def close(self) -> list[StreamEvent]:
        return []

    def _shown(self, source: int, events: Sequence[StreamEvent]) -> list[StreamEvent]:
        return [shown for event in events if (shown := self._one(source, event)) is not None]

    def _one(self, source: int, event: StreamEvent) -> StreamEvent | None:
        match event:
            case StreamStart():
                first, self._started = not self._started, True
                return event if first else None
            case StreamEnd():
                self._ended.add(source)
                return event if len(self._ended) == len(self._decoders) else None
            case UsageUpdate():
                self._usages[source] = event.usage
                return UsageUpdate(usage=total(list(self._usages.values()), calls=len(self._decoders)))
            case BlockStart():
                block = self._blocks[source, event.block] = len(self._blocks)
                return msgspec.structs.replace(event, block=block, choice=source)
            case TextDelta() | ArgumentsDelta() | SignatureDelta() | CitationDelta() | OpaqueDelta() | BlockStop():
                return msgspec.structs.replace(event, block=self._blocks[source, event.block])
            case Finish() | LogprobsDelta():
                return msgspec.structs.replace(event, choice=source)
            case _:
                return event


def merged(responses: Sequence[ChatResponse]) -> ChatResponse:
    """The first answer with the others' choices and all their usage."""
    choices = tuple(msgspec.structs.replace(response.choices[0], index=i) for i, response in enumerate(responses))
    usages = [response.usage for response in responses if response.usage is not None]
    return msgspec.structs.replace(responses[0], choices=choices, usage=total(usages, calls=len(responses)) if usages else None)


def total(usages: Sequence[Usage], *, calls: int) -> Usage:
    """Of as many calls, incomplete where not all have told theirs. Details without a canonical place are one call's each, and left out."""
    sums: dict[str, int | None] = {name: _sum([getattr(usage, name) for usage in usages]) for name in _COUNTS}
    flags = {"estimated": any(u.estimated for u in usages), "incomplete": len(usages) < calls or any(u.incomplete for u in usages)}
    tiers = {usage.service_tier for usage in usages}
    tier = tiers.pop() if len(tiers) == 1 else None
    return Usage(**sums, **flags, service_tier=tier, calls=tuple(usages))  # type: ignore[arg-type]


_COUNTS = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "reasoning_tokens",
    "input_audio_tokens",
    "output_audio_tokens",
)


def _sum(values: Sequence[int | None]) -> int | None:
    told = [value for value in values if value is not None]
    return sum(told) if told else None


_: type[UpstreamResponse] = Fanned
__: type[StreamDecoder] = FanDecoder

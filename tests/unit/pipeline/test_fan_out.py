"""Several calls' answers as one."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core.events import (
    BlockStart,
    BlockStop,
    Finish,
    LogprobsDelta,
    StreamEnd,
    StreamEvent,
    StreamPing,
    StreamStart,
    TextDelta,
    UsageUpdate,
)
from proxy.core.messages import TextPart
from proxy.core.response import ChatResponse, Choice, Usage
from proxy.core.tasks import TaskSupervisor
from proxy.pipeline.fan_out import FanDecoder, Fanned, merged, total
from proxy.transport.base import Header, TransportError, UpstreamRequest, UpstreamResponse

REQUEST = UpstreamRequest(method="POST", url="http://up/", headers=())


class Answer:
    """A scripted UpstreamResponse: pieces, then a clean end or an error."""

    def __init__(self, *pieces: bytes, status: int = 200, broken: bool = False) -> None:
        self.status = status
        self.headers: list[Header] = [(b"x-status", b"%d" % status)]
        self.framed = True
        self.closed = False
        self.pieces = list(pieces)
        self.broken = broken

    def header(self, name: bytes) -> bytes | None:
        return dict(self.headers).get(name)

    @property
    def finished(self) -> bool:
        return not self.pieces

    def whole(self) -> bytes | None:
        return None

    async def read(self) -> bytes:
        return b"".join(self.pieces)

    async def next_chunk(self) -> bytes:
        await asyncio.sleep(0)
        if self.pieces:
            return self.pieces.pop(0)
        if self.broken:
            raise TransportError("reset", phase="body", sent=True)
        return b""

    async def relay(self, sink: Callable[[bytes], bool]) -> None:
        return

    def stop_relay(self) -> None:
        return

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b""

    def close(self) -> None:
        self.closed = True


class Lines:
    """A StreamDecoder of one event a byte, from a list; `|` ends it."""

    def __init__(self, text: str) -> None:
        words: list[StreamEvent] = [TextDelta(block=0, text=letter) for letter in text]
        usage = UsageUpdate(usage=Usage(input_tokens=1, output_tokens=len(text)))
        self.events: list[StreamEvent] = [
            StreamStart(id=text, model="m"),
            StreamPing(),
            BlockStart(block=0, kind="text"),
            *words,
            LogprobsDelta(choice=0, logprobs={"of": text}),
            BlockStop(block=0),
            Finish(choice=0),
            usage,
            StreamEnd(),
        ]

    def feed(self, chunk: bytes) -> list[StreamEvent]:
        taken, self.events = self.events[: len(chunk)], self.events[len(chunk) :]
        return taken

    def close(self) -> list[StreamEvent]:
        return []


async def events_of(answers: Sequence[Answer], texts: Sequence[str]) -> list[StreamEvent]:
    tasks = TaskSupervisor()
    fanned = Fanned(answers, tasks)
    decoder = FanDecoder(fanned, [Lines(text) for text in texts])
    events: list[StreamEvent] = []
    try:
        while chunk := await fanned.next_chunk():
            events += decoder.feed(chunk)
        return events + decoder.close()
    finally:
        fanned.close()
        await tasks.close()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(texts=st.lists(st.text("abc", max_size=4), min_size=1, max_size=4), seed=st.integers(0, 1000))
def test_streams_keep_apart_however_they_interleave(texts: list[str], seed: int) -> None:
    """One start, one end, last; every choice its own block, text, finish; the last usage is the sum."""
    rng = Random(seed)

    def pieces(text: str) -> list[bytes]:
        left, cut = len(Lines(text).events), []
        while left:
            cut.append(b"." * rng.randint(1, left))
            left -= len(cut[-1])
        return cut

    events = asyncio.run(events_of([Answer(*pieces(text)) for text in texts], texts))
    assert [type(e) for e in events].count(StreamStart) == 1
    assert [i for i, e in enumerate(events) if isinstance(e, StreamEnd)] == [len(events) - 1]
    choice_of = {e.block: e.choice for e in events if isinstance(e, BlockStart)}
    assert sorted(choice_of) == list(range(len(texts)))
    shown = dict.fromkeys(choice_of.values(), "")
    for event in events:
        if isinstance(event, TextDelta):
            shown[choice_of[event.block]] += event.text
    assert shown == dict(enumerate(texts))
    assert sorted(e.choice for e in events if isinstance(e, Finish)) == list(range(len(texts)))
    assert {e.choice: e.logprobs["of"] for e in events if isinstance(e, LogprobsDelta)} == dict(enumerate(texts))
    last = [e.usage for e in events if isinstance(e, UsageUpdate)][-1]
    assert (last.input_tokens, last.output_tokens) == (len(texts), sum(map(len, texts)))


async def test_a_stream_that_ends_too_early_ends_all() -> None:
    """Nothing is waited for any more, and there is no StreamEnd."""
    other = Answer(*[b"."] * 1000)
    events = await events_of([Answer(b"..."), other], ["a", "b"])
    assert not any(isinstance(e, StreamEnd) for e in events)
    assert len(other.pieces) > 900


async def test_a_broken_body_breaks_all() -> None:
    """As one body would."""
    with pytest.raises(TransportError, match="reset"):
        await events_of([Answer(b".", broken=True), Answer(b"." * 3)], ["a", "b"])


async def test_the_head_is_that_of_the_first_refusal() -> None:
    """Its status, its headers, its body."""
    fanned = Fanned([Answer(b"a"), Answer(b"no", status=429), Answer(b"b", status=500)], TaskSupervisor())
    assert (fanned.status, fanned.header(b"x-status"), await fanned.read()) == (429, b"429", b"no")
    assert (fanned.whole(), fanned.finished, fanned.framed) == (None, False, True)


async def test_bodies_come_in_the_order_of_the_calls() -> None:
    """All of them are read."""
    fanned = Fanned([Answer(b"a", b"b"), Answer(b"c")], TaskSupervisor())
    assert (await fanned.read(), fanned.bodies) == (b"ab", [b"ab", b"c"])


async def test_iterating_gives_every_piece() -> None:
    """With a mark for each end; a relay leaves all to it."""
    fanned = Fanned([Answer(b"a")], TaskSupervisor())
    await fanned.relay(lambda piece: True)
    fanned.stop_relay()
    assert [piece async for piece in fanned] == [b"a", b"\n"]


class Calls:
    """A transport with scripted outcomes."""

    def __init__(self, *outcomes: UpstreamResponse | TransportError | None) -> None:
        self.outcomes = list(outcomes)

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        outcome = self.outcomes.pop(0)
        if outcome is None:
            await asyncio.Event().wait()
            raise AssertionError
        await asyncio.sleep(0)
        if isinstance(outcome, TransportError):
            raise outcome
        return outcome


async def test_a_call_that_fails_leaves_no_other_behind() -> None:
    """Those that wait are cancelled, those that are there closed."""
    there, tasks = Answer(), TaskSupervisor()
    calls = Calls(there, TransportError("refused", phase="connect", sent=False), None)
    with pytest.raises(TransportError, match="refused"):
        await Fanned.send(calls, REQUEST, 3, tasks)  # type: ignore[arg-type]
    await tasks.close()
    assert there.closed


async def test_a_cancelled_send_leaves_nothing_behind() -> None:
    """Contract A."""
    there, tasks = Answer(), TaskSupervisor()
    sending = asyncio.ensure_future(Fanned.send(Calls(there, None), REQUEST, 2, tasks))  # type: ignore[arg-type]
    await asyncio.sleep(0.01)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    await tasks.close()
    assert there.closed


USAGES = [Usage(input_tokens=3, output_tokens=i) for i in range(3)]


def test_whole_answers_become_choices() -> None:
    """The first one's id and model, everybody's usage."""
    answers = [
        ChatResponse(
            id=f"r{i}", model="m", choices=(Choice(content=(TextPart(text=str(i)),)),), usage=Usage(input_tokens=3, output_tokens=i)
        )
        for i in range(3)
    ]
    one = merged(answers)
    assert (one.id, [c.index for c in one.choices]) == ("r0", [0, 1, 2])
    assert one.usage == Usage(input_tokens=9, output_tokens=3, calls=tuple(answer.usage for answer in answers if answer.usage is not None))
    assert merged([ChatResponse(id="", model="", choices=(Choice(),))]).usage is None


def test_sums_keep_what_is_not_told() -> None:
    """None stays None; an estimate makes all an estimate."""
    summed = total([Usage(input_tokens=1, reasoning_tokens=2), Usage(input_tokens=1, estimated=True, incomplete=True)], calls=2)
    assert msgspec.structs.replace(summed, calls=()) == Usage(input_tokens=2, reasoning_tokens=2, estimated=True, incomplete=True)


def test_a_call_without_usage_makes_the_sum_incomplete() -> None:
    """It was not free."""
    flags = [total([Usage(input_tokens=1)] * told, calls=2).incomplete for told in (1, 2)]
    assert flags == [True, False]


@pytest.mark.parametrize(("tiers", "tier"), [(("flex", "flex"), "flex"), (("flex", None), None), ((None, None), None)])
def test_the_tier_of_all_calls(tiers: tuple[str | None, ...], tier: str | None) -> None:
    """Where they agree; each call has its own besides."""
    summed = total([Usage(service_tier=one) for one in tiers], calls=2)
    assert (summed.service_tier, [call.service_tier for call in summed.calls]) == (tier, list(tiers))

"""What the first request's answer becomes on its way."""

import asyncio
from typing import Any

import pytest
from starlette.types import Message

from proxy.core.context import RequestContext
from proxy.core.errors import StreamTruncated
from proxy.core.route import RouteInfo
from proxy.core.tasks import TaskSupervisor
from proxy.governance.idempotency.live import Live
from proxy.governance.idempotency.recording import NOT_STORED, Recording
from proxy.storage.hot.idempotency import Answer


class Scene:
    """A request with its client, and a store that takes everything, or nothing."""

    def __init__(self, *, takes: bool = True, gone: bool = False, kept: int = 1000) -> None:
        self.ctx = RequestContext(RouteInfo(name="/x", family="openai"), "t", 0.0)
        self.live = Live(b"f", 10, kept)
        self.sent: list[Any] = []
        self.kept: list[Answer] = []
        self.takes, self.gone = takes, gone
        self.takes_more = asyncio.Event()
        self.takes_more.set()
        self.recording = Recording(self.ctx, self.live, self.send, self.keep, TaskSupervisor())

    async def send(self, message: Message) -> None:
        if self.gone:
            raise OSError
        await self.takes_more.wait()
        self.sent.append(message["status"] if "status" in message else (message["body"], message.get("more_body", False)))

    async def keep(self, answer: Answer) -> bool:
        self.kept.append(answer)
        return self.takes

    async def start(self, status: int = 200, *, stream: bool = False) -> None:
        headers = [] if stream else [(b"content-length", b"2")]
        await self.recording.send({"type": "http.response.start", "status": status, "headers": headers})

    async def piece(self, body: bytes, *, more: bool = False) -> None:
        await self.recording.send_body({"type": "http.response.body", "body": body, "more_body": more})


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_whole_answer_is_stored_before_its_head_is_out() -> None:
    """So that the head can say that it was not."""
    for takes in (True, False):
        scene = Scene(takes=takes)
        await scene.start()
        assert (scene.sent, scene.live.head) == ([], None)
        await scene.piece(b"a", more=True)
        await scene.piece(b"b")
        assert (scene.sent, scene.kept[0].body, scene.live.complete) == ([200, (b"ab", False)], b"ab", True)
        assert (scene.recording.kept, scene.live.stored, NOT_STORED in scene.ctx.headers_out) == (takes, takes, not takes)


async def test_a_stream_is_shown_as_it_comes_and_stored_at_its_end() -> None:
    """To its client and to those that read along."""
    scene = Scene()
    await scene.start(stream=True)
    await scene.piece(b"a", more=True)
    await turns()
    assert (scene.sent, scene.live.pieces, scene.kept) == ([200, (b"a", True)], [b"a"], [])
    await scene.piece(b"b")
    assert (scene.kept[0].body, scene.kept[0].stream, scene.live.complete) == (b"ab", True, True)
    await scene.recording.delivered()
    assert scene.sent == [200, (b"a", True), (b"b", True), (b"", False)]


async def test_a_slow_client_holds_up_nobody() -> None:
    """Its stream is complete for those that read along, and stored, before it has taken anything."""
    scene = Scene()
    scene.takes_more.clear()
    await scene.start(stream=True)
    async with asyncio.timeout(5):
        await scene.piece(b"a", more=True)
        await scene.piece(b"b")
    assert (scene.sent, scene.kept[0].body, scene.live.complete) == ([], b"ab", True)
    scene.takes_more.set()
    await scene.recording.delivered()
    assert scene.sent[-1] == (b"", False)


async def test_a_client_that_is_far_behind_the_others_is_cut_off() -> None:
    """Its answer is not whole."""
    scene = Scene(kept=4)
    scene.takes_more.clear()
    await scene.start(stream=True)
    await turns()
    fast = scene.live.join()
    for _ in range(4):
        piece = asyncio.ensure_future(scene.piece(b"x" * 11, more=True))
        await fast.next()
        await piece
    scene.takes_more.set()
    with pytest.raises(StreamTruncated):
        await scene.recording.delivered()
    fast.leave()


async def test_failures_and_large_ones_are_not_stored() -> None:
    """By status, by an error in-band, by size; only size is said."""
    failed, told, large = Scene(), Scene(), Scene()
    await failed.start(500)
    await failed.piece(b"no")
    await told.start(stream=True)
    told.ctx.error = "stream_truncated"
    await told.piece(b"error")
    await told.recording.delivered()
    await large.start()
    await large.piece(b"x" * 11)
    assert [scene.kept for scene in (failed, told, large)] == [[], [], []]
    assert [NOT_STORED in scene.ctx.headers_out for scene in (failed, told, large)] == [False, False, True]
    assert large.sent == [200, (b"x" * 11, False)]


async def test_a_client_that_left_stops_nothing() -> None:
    """What it would have got is kept."""
    scene = Scene(gone=True)
    await scene.start(stream=True)
    await scene.piece(b"a", more=True)
    await scene.piece(b"b")
    await scene.recording.delivered()
    assert (scene.kept[0].body, scene.live.readers) == (b"ab", [])

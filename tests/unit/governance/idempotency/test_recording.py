"""What the first request's answer becomes on its way."""

from typing import Any

from starlette.types import Message

from proxy.core.context import RequestContext
from proxy.core.route import RouteInfo
from proxy.governance.idempotency.live import Live
from proxy.governance.idempotency.recording import NOT_STORED, Recording
from proxy.storage.hot.idempotency import Answer


class Scene:
    """A request with its client, and a store that takes everything, or nothing."""

    def __init__(self, *, takes: bool = True, gone: bool = False) -> None:
        self.ctx = RequestContext(RouteInfo(name="/x", family="openai"), "t", 0.0)
        self.live = Live(b"f", 10)
        self.sent: list[Any] = []
        self.kept: list[Answer] = []
        self.takes, self.gone = takes, gone
        self.recording = Recording(self.ctx, self.live, self.send, self.keep)

    async def send(self, message: Message) -> None:
        if self.gone:
            raise OSError
        self.sent.append(message["status"] if "status" in message else (message["body"], message.get("more_body", False)))

    async def keep(self, answer: Answer) -> bool:
        self.kept.append(answer)
        return self.takes

    async def start(self, status: int = 200, *, stream: bool = False) -> None:
        headers = [] if stream else [(b"content-length", b"2")]
        await self.recording.send({"type": "http.response.start", "status": status, "headers": headers})

    async def piece(self, body: bytes, *, more: bool = False) -> None:
        await self.recording.send_body({"type": "http.response.body", "body": body, "more_body": more})


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
    assert (scene.sent, scene.live.pieces, scene.kept) == ([200, (b"a", True)], [b"a"], [])
    await scene.piece(b"b")
    assert (scene.kept[0].body, scene.kept[0].stream, scene.live.complete) == (b"ab", True, True)


async def test_failures_and_large_ones_are_not_stored() -> None:
    """By status, by an error in-band, by size; only size is said."""
    failed, told, large = Scene(), Scene(), Scene()
    await failed.start(500)
    await failed.piece(b"no")
    await told.start(stream=True)
    told.ctx.error = "stream_truncated"
    await told.piece(b"error")
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
    assert scene.kept[0].body == b"ab"

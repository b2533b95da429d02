"""Writing the answer."""

import json

import pytest
from starlette.types import Message

from proxy.core.context import RequestContext
from proxy.core.route import RouteInfo
from proxy.pipeline.respond import Responder, metadata, splice_object


def context() -> RequestContext:
    return RequestContext(RouteInfo(name="/x", family="openai"), "t", 0.0)


class Sent:
    """Collects what a server would send."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    async def __call__(self, message: Message) -> None:
        self.messages.append(message)

    @property
    def body(self) -> bytes:
        return b"".join(m.get("body", b"") for m in self.messages)


async def test_a_whole_answer_has_its_length() -> None:
    """One start, one body, nothing after."""
    sent = Sent()
    out = Responder(context(), sent)
    await out.json(b'{"a":1}')
    start, body = sent.messages
    assert dict(start["headers"]) == {b"content-type": b"application/json", b"content-length": b"7"}
    assert (start["status"], body["body"], body.get("more_body", False)) == (200, b'{"a":1}', False)
    assert (out.started, out.ended) == (True, True)


async def test_a_stream_is_committed_by_its_first_piece() -> None:
    """Status 200 and the headers that keep proxies from holding it back, once."""
    sent = Sent()
    out = Responder(context(), sent)
    assert not out.started
    for piece in (b"a", b"b"):
        await out.write(piece)
    await out.end(b"c")
    start, *bodies = sent.messages
    assert start["status"] == 200
    headers = dict(start["headers"])
    assert headers[b"content-type"].startswith(b"text/event-stream")
    assert (headers[b"cache-control"], headers[b"x-accel-buffering"]) == (b"no-cache, no-transform", b"no")
    assert [(m["body"], m.get("more_body", False)) for m in bodies] == [(b"a", True), (b"b", True), (b"c", False)]
    assert out.ended


async def test_an_empty_stream_still_is_an_answer() -> None:
    """Its head goes out with its end."""
    sent = Sent()
    await Responder(context(), sent).end()
    assert [m["type"] for m in sent.messages] == ["http.response.start", "http.response.body"]


async def test_headers_of_one_answer_are_not_those_of_the_next() -> None:
    """Wrappers append to them."""
    first, second = Sent(), Sent()
    await Responder(context(), first).write(b"a")
    first.messages[0]["headers"].append((b"x", b"y"))
    await Responder(context(), second).write(b"a")
    assert (b"x", b"y") not in second.messages[0]["headers"]


@pytest.mark.parametrize(
    ("body", "spliced"),
    [
        (b'{"a":1}', b'{"a":1,"metadata":{}}'),
        (b'{"a":{"b":2}}\n', b'{"a":{"b":2},"metadata":{}}'),
        (b'{"a":"}" }', b'{"a":"}","metadata":{}}'),
    ],
)
def test_a_member_is_added_at_the_end(body: bytes, spliced: bytes) -> None:
    """Without touching the rest."""
    assert splice_object(body, b"metadata", b"{}") == spliced


async def test_pieces_may_go_past_the_wrapper_and_are_counted() -> None:
    """Where the outermost wrapper left a way around itself; status and end still pass it."""
    ctx, wrapped, direct = context(), Sent(), Sent()
    ctx.send_body = direct
    out = Responder(ctx, wrapped)
    await out.write(b"abc")
    await out.end(b"d")
    assert ([m["type"] for m in wrapped.messages], direct.body) == (["http.response.start", "http.response.body"], b"abc")
    assert ctx.bytes_out == 3


def test_the_metadata_object() -> None:
    """E's: a hit is the provider "cache" and costs nothing, an unpriced call an unknown amount."""
    ctx = context()
    ctx.provider, ctx.cache_status = "p", "miss"
    miss = json.loads(metadata(ctx))
    assert miss.pop("latency_ms") >= 0
    assert miss == {"provider": "p", "cached": False, "cache_tier": None, "cost_usd": None}
    ctx.cost_nanos = 2_500_000
    assert json.loads(metadata(ctx))["cost_usd"] == 0.0025
    ctx.cache_status, ctx.cache_tier = "hit", "l2"
    hit = json.loads(metadata(ctx))
    assert (hit["provider"], hit["cached"], hit["cache_tier"], hit["cost_usd"]) == ("cache", True, "l2", 0.0)

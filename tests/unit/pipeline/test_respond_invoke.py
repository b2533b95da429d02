"""The heads of InvokeModel's answers."""

from typing import Any

from starlette.types import Message

from proxy.core.context import RequestContext
from proxy.core.response import Usage
from proxy.core.route import RouteInfo
from proxy.pipeline.respond_invoke import InvokeResponder


def responder(sent: list[Message], usage: Usage | None = None) -> tuple[InvokeResponder, RequestContext]:
    async def send(message: Message) -> None:
        sent.append(message)

    ctx = RequestContext(RouteInfo(name="/x", family="bedrock"), "t", 0.0)
    ctx.usage = usage
    return InvokeResponder(ctx, send), ctx


def test_a_whole_answer_has_its_counts() -> None:
    """Where there are any."""
    out, ctx = responder([], Usage(input_tokens=3, output_tokens=4))
    assert not out.whole(b"{}")  # no server of our own: the caller sends it as messages
    assert dict(ctx.headers_out) == {b"x-amzn-bedrock-input-token-count": b"3", b"x-amzn-bedrock-output-token-count": b"4"}
    out, ctx = responder([])
    assert not out.whole(b"{}")
    assert ctx.headers_out == []


async def test_a_stream_says_once_what_its_events_are() -> None:
    """However many pieces it has."""
    sent: list[Any] = []
    out, ctx = responder(sent)
    for piece in (b"", b"a", b"b"):
        await out.write(piece)
    await out.end()
    assert ctx.headers_out == [(b"x-amzn-bedrock-content-type", b"application/json")]
    assert b"".join(message.get("body", b"") for message in sent) == b"ab"

"""Noticing that the client left, where the server has no hook of ours."""

import asyncio

from starlette.types import Message

from proxy.api.disconnect import watch
from proxy.core.context import RequestContext
from proxy.core.route import RouteInfo


def context() -> RequestContext:
    return RequestContext(RouteInfo(name="/x", family="openai"), "t", 0.0)


async def test_a_disconnect_is_told_once_and_ends_the_watch() -> None:
    """Whatever else the server says before it."""
    messages: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}, {"type": "http.disconnect"}]

    async def receive() -> Message:
        return messages.pop(0)

    ctx = context()
    await watch(receive, ctx)
    assert (ctx.cancelled, messages) == (True, [])


async def test_a_server_that_repeats_itself_does_not_stop_the_loop() -> None:
    """Some answer every further `receive` at once; other tasks still run, and cancelling ends it."""

    async def receive() -> Message:
        return {"type": "http.request"}

    ctx = context()
    task = asyncio.ensure_future(watch(receive, ctx))
    for _ in range(10):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    assert (task.cancelled(), ctx.cancelled) == (True, False)

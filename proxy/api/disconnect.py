"""Noticing that the client left where the server has no hook of ours: mounted under another server, or called in process."""

import asyncio

from starlette.types import Receive

from proxy.core.context import RequestContext


async def watch(receive: Receive, ctx: RequestContext) -> None:
    """To be run beside the handler once the body is read; ends when cancelled or when the client leaves."""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            ctx.client_left()
            return
        await asyncio.sleep(0)

"""The way in of the Responses API: what a request follows up is found before it is routed."""

from collections.abc import Awaitable
from typing import Any

from starlette.types import Send

from proxy.core.context import RequestContext
from proxy.core.errors import NotFound, Unsupported
from proxy.pipeline.deps import Pipeline
from proxy.pipeline.generate import generate
from proxy.pipeline.keeping import Keeping
from proxy.pipeline.placing import not_found, previous_not_found
from proxy.pipeline.respond import Responder
from proxy.storage.responses import ResponseRecord

MAX_ID_CHARS = 512
"""Longer ones are nobody's."""


def create(pipe: Pipeline, ctx: RequestContext, send: Send, responder: type[Responder] = Responder) -> Awaitable[None]:
    """As `generate`."""
    body: dict[str, Any] = ctx.json
    previous = body.get("previous_response_id")
    if isinstance(previous, str) and previous:
        return _follow(pipe, ctx, send, responder, previous)
    if body.get("store") is False or pipe.responses is None:
        return generate(pipe, ctx, send, responder)
    return generate(pipe, ctx, send, responder, Keeping(pipe, pipe.responses, ctx))


async def _follow(pipe: Pipeline, ctx: RequestContext, send: Send, responder: type[Responder], response_id: str) -> None:
    record = await find(pipe, ctx, response_id, previous_not_found(response_id))
    if pipe.responses is not None:
        await generate(pipe, ctx, send, responder, Keeping(pipe, pipe.responses, ctx, record))


async def find(pipe: Pipeline, ctx: RequestContext, response_id: str, error: NotFound | None = None) -> ResponseRecord:
    """The tenant's own. Raises ResponseNotFound (or `error`), or Unavailable where the store cannot say."""
    if pipe.responses is None:
        raise Unsupported("this gateway was built without a store for answers", param="previous_response_id")
    record = None
    if ctx.principal is not None and len(response_id) <= MAX_ID_CHARS:
        record = await pipe.responses.get(ctx.principal.tenant, response_id, pipe.clock.time())
    if record is None:
        raise error or not_found(response_id)
    return record

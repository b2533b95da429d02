"""`/v1/responses/{id}` and what is below it: answers that were issued before. New ones are `api.generate`'s."""

from collections.abc import Awaitable
from functools import partial

from starlette.types import ASGIApp, Receive, Scope, Send

from proxy.core.context import SCOPE_KEY, RequestContext
from proxy.pipeline.deps import Pipeline
from proxy.pipeline.kept_calls import Call, about


class IssuedResponses:
    """`pipeline`: of the configuration that these handlers belong to."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    def handlers(self) -> dict[str, ASGIApp]:
        """By the names of the route table."""
        calls: dict[str, Call] = {
            "response": "get",
            "response_delete": "delete",
            "response_cancel": "cancel",
            "response_input": "input_items",
        }
        return {name: partial(self._handle, call) for name, call in calls.items()}

    def _handle(self, call: Call, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        ctx: RequestContext = scope[SCOPE_KEY]
        found = ctx.route.pattern.search(ctx.raw_path) if ctx.route.pattern is not None else None
        return about(self._pipeline, ctx, send, call, found["id"] if found is not None else "")

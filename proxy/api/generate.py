"""One handler for every generation dialect."""

import re
from collections.abc import Awaitable

from starlette.types import Receive, Scope, Send

from proxy.api.disconnect import watch
from proxy.core.context import SCOPE_KEY, RequestContext
from proxy.pipeline.deps import Pipeline
from proxy.pipeline.execute import generate

DISCONNECT_KEY = "llm_edge.disconnect"
_DEPLOYMENT = re.compile(r"/openai/deployments/(.+)/chat/completions$")


class Generate:
    """`pipeline`: of the configuration that this handler belongs to; a request keeps the one it began with."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        ctx: RequestContext = scope[SCOPE_KEY]
        if ctx.route.name.startswith("/openai/"):
            deployment = _DEPLOYMENT.search(ctx.raw_path)
            if deployment is not None:
                ctx.json.setdefault("model", deployment[1])
        if DISCONNECT_KEY in scope:
            return generate(self._pipeline, ctx, send)
        return self._watched(ctx, receive, send)

    async def _watched(self, ctx: RequestContext, receive: Receive, send: Send) -> None:
        pipe = self._pipeline
        watcher = pipe.tasks.start(watch(receive, ctx), name="disconnect-watch")
        try:
            await generate(pipe, ctx, send)
        finally:
            watcher.cancel()

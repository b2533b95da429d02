"""One handler for every generation dialect."""

import re
from collections.abc import Callable

from starlette.types import Receive, Scope, Send

from proxy.api.disconnect import watch
from proxy.core.context import SCOPE_KEY, RequestContext
from proxy.pipeline.deps import Pipeline
from proxy.pipeline.execute import generate

DISCONNECT_KEY = "llm_edge.disconnect"
_DEPLOYMENT = re.compile(r"/openai/deployments/(.+)/chat/completions$")


class Generate:
    """`pipeline`: the one of the configuration in force; a request keeps the one it began with."""

    def __init__(self, pipeline: Callable[[], Pipeline]) -> None:
        self._pipeline = pipeline

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        ctx: RequestContext = scope[SCOPE_KEY]
        pipe = self._pipeline()
        if ctx.route.name.startswith("/openai/"):
            deployment = _DEPLOYMENT.search(ctx.raw_path)
            if deployment is not None:
                ctx.json.setdefault("model", deployment[1])
        if DISCONNECT_KEY in scope:
            await generate(pipe, ctx, send)
            return
        watcher = pipe.tasks.start(watch(receive, ctx), name="disconnect-watch")
        try:
            await generate(pipe, ctx, send)
        finally:
            watcher.cancel()

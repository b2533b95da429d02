"""One handler for every generation dialect, and for whatever else is asked of a model in one."""

from collections.abc import Awaitable, Callable

from starlette.types import Receive, Scope, Send

from proxy.api.disconnect import watch
from proxy.core.context import SCOPE_KEY, RequestContext
from proxy.pipeline.deps import Pipeline
from proxy.pipeline.generate import generate
from proxy.pipeline.respond import Responder

Run = Callable[[Pipeline, RequestContext, Send, type[Responder]], Awaitable[None]]
DISCONNECT_KEY = "llm_edge.disconnect"


class Generate:
    """`pipeline`: of the configuration that this handler belongs to; a request keeps the one it began with. `responder`: what writes the
    answers; `run`: what gets them."""

    def __init__(self, pipeline: Pipeline, responder: type[Responder] = Responder, run: Run = generate) -> None:
        self._pipeline = pipeline
        self._responder = responder
        self._run = run

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        ctx: RequestContext = scope[SCOPE_KEY]
        if ctx.route.pattern is not None:
            from_path(ctx)
        if DISCONNECT_KEY in scope:
            return self._run(self._pipeline, ctx, send, self._responder)
        return self._watched(ctx, receive, send)

    async def _watched(self, ctx: RequestContext, receive: Receive, send: Send) -> None:
        pipe = self._pipeline
        watcher = pipe.tasks.start(watch(receive, ctx), name="disconnect-watch")
        try:
            await self._run(pipe, ctx, send, self._responder)
        finally:
            watcher.cancel()


def from_path(ctx: RequestContext) -> None:
    """What the dialect says in its path goes into the body, where codecs and the cache's key look for it; the provider's adapter takes it
    out again. Azure's deployment only fills in for a body without a model."""
    route = ctx.route
    found = route.pattern.search(ctx.raw_path) if route.pattern is not None else None
    if found is None:
        return
    if route.stream is None:
        ctx.json.setdefault("model", found["model"])
    else:
        ctx.json["model"] = found["model"]
        ctx.json["stream"] = route.stream

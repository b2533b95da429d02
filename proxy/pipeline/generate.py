"""The way in of the generation routes: the request is looked at, then whoever can do what its route wants takes it over."""

from collections.abc import Awaitable

from starlette.types import Send

from proxy.codecs.gemini_generate.array import EventsToArray
from proxy.codecs.sse import MAX_EVENT_BYTES
from proxy.core.context import RequestContext
from proxy.pipeline.asked import Asked
from proxy.pipeline.continuation import ContinuedGeneration
from proxy.pipeline.deps import Pipeline
from proxy.pipeline.execute import Generation
from proxy.pipeline.hedge import HedgedGeneration
from proxy.pipeline.keeping import Keeping
from proxy.pipeline.respond import Responder
from proxy.routing.rules import RouteRules

ARRAY_TYPE = b"application/json; charset=UTF-8"


def generate(
    pipe: Pipeline, ctx: RequestContext, send: Send, responder: type[Responder] = Responder, keeping: Keeping | None = None
) -> Awaitable[None]:
    """Raises BadRequest or ModelNotFound at once; everything later out of the awaitable. Few coroutines on purpose: each that a request
    waits in is resumed again for every answer and chunk."""
    asked = Asked(pipe, ctx, keeping=keeping)
    out = responder(ctx, send, asked.codec.stream_type)
    if asked.stream and asked.codec.name == "gemini_generate" and b"alt=sse" not in ctx.query.split(b"&"):
        out = Responder(ctx, send, ARRAY_TYPE)
        out.reframe = EventsToArray(max_event_bytes=MAX_EVENT_BYTES)
    rules = asked.route.rules
    kind = Generation if rules.hedge is None and not rules.continue_streams else _special(rules, stream=asked.stream)
    run = kind(pipe, asked, out)
    return run.streamed() if asked.stream else run.run()


def _special(rules: RouteRules, *, stream: bool) -> type[Generation]:
    if rules.continue_streams and stream:
        return ContinuedGeneration
    return Generation if rules.hedge is None else HedgedGeneration

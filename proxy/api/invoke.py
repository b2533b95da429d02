"""Bedrock's InvokeModel: one path, and the model decides whether it generates or embeds."""

from collections.abc import Awaitable

from starlette.types import Receive, Scope, Send

from proxy.api.generate import Generate, from_path
from proxy.codecs.bedrock_invoke.family import family_of
from proxy.core.context import SCOPE_KEY, RequestContext
from proxy.core.errors import BadRequest
from proxy.pipeline.deps import Pipeline
from proxy.pipeline.embed import embed
from proxy.pipeline.respond_invoke import InvokeResponder


class Invoke:
    """`pipeline`: as Generate's."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._generate = Generate(pipeline, InvokeResponder)
        self._embed = Generate(pipeline, InvokeResponder, embed)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        ctx: RequestContext = scope[SCOPE_KEY]
        from_path(ctx)
        if family_of(ctx.json["model"], ctx.json) == "titan_embed":
            if ctx.route.stream:
                raise BadRequest("The model is unsupported for streaming: embeddings are whole answers")
            return self._embed(scope, receive, send)
        return self._generate(scope, receive, send)

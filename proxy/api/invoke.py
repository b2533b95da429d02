"""Bedrock's InvokeModel: one path, and the model decides whether it generates or embeds."""

from collections.abc import Awaitable

from starlette.types import Receive, Scope, Send

from proxy.api.generate import Generate, from_path
from proxy.codecs.bedrock_invoke.family import family_of
from proxy.core.context import SCOPE_KEY, RequestContext
from proxy.core.errors import Unsupported
from proxy.pipeline.deps import Pipeline
from proxy.pipeline.respond_invoke import InvokeResponder


class Invoke:
    """`pipeline`: as Generate's."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._generate = Generate(pipeline, InvokeResponder)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        ctx: RequestContext = scope[SCOPE_KEY]
        from_path(ctx)
        if family_of(ctx.json["model"], ctx.json) == "titan_embed":
            return embed(self._pipeline, ctx, send)
        return self._generate(scope, receive, send)


def embed(pipe: Pipeline, ctx: RequestContext, send: Send) -> Awaitable[None]:
    """An embedding model's request. Raises Unsupported."""
    raise Unsupported("embeddings by InvokeModel are not available here yet", param="model")

"""The models that a key may use: `GET /v1/models[/{id}]` as OpenAI's, Anthropic's or Google's clients know it, `GET /v1beta/models[/{id}]`
as Google's do.
"""

from collections.abc import Callable, Sequence

from starlette.types import Receive, Scope, Send

from proxy.api.json_response import send_json
from proxy.api.model_lists import SHAPES, Listed
from proxy.core.context import SCOPE_KEY, RequestContext
from proxy.core.errors import ModelNotFound
from proxy.pipeline.deps import Pipeline
from proxy.routing.candidate import Candidate
from proxy.routing.target import Target


class Models:
    def __init__(self, pipeline: Callable[[], Pipeline]) -> None:
        self._pipeline = pipeline

    async def list(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises BadRequest where the query's page is no page."""
        ctx: RequestContext = scope[SCOPE_KEY]
        ctx.route = ctx.route.seen_by(ctx.headers)
        await send_json(send, 200, SHAPES[ctx.route.family].page(self._visible(ctx), ctx.query))

    async def get(self, scope: Scope, receive: Receive, send: Send) -> None:
        ctx: RequestContext = scope[SCOPE_KEY]
        ctx.route = ctx.route.seen_by(ctx.headers)
        name = ctx.raw_path.partition("/models/")[2]
        found = next((model for model in self._visible(ctx) if model.name == name), None)
        if found is None:
            raise ModelNotFound(f"The model '{name[:100]}' does not exist here or this key may not use it", param="model")
        await send_json(send, 200, SHAPES[ctx.route.family].one(found))

    def _visible(self, ctx: RequestContext) -> Sequence[Listed]:
        """In configured order: what the key and all its usage plans permit."""
        pipe = self._pipeline()
        found = {name: pipe.routes.resolve(name).targets for name in pipe.routes.names()}
        if not found:
            for provider in pipe.providers.values():
                for model in provider.models:
                    found.setdefault(model, (Candidate(Target(provider.name, model)),))
        return [
            Listed(name, targets[0].provider, pipe.charges.facts(targets[0].provider, targets[0].model))
            for name, targets in found.items()
            if any(ctx.may_use(name, target.provider, target.model) for target in targets)
        ]

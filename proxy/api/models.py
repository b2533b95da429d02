"""`GET /v1/models` and `/v1/models/{id}`: the names that this key may use, in OpenAI's shape."""

from collections.abc import Callable
from typing import Any

from starlette.types import Receive, Scope, Send

from proxy.api.json_response import send_json
from proxy.core.context import SCOPE_KEY, RequestContext
from proxy.core.errors import ModelNotFound
from proxy.pipeline.deps import Pipeline


class Models:
    def __init__(self, pipeline: Callable[[], Pipeline]) -> None:
        self._pipeline = pipeline

    async def list(self, scope: Scope, receive: Receive, send: Send) -> None:
        names = self._visible(scope[SCOPE_KEY])
        await send_json(send, 200, {"object": "list", "data": [_model(name, owner) for name, owner in names.items()]})

    async def get(self, scope: Scope, receive: Receive, send: Send) -> None:
        ctx: RequestContext = scope[SCOPE_KEY]
        name = ctx.raw_path.partition("/v1/models/")[2]
        owner = self._visible(ctx).get(name)
        if owner is None:
            raise ModelNotFound(f"The model '{name[:100]}' does not exist here or this key may not use it", param="model")
        await send_json(send, 200, _model(name, owner))

    def _visible(self, ctx: RequestContext) -> dict[str, str]:
        """Name → provider of its first target."""
        pipe = self._pipeline()
        allowed = ctx.principal.models if ctx.principal is not None else None
        found = {name: pipe.routes.resolve(name).targets[0].provider for name in pipe.routes.names()}
        for provider in pipe.providers.values():
            for model in provider.models:
                if not found or not pipe.routes.names():
                    found.setdefault(model, provider.name)
        return {n: p for n, p in found.items() if allowed is None or n in allowed or "*" in allowed}


def _model(name: str, owner: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": owner}

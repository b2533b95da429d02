"""Ids in the provider's account need a scope: every tenant behind it shares the account, and the gateway cannot tell whose a file is."""

from proxy.codecs.account_ids import named_object
from proxy.core.context import RequestContext
from proxy.core.errors import Forbidden
from proxy.core.identity import PROVIDER_OBJECTS

_STORED_PROMPT = ":prompt/"
"""In an ARN as a model's name (Bedrock prompt management). ARNs of models and inference profiles are names of models: `models:` and the
key's list decide on those."""


def require_scope(ctx: RequestContext) -> None:
    """For a caller without the scope: raises Forbidden naming the JSON path of the first such id in the body, or `model`."""
    body = ctx.json
    path = named_object(body)
    if path is None:
        model = body.get("model")
        stored = type(model) is str and _STORED_PROMPT in model
        if not stored and not (ctx.route.family == "bedrock" and _STORED_PROMPT in ctx.raw_path):
            return
        path = "model"
    raise Forbidden(
        f"{path} names an object in the provider's account, which its tenants share: that needs a key with the scope {PROVIDER_OBJECTS}",
        code="scope_required",
        param=path,
    )

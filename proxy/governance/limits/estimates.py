"""How many tokens a call may take, before anybody knows: rough, cheap, and put right when it has ended."""

from collections.abc import Mapping
from typing import Any

from proxy.codecs.needs import needs_of, output_cap, prompt_tokens
from proxy.core.context import RequestContext
from proxy.core.route import RouteInfo

FIRST_OUTPUT = 256
"""Of a model that has not answered yet."""
WEIGHT = 0.1
"""Of the newest answer in the moving average."""
MAX_MODELS = 1024
PLAIN_BYTES = 4096
"""A body below it holds no media worth looking for."""
_CAPS = {
    "openai_chat": ("max_completion_tokens", "max_tokens"),
    "openai_completions": ("max_tokens",),
    "openai_responses": ("max_output_tokens",),
    "anthropic_messages": ("max_tokens",),
}
_COUNTING = ("count_tokens", "input_tokens", "count-tokens", ":countTokens")


class Averages:
    """Output tokens of each model's answers, by the name that was asked for."""

    def __init__(self) -> None:
        self._of: dict[str, float] = {}

    def note(self, model: str, tokens: int) -> None:
        before = self._of.get(model)
        if before is None:
            if len(self._of) >= MAX_MODELS:
                return
            before = FIRST_OUTPUT
        self._of[model] = before + WEIGHT * (tokens - before)

    def __call__(self, model: str | None) -> int:
        return round(self._of.get(model or "", FIRST_OUTPUT))


def input_tokens(ctx: RequestContext) -> int:
    size = len(ctx.body)
    body = ctx.json
    return prompt_tokens(body, size, needs_of(body) if size > PLAIN_BYTES and type(body) is dict else 0)


def output_tokens(ctx: RequestContext, averages: Averages, limit: int) -> int:
    """The client's cap, else what the model usually says; for each choice, and at most the limit."""
    body: Mapping[str, Any] = ctx.json
    tokens = _cap(ctx) or averages(ctx.model)
    if "n" in body and type(n := body["n"]) is int and n > 1:
        tokens *= n
    return min(tokens, limit)


def _cap(ctx: RequestContext) -> int:
    """The usual dialects' names first: a request without a cap is the dearest to look through."""
    names = _CAPS.get(ctx.route.dialect or "")
    if names is None:
        return output_cap(ctx.json)
    body = ctx.json
    for name in names:
        if name in body and type(cap := body[name]) is int and cap > 0:
            return cap
    return 0


def counts_only(route: RouteInfo) -> bool:
    """It asks how many tokens there are, and takes none."""
    return route.name.endswith(_COUNTING)


def model_of(ctx: RequestContext) -> str | None:
    """As asked for, before anything has been decoded; None: the route has none, or the body no usable one."""
    pattern = ctx.route.pattern
    if pattern is not None and (found := pattern.search(ctx.raw_path)) is not None and "model" in pattern.groupindex:
        if ctx.route.stream is not None:
            return found["model"]
        named = ctx.json.get("model") if type(ctx.json) is dict else None
        return named if type(named) is str else found["model"]
    model = ctx.json.get("model") if type(ctx.json) is dict else None
    return model if type(model) is str else None

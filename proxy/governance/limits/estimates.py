"""How many tokens a call may take, before anybody knows: rough, cheap, and put right when it has ended."""

from collections.abc import Mapping
from typing import Any

from proxy.codecs.needs import BYTES_PER_TOKEN, CAP_FIELDS, needs_of, output_cap, prompt_tokens
from proxy.core.context import RequestContext

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
_SAYING = CAP_FIELDS | {"n"}
"""Fields that say anything of the length of an answer."""


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
    if size <= PLAIN_BYTES:
        return -(-size // BYTES_PER_TOKEN)
    body = ctx.json
    return prompt_tokens(body, size, needs_of(body) if type(body) is dict else 0)


def output_tokens(ctx: RequestContext, averages: Averages, limit: int) -> int:
    """The client's cap, else what the model usually says; for each choice, and at most the limit."""
    body: Mapping[str, Any] = ctx.json
    if _SAYING.isdisjoint(body):
        tokens = averages(ctx.model)
        return tokens if tokens < limit else limit
    tokens = _cap(ctx) or averages(ctx.model)
    if "n" in body and type(n := body["n"]) is int and n > 1:
        tokens *= n
    return min(tokens, limit)


def _cap(ctx: RequestContext) -> int:
    """By the name that the dialect has for it."""
    names = _CAPS.get(ctx.route.dialect or "")
    if names is None:
        return output_cap(ctx.json)
    body = ctx.json
    for name in names:
        if name in body and type(cap := body[name]) is int and cap > 0:
            return cap
    return 0


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

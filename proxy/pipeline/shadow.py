"""Shadow traffic: a copy of a request to another model, after the client has its answer, on the gateway's own bill.

Each copy leaves a comparison record in the log (logger `llm_edge.shadow`): both models' time, tokens, cost, whether they failed, and how
alike their texts are; never the texts. A budget that is used up switches the shadow off: what may be spent is set aside before a copy is
made, at the dearest it can cost, and settled when it is known.
"""

import logging
from difflib import SequenceMatcher
from typing import Any
from urllib.parse import quote

from proxy.codecs.base import InvalidBody
from proxy.codecs.jsonbody import dump_json
from proxy.core.context import RequestContext
from proxy.core.errors import EdgeError
from proxy.core.identity import ROUTING, Principal
from proxy.core.messages import TextPart
from proxy.core.money import NANOS_PER_USD
from proxy.core.response import ChatResponse, Usage
from proxy.pipeline.asked import Asked
from proxy.pipeline.background import SHADOW, Answered
from proxy.pipeline.deps import Pipeline
from proxy.routing.rules import ShadowRules
from proxy.routing.target import Route

COMPARED_CHARS = 4000
"""Of each text: comparing is quadratic."""
OUTPUT_TOKENS = 4096
"""Set aside for an answer where neither the client nor the catalogue caps it."""
_WHOLE = (("/converse-stream", "/converse"), ("/invoke-with-response-stream", "/invoke"), (":streamGenerateContent", ":generateContent"))
HEADERS: dict[bytes, bytes | None] = {
    b"cache-control": b"no-store",
    b"x-llm-edge-fallbacks": b"",
    b"x-llm-edge-strategy": None,
    b"x-llm-edge-tags": None,
    b"x-llm-edge-strict": None,
}
"""It is this model that is looked at, whatever stands in for it, or stood in for the first, and whatever it was narrowed by."""
_log = logging.getLogger("llm_edge.shadow")


def shadow(pipe: Pipeline, asked: Asked, rules: ShadowRules, answer: bytes | None) -> None:
    """Once an answer is out. `answer`: the client's whole body; None where there is none to compare with. Never raises: what keeps a copy
    from being made is not the request's trouble."""
    try:
        _copy(pipe, asked, rules, answer)
    except EdgeError as exc:
        _log.warning("no shadow", extra={"model": asked.route.name, "shadow": rules.model, "error": exc.message[:300]})


def _copy(pipe: Pipeline, asked: Asked, rules: ShadowRules, answer: bytes | None) -> None:
    ctx = asked.ctx
    if (
        pipe.background is None
        or pipe.rng.random() >= rules.share
        or asked.keeping is not None
        or ctx.principal is None
        or ctx.principal.purpose
    ):
        return
    route = pipe.routes.resolve(rules.model)
    if any(ctx.permit(t.provider, t.model).error is not None for t in route.targets):
        return
    name = asked.route.name
    reserved = _dearest(pipe, asked, route)
    if reserved is None and rules.budget_nanos is not None:
        _log.warning("no shadow: the model has no price, and there is a budget", extra={"model": name, "shadow": rules.model})
        return
    reserved = reserved or 0
    if not pipe.shadow_budget.take(name, reserved, rules.budget_nanos):
        pipe.meter.shadow("over_budget")
        return
    body = {name: value for name, value in asked.body.items() if name not in ("stream", "stream_options")}
    body["model"] = rules.model
    first = _Side(ctx, answer)

    def done(second: Answered) -> None:
        pipe.shadow_budget.settle(name, reserved, second.cost_nanos or 0)
        pipe.meter.shadow("failed" if second.error is not None else "done")
        _log.info("shadow", extra=comparison(asked, first, second, rules.model))

    principal = Principal(key_id="shadow", tenant="llm-edge", name=rules.model, purpose=SHADOW, scopes=frozenset({ROUTING}))
    if not pipe.background.start(
        ctx,
        principal,
        dump_json(body),
        path=_path(ctx, rules.model),
        headers=HEADERS,
        of=f"{SHADOW}:{name}",
        at_most=rules.concurrency,
        done=done,
    ):
        pipe.shadow_budget.settle(name, reserved, 0)
        pipe.meter.shadow("too_many")


class _Side:
    """What is known of the client's own answer: its context does not outlive it."""

    def __init__(self, ctx: RequestContext, body: bytes | None) -> None:
        self.body = body
        self.trace_id = ctx.trace_id
        self.provider, self.model = ctx.provider, ctx.served_model
        self.usage, self.cost_nanos = ctx.usage, ctx.cost_nanos
        self.seconds, self.first_token_s = ctx.upstream_s, ctx.first_token_s
        self.error = ctx.error


def comparison(asked: Asked, first: Any, second: Answered, shadow_model: str) -> dict[str, Any]:
    """The record: numbers and names, no text."""
    one, two = _text(asked, first.body), _text(asked, second.body if second.status == 200 else None)
    return {
        "trace_id": first.trace_id,
        "model": asked.route.name,
        "shadow": shadow_model,
        "served": _side(first),
        "shadowed": _side(second),
        "similarity": None if one is None or two is None else round(SequenceMatcher(None, one, two, autojunk=False).ratio(), 4),
        "equal": None if one is None or two is None else one == two,
    }


def _side(of: Any) -> dict[str, Any]:
    usage: Usage | None = of.usage
    return {
        "provider": of.provider,
        "model": of.model,
        "error": of.error,
        "ms": round(of.seconds * 1e3, 3),
        "prompt_tokens": None if usage is None else usage.prompt_tokens,
        "completion_tokens": None if usage is None else usage.output_tokens,
        "cost_usd": None if of.cost_nanos is None else of.cost_nanos / NANOS_PER_USD,
    }


def _text(asked: Asked, body: bytes | None) -> str | None:
    if not body:
        return None
    try:
        response: ChatResponse = asked.codec.decode_response(body)
    except InvalidBody:
        return None
    parts = response.choices[0].content if response.choices else ()
    return "".join(part.text for part in parts if isinstance(part, TextPart))[:COMPARED_CHARS]


def _path(ctx: RequestContext, model: str) -> str:
    """The same path, or with the other model and for a whole answer, where the path says these."""
    pattern = ctx.route.pattern
    found = pattern.search(ctx.raw_path) if pattern is not None else None
    if found is None:
        return ctx.raw_path
    path = ctx.raw_path[: found.start("model")] + quote(model, safe="") + ctx.raw_path[found.end("model") :]
    for streams, whole in _WHOLE:
        if path.endswith(streams):
            return path.removesuffix(streams) + whole
    return path


def _dearest(pipe: Pipeline, asked: Asked, route: Route) -> int | None:
    """The most that a copy can cost at any of the targets, in nano-USD; None: unknown. One token a byte of the prompt is a bound."""
    dearest = 0
    for target in route.targets:
        if pipe.providers[target.provider].free:
            continue
        facts = pipe.charges.facts(target.provider, target.model)
        output = asked.decoded().max_tokens or facts.max_output_tokens or OUTPUT_TOKENS
        bound = Usage(input_tokens=len(asked.ctx.body), output_tokens=output * asked.decoded().n)
        cost = pipe.charges.cost(target.provider, target.model, bound, asked.ctx.unix_started)
        if cost.unpriced:
            return None
        dearest = max(dearest, cost.total)
    return dearest

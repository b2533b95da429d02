"""What a call has cost and what may be kept of it: the small steps at an answer's end."""

import msgspec

from proxy.cache.entry import CacheEntry
from proxy.cache.policy import storable
from proxy.core.context import RequestContext
from proxy.core.errors import EdgeError
from proxy.core.pricing import Cost
from proxy.core.response import Usage
from proxy.pipeline.asked import Asked
from proxy.pipeline.deps import Pipeline
from proxy.pipeline.fan_out import total
from proxy.pipeline.lanes import Lane
from proxy.pipeline.upstream import Also, Upstream

BYTES_PER_TOKEN = 4
"""For estimates of cut-off answers only; every such usage is flagged."""
FREE = Cost({})


def note_usage(ctx: RequestContext, upstream: Upstream, usage: Usage | None) -> None:
    """A call costs nothing (a free provider), what its prices say, or an unknown amount (None): never a guess."""
    ctx.usage = usage
    if upstream.provider.free:
        ctx.cost_nanos = 0
    else:
        if upstream.head_tier is not None and usage is not None and usage.service_tier is None:
            ctx.usage = usage = msgspec.structs.replace(usage, service_tier=upstream.head_tier)
        target = upstream.target
        ctx.cost = cost = upstream.pipe.charges.cost(target.provider, target.model, usage, ctx.unix_started)
        ctx.cost_nanos = None if cost.unpriced else cost.total
    if upstream.also is not None:
        _add(ctx, upstream.also)


def _add(ctx: RequestContext, also: Also) -> None:
    ctx.cost = cost = also.cost if ctx.cost is None else ctx.cost.plus(also.cost)
    ctx.cost_nanos = None if cost.unpriced else cost.total
    if also.usage is not None:
        ctx.usage = total([one for one in (also.usage, ctx.usage) if one is not None], calls=2)


def cost_of(upstream: Upstream, usage: Usage, at: float) -> Cost:
    """As a call's that is not the request's only one. `at`: when the request began, Unix seconds."""
    target = upstream.target
    return FREE if upstream.provider.free else upstream.pipe.charges.cost(target.provider, target.model, usage, at)


def estimated_usage(prompt_bytes: int, text_bytes: int) -> Usage:
    return Usage(input_tokens=-(-prompt_bytes // BYTES_PER_TOKEN), output_tokens=-(-text_bytes // BYTES_PER_TOKEN), estimated=True)


def usage_so_far(lane: Lane, prompt_bytes: int) -> Usage:
    """Of a stream, whole or not: what the provider counted; where it has not said so, or not to the end, an estimate, which says so."""
    usage = lane.usage
    if usage is None:
        estimate = estimated_usage(prompt_bytes, lane.text_bytes)
        return estimate if lane.service_tier is None else msgspec.structs.replace(estimate, service_tier=lane.service_tier)
    if lane.complete:
        return usage
    output = max(usage.output_tokens, -(-lane.text_bytes // BYTES_PER_TOKEN))
    return msgspec.structs.replace(usage, output_tokens=output, estimated=True, calls=())


def note_error(ctx: RequestContext, exc: EdgeError) -> None:
    ctx.error = ctx.error or exc.code
    ctx.error_source = "provider" if exc.blame == "provider" else "gateway"


def store(pipe: Pipeline, asked: Asked, entry: CacheEntry | None, *, tool_calls: bool) -> None:
    """Only whole answers get here. One that its caller's budget may have cut short is nobody else's."""
    key = asked.key
    if entry is None or key is None or not asked.verdict.write or asked.ctx.max_tokens_cap is not None:
        return
    if storable(pipe.cache_rules, 200, True, tool_calls, len(entry.body)).store:
        pipe.cache.put(key, entry)
        if asked.asking is not None and pipe.semantic is not None:
            pipe.semantic.cache.keep(asked.asking, key)

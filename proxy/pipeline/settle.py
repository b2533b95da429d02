"""What a call has cost and what may be kept of it: the small steps at an answer's end."""

from proxy.cache.entry import CacheEntry
from proxy.cache.policy import storable
from proxy.core.context import RequestContext
from proxy.core.errors import EdgeError
from proxy.core.response import Usage
from proxy.pipeline.asked import Asked
from proxy.pipeline.deps import Pipeline
from proxy.pipeline.upstream import Upstream

BYTES_PER_TOKEN = 4
"""For estimates of cut-off answers only; every such usage is flagged."""


def note_usage(ctx: RequestContext, upstream: Upstream, usage: Usage | None) -> None:
    """Prices come with the catalogue: until then a call costs nothing (a free provider) or an unknown amount, never a guess."""
    ctx.usage = usage
    ctx.cost_nanos = 0 if upstream.provider.free else None


def estimated_usage(prompt_bytes: int, text_bytes: int) -> Usage:
    return Usage(input_tokens=-(-prompt_bytes // BYTES_PER_TOKEN), output_tokens=-(-text_bytes // BYTES_PER_TOKEN), estimated=True)


def note_error(ctx: RequestContext, exc: EdgeError) -> None:
    ctx.error = ctx.error or exc.code
    ctx.error_source = "provider" if exc.blame == "provider" else "gateway"


def store(pipe: Pipeline, asked: Asked, entry: CacheEntry | None, *, tool_calls: bool) -> None:
    """Only whole answers get here."""
    if entry is None or asked.key is None or not asked.verdict.write:
        return
    if storable(pipe.cache_rules, 200, True, tool_calls, len(entry.body)).store:
        pipe.cache.put(asked.key, entry)

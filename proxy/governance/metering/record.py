"""The usage record of a request that has ended, out of its context; and of one whose gateway died, out of its intent."""

from msgspec.structs import replace

from proxy.core.context import AttemptRecord, RequestContext
from proxy.core.identity import Principal
from proxy.core.pricing import Cost
from proxy.core.response import Usage
from proxy.storage.usage import UsageLine, UsageRecord, UsageStatus

_REFUSED = frozenset({401, 402, 403, 429})
MAX_TAGS = 16
_NOBODY = UsageRecord(id="", at=0.0)
NO_USAGE = Usage()


def whose(principal: Principal | None) -> UsageRecord:
    """A record with nothing but whom it counts for. (A shadow's principal is the gateway's own.)"""
    if principal is None:
        return _NOBODY
    return UsageRecord(
        id="",
        at=0.0,
        tenant=principal.tenant,
        key_id=principal.key_id,
        key_name=principal.name,
        role=principal.role,
        entities=principal.entities(),
    )


def record_of(ctx: RequestContext, owner: UsageRecord, seconds: float, tags: tuple[str, ...] = ()) -> UsageRecord:
    """`owner`: what `whose` gave. `seconds`: how long it took. `tags`: what `tags_of` gave while the body was there."""
    hit = ctx.cache_status == "hit"
    usage = NO_USAGE if ctx.usage is None or hit else ctx.usage
    incomplete, cost, cost_nanos = usage.incomplete, ctx.cost, ctx.cost_nanos
    costs: dict[str, int] = {}
    if cost is not None:
        costs = costs_of(cost, cost_nanos)
        incomplete = incomplete or cost.incomplete
    elif cost_nanos is None:
        cost_nanos = 0  # nobody has been asked for anything; what was asked for and never priced is unknown
    return replace(
        owner,
        id=ctx.request_id,
        at=ctx.unix_started,
        status="ok" if ctx.error is None and ctx.status < 400 and not ctx.cancelled else _status(ctx),
        http_status=ctx.status,
        route=ctx.route.name,
        asked=(ctx.model or "")[:200],
        provider=ctx.provider or "",
        model=(ctx.served_model or "")[:200],
        tags=tags,
        input_tokens=usage.input_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        output_tokens=usage.output_tokens,
        reasoning_tokens=usage.reasoning_tokens or 0,
        costs=costs,
        cost_nanos=cost_nanos,
        estimated=usage.estimated,
        incomplete=incomplete,
        stream=ctx.stream,
        latency_ms=rounded_ms(seconds),
        first_token_ms=None if ctx.first_token_s is None else rounded_ms(ctx.first_token_s),
        cache=(ctx.cache_tier or "") if hit else "",
        error=ctx.error or "",
        trace_id=ctx.trace_id,
        lines=lines_of(ctx.attempts),
        replayed=ctx.replayed,
        taken_over=ctx.taken_over,
    )


def intent_of(ctx: RequestContext, owner: UsageRecord, provider: str, model: str, nanos: int | None) -> UsageRecord:
    """What is true of a request whose call is about to leave, if nothing more is heard of it: it may have cost all that was reserved
    (`nanos`; None: nobody has, since no budget applies), or nothing (contract F)."""
    return replace(
        owner,
        id=ctx.request_id,
        at=ctx.unix_started,
        status="unknown",
        http_status=0,
        asked=(ctx.model or "")[:200],
        provider=provider,
        model=model[:200],
        route=ctx.route.name,
        trace_id=ctx.trace_id,
        stream=ctx.stream,
        costs={"other": nanos} if nanos else {},
        cost_nanos=nanos,
        estimated=True,
        error="gateway_died",
    )


def rounded_ms(seconds: float) -> float:
    """Whole microseconds, for a third of what `round` takes."""
    return int(seconds * 1e6 + 0.5) / 1e3


def costs_of(cost: Cost, billed: int | None) -> dict[str, int]:
    """By kind; with what was reserved, where nobody knows the cost, as `other`."""
    costs: dict[str, int] = {kind: nanos for kind, nanos in cost.nanos.items() if nanos}
    if billed is not None and (rest := billed - cost.total) > 0:
        costs["other"] = costs.get("other", 0) + rest
    return costs


def _status(ctx: RequestContext) -> UsageStatus:
    if ctx.cancelled:
        return "cancelled"
    if ctx.error is None and ctx.status < 400:
        return "ok"
    refused = ctx.status in _REFUSED and ctx.error_source == "gateway" and not any(attempt.sent for attempt in ctx.attempts)
    return "refused" if refused else "failed"


def tags_of(ctx: RequestContext) -> tuple[str, ...]:
    """Those of `x-llm-edge-tags`, and of `metadata.tags` in the body (a list, or a text with commas)."""
    header = ctx.headers.get(b"x-llm-edge-tags")
    metadata = ctx.json.get("metadata") if ctx.json is not None else None
    if header is None and metadata is None:
        return ()
    names = [] if header is None else header.decode("latin-1")[:2000].split(",")
    own = metadata.get("tags") if isinstance(metadata, dict) else None
    names += own.split(",") if isinstance(own, str) else [tag for tag in own if isinstance(tag, str)] if isinstance(own, list) else []
    return tuple(dict.fromkeys(tag[:100] for name in names if (tag := name.strip())))[:MAX_TAGS]


def lines_of(attempts: list[AttemptRecord]) -> tuple[UsageLine, ...]:
    """One of its own for each try, where there is more to say than the record does."""
    if len(attempts) == 1 and (only := attempts[0]).error is None and only.bill is None:
        return ()
    return tuple([_line(attempt) for attempt in attempts])


def _line(attempt: AttemptRecord) -> UsageLine:
    bill = attempt.bill
    return UsageLine(
        provider=attempt.provider,
        model=attempt.model[:200],
        role=attempt.role,
        status=attempt.status,
        failure=attempt.failure,
        input_tokens=0 if bill is None else bill.usage.prompt_tokens,
        output_tokens=0 if bill is None else bill.usage.output_tokens,
        cost_nanos=0 if bill is None else (None if bill.cost.unpriced else bill.cost.total),
        estimated=bill is not None and bill.usage.estimated,
        payer="caller" if bill is None else bill.payer,
        duration_ms=rounded_ms(attempt.duration_s),
    )

"""Intents and records as they stand in the spool. Those of one caller, target and route differ in ids, time, tokens and money only, so the
rest of the JSON is kept: to make a struct and encode it cost 29 us at the end of a request, where all of its code is new to the processor's
caches. `record` says what they are; this writes the same, with its members in another order."""

from typing import NamedTuple

from msgspec.structs import replace

from proxy.core.context import RequestContext
from proxy.core.identity import Principal
from proxy.governance.metering.record import NO_USAGE, costs_of, intent_of, lines_of, record_of, rounded_ms, whose
from proxy.storage.usage import UsageRecord, encode

_REMEMBERED = 1024
"""Callers, and templates; then all are made anew."""
_BEGIN = b'{"id":"","at":0.0'
_INTENT = b'{"id":"%%b","at":%%b,"trace_id":"%%b","cost_nanos":%%b%b'
_RECORD = b'{"id":"%b","at":%b,"trace_id":"%b","latency_ms":%b,"input_tokens":%d,"output_tokens":%d,"cost_nanos":%b%b%b'


class _Kept(NamedTuple):
    principal: Principal | None
    """Whose identity is in the key: while it is here, that is not another's."""
    intent: bytes
    """A template."""
    record: bytes
    """The end of one."""


class Lines:
    def __init__(self) -> None:
        self._kept: dict[tuple[int, str | None, str | None, str | None, bool, str], _Kept] = {}
        self._owners: dict[int, tuple[Principal, UsageRecord]] = {}
        """By identity: keys are looked up once for many requests, and a hash of all of a principal costs more than the rest of this."""

    def owner(self, principal: Principal | None) -> UsageRecord:
        """As `whose`."""
        if principal is None:
            return whose(None)
        known = self._owners.get(id(principal))
        if known is None or known[0] is not principal:
            if len(self._owners) >= _REMEMBERED:
                self._owners.clear()
            known = self._owners[id(principal)] = (principal, whose(principal))
        return known[1]

    def intent(self, ctx: RequestContext, provider: str, model: str, nanos: int | None) -> bytes:
        """As `encode(intent_of(...))`."""
        id_, trace_id = ctx.request_id, ctx.trace_id
        if not (id_.isascii() and id_.isalnum() and (trace_id is id_ or (trace_id.isascii() and trace_id.isalnum()))):
            return encode(intent_of(ctx, self.owner(ctx.principal), provider, model, nanos))  # type: ignore[no-any-return]
        principal = ctx.principal
        kept = self._kept.get((id(principal), provider, model, ctx.model, ctx.stream, ctx.route.name))
        if kept is None or kept.principal is not principal:
            kept = self._keep(ctx, provider, model)
        cost = b'%d,"costs":{"other":%d}' % (nanos, nanos) if nanos else b"null" if nanos is None else b"0"
        return kept.intent % (id_.encode(), encode(ctx.unix_started), trace_id.encode(), cost)

    def record(self, ctx: RequestContext, seconds: float, tags: tuple[str, ...] = ()) -> bytes:
        """As `encode(record_of(...))`."""
        id_, trace_id, principal = ctx.request_id, ctx.trace_id, ctx.principal
        if (
            ctx.status != 200
            or ctx.error is not None
            or ctx.cancelled
            or tags
            or ctx.cache_status == "hit"
            or ctx.replayed
            or ctx.taken_over
            or lines_of(ctx.attempts)
            or not (id_.isascii() and id_.isalnum() and (trace_id is id_ or (trace_id.isascii() and trace_id.isalnum())))
        ):
            return encode(record_of(ctx, self.owner(principal), seconds, tags))  # type: ignore[no-any-return]
        kept = self._kept.get((id(principal), ctx.provider, ctx.served_model, ctx.model, ctx.stream, ctx.route.name))
        if kept is None or kept.principal is not principal:
            kept = self._keep(ctx, ctx.provider, ctx.served_model)
        usage = ctx.usage or NO_USAGE
        nanos = ctx.cost_nanos if ctx.cost_nanos is not None or ctx.cost is not None else 0
        return _RECORD % (
            id_.encode(),
            encode(ctx.unix_started),  # a float is written in a fifth of the time that its repr takes
            trace_id.encode(),
            encode(rounded_ms(seconds)),
            usage.input_tokens,
            usage.output_tokens,
            b"null" if nanos is None else b"%d" % nanos,
            _more(ctx),
            kept.record,
        )

    def _keep(self, ctx: RequestContext, provider: str | None, model: str | None) -> _Kept:
        owner = self.owner(ctx.principal)
        intent: bytes = encode(replace(intent_of(ctx, owner, provider or "", model or "", 0), id="", at=0.0, trace_id=""))
        record: bytes = encode(
            replace(
                owner,
                route=ctx.route.name,
                asked=(ctx.model or "")[:200],
                provider=provider or "",
                model=(model or "")[:200],
                stream=ctx.stream,
            )
        )
        if len(self._kept) >= _REMEMBERED:
            self._kept.clear()
        made = _INTENT % intent.removeprefix(_BEGIN).replace(b"%", b"%%")
        kept = _Kept(ctx.principal, made, record.removeprefix(_BEGIN))
        self._kept[(id(ctx.principal), provider, model, ctx.model, ctx.stream, ctx.route.name)] = kept
        return kept


def _more(ctx: RequestContext) -> bytes:
    """What many records have nothing of."""
    usage, cost = ctx.usage or NO_USAGE, ctx.cost
    more = b""
    if usage.cache_read_tokens or usage.cache_write_tokens:
        more += b',"cache_read_tokens":%d,"cache_write_tokens":%d' % (usage.cache_read_tokens, usage.cache_write_tokens)
    if usage.reasoning_tokens:
        more += b',"reasoning_tokens":%d' % usage.reasoning_tokens
    if cost is not None and (costs := costs_of(cost, ctx.cost_nanos)):
        more += b',"costs":' + encode(costs)
    if usage.estimated:
        more += b',"estimated":true'
    if usage.incomplete or (cost is not None and cost.incomplete):
        more += b',"incomplete":true'
    if ctx.first_token_s is not None:
        more += b',"first_token_ms":' + encode(rounded_ms(ctx.first_token_s))
    return more

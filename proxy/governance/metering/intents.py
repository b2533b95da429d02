"""Intents as they are written before each call: those of one caller, target and route differ in id, time and money only, so the rest of the
JSON is kept. `record.intent_of` says what an intent is; this writes the same for half of the CPU."""

from collections.abc import Callable

import msgspec

from proxy.core.context import RequestContext
from proxy.core.identity import Principal
from proxy.governance.metering.record import intent_of
from proxy.storage.usage import UsageRecord, encode

Whose = Callable[[Principal | None], UsageRecord]
"""As `record.whose`."""
_REMEMBERED = 1024
"""Templates; then all are made anew."""
_BEGIN = b'{"id":"","at":0.0'
_TEMPLATE = b'{"id":"%%b","at":%%a,"trace_id":"%%b","cost_nanos":%%b%b'


class Intents:
    def __init__(self, whose: Whose) -> None:
        self._whose = whose
        self._templates: dict[tuple[int, str, str, str | None, bool, str], tuple[Principal | None, bytes]] = {}
        """With the principal whose identity is in the key, which keeps it from being another's."""

    def encoded(self, ctx: RequestContext, provider: str, model: str, nanos: int | None) -> bytes:
        """As `encode(intent_of(...))`, with its members in another order."""
        id_, trace_id = ctx.request_id, ctx.trace_id
        if not (id_.isascii() and id_.isalnum() and (trace_id is id_ or (trace_id.isascii() and trace_id.isalnum()))):
            return encode(intent_of(ctx, self._whose(ctx.principal), provider, model, nanos))  # type: ignore[no-any-return]
        principal = ctx.principal
        key = (id(principal), provider, model, ctx.model, ctx.stream, ctx.route.name)
        known = self._templates.get(key)
        if known is None or known[0] is not principal:
            if len(self._templates) >= _REMEMBERED:
                self._templates.clear()
            known = self._templates[key] = (principal, _template(ctx, self._whose(principal), provider, model))
        cost = b'%d,"costs":{"other":%d}' % (nanos, nanos) if nanos else b"null" if nanos is None else b"0"
        return known[1] % (id_.encode(), ctx.unix_started, trace_id.encode(), cost)


def _template(ctx: RequestContext, owner: UsageRecord, provider: str, model: str) -> bytes:
    bare = msgspec.structs.replace(intent_of(ctx, owner, provider, model, 0), id="", at=0.0, trace_id="")
    rest: bytes = encode(bare).removeprefix(_BEGIN)
    return _TEMPLATE % rest.replace(b"%", b"%%")

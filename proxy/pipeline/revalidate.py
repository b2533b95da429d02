"""A stale answer is served at once and made anew behind it, in the name of the principal that was given it, who pays for the call.

One call a key and process at a time. Its request carries `Cache-Control: no-cache`, so it reads nothing and stores its answer; it is
governed, metered and logged (`purpose: revalidate`) like any other.
"""

import msgspec

from proxy.codecs.jsonbody import dump_json
from proxy.pipeline.asked import Asked
from proxy.pipeline.background import REVALIDATE, Answered
from proxy.pipeline.deps import Pipeline

HEADERS = {b"cache-control": b"no-cache"}
AT_ONCE = 32
"""In a process; one call a key."""
STALE = b"x-llm-edge-cache-stale"


def revalidate(pipe: Pipeline, asked: Asked, key: bytes) -> None:
    """Before the stale answer goes out, which says that it is one. Never raises."""
    ctx = asked.ctx
    ctx.headers_out.append((STALE, b"true"))
    principal = ctx.principal
    if pipe.background is None or principal is None or principal.purpose or key in pipe.revalidating:
        return

    def done(answered: Answered) -> None:
        pipe.revalidating.discard(key)
        pipe.meter.revalidated(answered.error is None and answered.status == 200)

    own = msgspec.structs.replace(principal, purpose=REVALIDATE)
    started = pipe.background.start(
        ctx, own, dump_json(asked.body), path=ctx.raw_path, headers=HEADERS, of=REVALIDATE, at_most=AT_ONCE, done=done
    )
    if started:
        pipe.revalidating.add(key)

"""What is left of a provider's rate limits, as the heads of its answers say, so that requests go elsewhere before they are refused.

    OpenAI, Azure, Groq and what is like them     x-ratelimit-{limit,remaining,reset}-{requests,tokens,…}
    Anthropic                                     anthropic-ratelimit-{requests,tokens,input-tokens,output-tokens}-{limit,remaining,reset}
    Bedrock, Gemini                               nothing

Pure. Sources: OpenAI "Rate limits in headers", Anthropic "Rate limits, response headers", read 2026-11-25.
"""

from collections.abc import Mapping

import msgspec

from proxy.codecs.anthropic_messages.errors import reset_s
from proxy.codecs.openai_chat.errors import duration_s

Head = Mapping[bytes, bytes]

UNTOLD_S = 5.0
"""How long a quota is taken to be used up where no reset is told (Azure): its windows are 1 to 60 s."""

_NONSENSE = 2.0
"""A share that is none."""

_OPENAI = tuple(
    (b"x-ratelimit-remaining-" + kind, b"x-ratelimit-limit-" + kind, b"x-ratelimit-reset-" + kind)
    for kind in (b"requests", b"tokens", b"project-tokens")
)
_ANTHROPIC = tuple(
    (b"anthropic-ratelimit-" + kind + b"-remaining", b"anthropic-ratelimit-" + kind + b"-limit", b"anthropic-ratelimit-" + kind + b"-reset")
    for kind in (b"requests", b"tokens", b"input-tokens", b"output-tokens")
)
_OPENAI_SIGNS = (_OPENAI[0][0], _OPENAI[1][0])
_ANTHROPIC_SIGN = _ANTHROPIC[0][0]
SIGNS = frozenset((*_OPENAI_SIGNS, _ANTHROPIC_SIGN))
"""Headers without which a head tells nothing."""


class Headroom(msgspec.Struct, frozen=True):
    """`left`: share of the scarcest limit, 0 to 1. `rest_s`: seconds until the limits that are nearly used up are reset; 0.0: none is."""

    left: float
    rest_s: float = 0.0


def headroom(head: Head, reserve: float) -> Headroom | None:
    """`head`: lower-case names. A limit is nearly used up below `reserve` (0 to 1) of it, or with nothing left. None: nothing is told."""
    if _OPENAI_SIGNS[0] in head or _OPENAI_SIGNS[1] in head:
        limits = _OPENAI
    elif _ANTHROPIC_SIGN in head:
        limits = _ANTHROPIC
    else:
        return None
    least, rest_s = _NONSENSE, 0.0
    for remaining, limit, reset in limits:
        value = head.get(remaining)
        if value is None:
            continue
        try:
            left = float(value) / float(head[limit])
        except (KeyError, ValueError, ZeroDivisionError):
            left = _without_limit(value)
        if left < least:
            least = left
        if left < reserve or left <= 0.0:
            rest_s = max(rest_s, _reset_in(head, reset))
    if least >= _NONSENSE:
        return None
    return Headroom(min(1.0, max(0.0, least)), rest_s)


def _without_limit(remaining: bytes) -> float:
    """Then all that can be told is whether there is nothing left."""
    if not remaining.isdigit():
        return _NONSENSE
    return 1.0 if remaining.strip(b"0") else 0.0


def _reset_in(head: Head, name: bytes) -> float:
    """Always above 0."""
    headers = {"date": head.get(b"date", b"").decode("latin-1")}
    value = head.get(name, b"").decode("latin-1")
    told = reset_s(value, headers) if name.startswith(b"anthropic") else duration_s(value, headers)
    return UNTOLD_S if told is None else max(told, 0.001)

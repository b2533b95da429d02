"""Refusals in words: what limit, of whom, and when it fits again."""

import math
from random import Random
from typing import Any

from proxy.core.claims import Outcome, Slots, Window
from proxy.core.errors import BadRequest, ClientFault
from proxy.core.route import RouteInfo

_WHOSE = {
    "API_KEY": "this API key",
    "PLAN": "this API key's plan",
    "USER": "the user",
    "SERVICE": "the service",
    "DEPARTMENT": "the team",
    "PROJECT": "the project",
    "TENANT": "the tenant",
    "MODEL": "the model",
    "AGENT": "the agent",
    "GATEWAY": "the gateway",
}
_WHAT = {"requests": "requests", "input": "input tokens", "output": "output tokens", "tokens": "tokens"}
_SPANS = {1: "a second", 60: "a minute"}


class RateLimited(ClientFault):
    """The request would be right later."""

    status = 429
    code = "rate_limit_exceeded"
    retryable = True


class TooMuch(BadRequest):
    """More input than any minute may have."""

    code = "request_exceeds_limit"


def refused(outcome: Outcome, route: RouteInfo, rng: Random) -> RateLimited:
    """Of an outcome whose `refused` is a window or slots."""
    reading = outcome.refused
    claim = reading.claim if reading is not None else None
    retry_s = outcome.retry_after_s
    limit = 0
    kind = "Request"
    if isinstance(claim, Slots):
        retry_s += rng.random()
        limit = claim.limit
        text = f"{whose(claim.key)} may have {limit} requests at the same time, and has"
    elif isinstance(claim, Window):
        limit = claim.limit
        if claim.dimension != "requests":
            kind = "Token"
        span = _SPANS.get(claim.span_s, f"in {claim.span_s} s")
        text = f"{whose(claim.key)} may use {limit} {_WHAT[claim.dimension]} {span}, and {reading.used if reading else 0} are used"
    else:
        text = "a limit is reached"
    shown = math.ceil(retry_s * 10) / 10
    message = f"Rate limit exceeded: {text}. Retry in {shown:.1f}s"
    if route.family == "invoke":
        message = f"{kind} rate limit exceeded. Retry in {shown:.1f}s"
    details: dict[str, Any] = {"limit": limit, "retry_after": max(1, math.ceil(retry_s))}
    return RateLimited(message, retry_after_s=retry_s, details=details)


def too_much(estimate: int, limit: int) -> TooMuch:
    return TooMuch(f"the request has about {estimate} input tokens, and the limit is {limit} a minute: it would never fit. Shorten it")


def whose(key: str) -> str:
    return _WHOSE.get(key.partition(":")[0], "the caller")

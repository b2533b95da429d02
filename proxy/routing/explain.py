"""A decision for people to read: which target, why, and why not the others."""

import json
from collections.abc import Sequence
from typing import Any

from proxy.core.money import usd_of_picos
from proxy.core.needs import names_of
from proxy.core.pricing import PICOS_PER_USD_A_MILLION
from proxy.routing.candidate import Candidate, RequestFacts
from proxy.routing.cost import UNKNOWN, costs_of
from proxy.routing.filters import rest_text
from proxy.routing.target import Decision, Route

HEADER_MAX = 2048
"""Bytes. Clients and proxies take 8 KiB for all headers together."""


def explain(decision: Decision, candidates: Sequence[Candidate], facts: RequestFacts, now: float) -> dict[str, Any]:
    """JSON. `candidates`: all of the entry; `now`: monotonic seconds, as the decision was made."""
    rejected = {id(one.target): one.reason for one in decision.rejected}
    ordered = {id(candidate) for candidate in decision.order}
    return {
        "chosen": decision.order[0].id if decision.order else None,
        "reason": decision.reason,
        "request": {
            "prompt_tokens": facts.prompt_tokens,
            "output_tokens": facts.output_tokens,
            "needs": names_of(facts.needs),
            "tags": sorted(facts.tags),
            "sticky": facts.sticky or None,
            "stream": facts.stream,
        },
        "order": [_shown(candidate, facts, now, rejected.get(id(candidate))) for candidate in decision.order],
        "rejected": [{**_shown(one.target, facts, now, one.reason)} for one in decision.rejected if id(one.target) not in ordered],
        "targets": len(candidates),
    }


def _shown(candidate: Candidate, facts: RequestFacts, now: float, reason: str | None) -> dict[str, Any]:
    target, known, stats = candidate.target, candidate.facts, candidate.stats
    cost = costs_of([candidate], facts)[0]
    rests = stats.rest(now)
    first, whole = stats.first_token.read(now), stats.whole.read(now)
    return {
        "target": candidate.id,
        **({} if reason is None else {"reason": reason}),
        "weight": target.weight,
        "priority": target.priority,
        "quality": target.quality,
        "tags": sorted(candidate.labels),
        "input_usd_per_mtok": _per_million(known.input_pico_usd),
        "output_usd_per_mtok": _per_million(known.output_pico_usd),
        "estimated_usd": None if cost == UNKNOWN else usd_of_picos(cost),
        "context_tokens": known.context_tokens,
        "cannot": names_of(known.cannot),
        "first_token_s": _rounded(first),
        "whole_s": _rounded(whole),
        "tokens_per_s": _rounded(stats.tokens_per_s),
        "success_rate": round(stats.success_rate(now), 3),
        "in_flight": stats.in_flight,
        "ramp": round(stats.ramp(now), 3),
        "rests": None if rests is None else rest_text(candidate, rests, now),
    }


def _per_million(pico_usd: int | None) -> float | None:
    return None if pico_usd is None else pico_usd / PICOS_PER_USD_A_MILLION


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def route_header(route: Route, decision: Decision) -> bytes:
    """Compact JSON in ASCII, `HEADER_MAX` bytes at most: what does not fit is counted in `more`."""
    order = [candidate.id for candidate in decision.order]
    rejected = [{"target": one.target.id, "reason": one.reason} for one in decision.rejected]
    shown = {
        "entry": route.name[:200],
        "strategy": route.strategy,
        "chosen": order[0] if order else None,
        "reason": decision.reason[:400],
        "order": order,
        "rejected": rejected,
        "candidates": len(route.targets) + len(route.left_out),
    }
    text = _compact(shown)
    left = 0
    while len(text) > HEADER_MAX and (order or rejected):
        (rejected if len(rejected) >= len(order) else order).pop()
        left += 1
        text = _compact({**shown, "more": left})
    return text[:HEADER_MAX]


def no_route_header(reason: str) -> bytes:
    """Where no target was chosen."""
    return _compact({"chosen": None, "reason": reason})


def _compact(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode("ascii")

"""`cost`: what the request will cost decides.

    price of input x estimated prompt tokens + price of output x the client's cap (else an estimate), in integer pico-USD

Free targets come first, those without a known price last; equal ones keep their order. Prices are the standard tier's for short prompts:
what is billed in the end is worked out from the usage, as for every call. With a quality floor, targets of a lower `quality`, or of
none, are left out, unless none would be left.
"""

from collections.abc import Sequence
from random import Random

from proxy.core.money import usd_of_picos
from proxy.routing.candidate import Candidate, RequestFacts
from proxy.routing.slow_start import eased
from proxy.routing.strategy import Strategy
from proxy.routing.target import Decision, Rejected

UNKNOWN = float("inf")


class LowestCost:
    def __init__(self, quality_floor: float | None = None) -> None:
        self._floor = quality_floor

    def choose(self, candidates: Sequence[Candidate], facts: RequestFacts, now: float, rng: Random) -> Decision:
        rejected: tuple[Rejected, ...] = ()
        if self._floor is not None:
            candidates, rejected = _good_enough(candidates, self._floor)
        costs = costs_of(candidates, facts)
        ranks = sorted(range(len(costs)), key=costs.__getitem__)
        order, eased_off = eased([candidates[i] for i in ranks], now, rng)
        return Decision(order, _reason([costs[i] for i in ranks[:2]], facts) + eased_off, rejected)


def costs_of(candidates: Sequence[Candidate], facts: RequestFacts) -> list[float]:
    """Pico-USD, whole numbers; UNKNOWN where a price is."""
    prompt, output = facts.prompt_tokens or 1, facts.output_tokens
    return [
        UNKNOWN
        if (known := candidate.facts).input_pico_usd is None or known.output_pico_usd is None
        else known.input_pico_usd * prompt + known.output_pico_usd * output
        for candidate in candidates
    ]


def _good_enough(candidates: Sequence[Candidate], floor: float) -> tuple[Sequence[Candidate], tuple[Rejected, ...]]:
    kept = [c for c in candidates if (c.target.quality or 0.0) >= floor]
    if not kept or len(kept) == len(candidates):
        return candidates, ()
    return kept, tuple(Rejected(c, _too_low(c.target.quality, floor)) for c in candidates if (c.target.quality or 0.0) < floor)


def _too_low(quality: float | None, floor: float) -> str:
    return f"its quality is not judged, the floor is {floor:g}" if quality is None else f"quality {quality:g} is below the floor {floor:g}"


def _reason(costs: Sequence[float], facts: RequestFacts) -> str:
    if costs[0] == UNKNOWN:
        return "no price is known"
    tokens = f"for about {facts.prompt_tokens} + {facts.output_tokens} tokens"
    if len(costs) == 1:
        return f"{usd_of_picos(costs[0])} USD {tokens}, the only one"
    if costs[1] == UNKNOWN:
        return f"{usd_of_picos(costs[0])} USD {tokens}, the only known price"
    return f"{usd_of_picos(costs[0])} {'<' if costs[0] < costs[1] else '='} {usd_of_picos(costs[1])} USD {tokens}"


_: type[Strategy] = LowestCost

"""The strategies by the names that the configuration uses, and what each wants to know of a request."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from proxy.routing.content import ByContent
from proxy.routing.cost import LowestCost
from proxy.routing.hybrid import Hybrid
from proxy.routing.latency import LeastLatency
from proxy.routing.ordered import Ordered
from proxy.routing.round_robin import RoundRobin
from proxy.routing.rules import ContentRule, RouteRules
from proxy.routing.strategy import Strategy
from proxy.routing.weighted import Weighted

TOKENS, NEEDS, STICKY, TURN, TEXT, HEADERS = 1, 2, 4, 8, 16, 32
"""Bits: the fields of RequestFacts that are filled in. What nobody wants is not worked out."""
EVERYTHING = TOKENS | NEEDS | STICKY | TURN | TEXT | HEADERS

OWN = "own:"
"""How the configuration names a strategy that is not in the table."""


class Kind(NamedTuple):
    make: Callable[[str, RouteRules], Strategy]
    """From an entry's name and rules to its own strategy."""
    wants: Callable[[RouteRules], int]
    """Of what such an entry is to be told."""


def _of_content(rule: ContentRule) -> int:
    wants = TOKENS if rule.prompt_tokens_over is not None or rule.prompt_tokens_under is not None else 0
    wants |= NEEDS if rule.needs else 0
    wants |= TEXT if rule.keywords else 0
    return wants | (HEADERS if rule.headers else 0)


def _contents(rules: RouteRules) -> int:
    wants = 0
    for rule in rules.content:
        wants |= _of_content(rule)
    return wants


STRATEGIES: Mapping[str, Kind] = {
    "model": Kind(lambda _entry, _rules: Ordered(), lambda _rules: 0),
    "failover": Kind(lambda _entry, _rules: Ordered(), lambda _rules: 0),
    "cost": Kind(lambda _entry, rules: LowestCost(rules.quality_floor), lambda _rules: TOKENS),
    "latency": Kind(lambda _entry, _rules: LeastLatency(), lambda _rules: TOKENS),
    "weighted": Kind(lambda entry, _rules: Weighted(entry), lambda rules: STICKY if rules.sticky else 0),
    "hybrid": Kind(lambda _entry, rules: Hybrid(rules.hybrid), lambda _rules: TOKENS),
    "round_robin": Kind(lambda _entry, _rules: RoundRobin(), lambda _rules: TURN),
    "content": Kind(lambda _entry, rules: ByContent(rules.content), _contents),
}

"""The table of strategies."""

from proxy.routing.rules import ContentRule, RouteRules
from proxy.routing.strategies import HEADERS, NEEDS, STICKY, STRATEGIES, TEXT, TOKENS, TURN
from proxy.settings.routing import STRATEGY_NAMES


def test_every_name_of_the_configuration_has_a_row() -> None:
    """And there are no others."""
    assert set(STRATEGIES) == set(STRATEGY_NAMES)


def test_what_they_want_to_know() -> None:
    """Only what they look at is found out of a request."""
    plain, sticky = RouteRules(), RouteRules(sticky="user")
    wants = {name: kind.wants(plain) for name, kind in STRATEGIES.items()}
    assert wants == {
        "model": 0, "failover": 0, "cost": TOKENS, "latency": TOKENS, "weighted": 0, "hybrid": TOKENS, "round_robin": TURN, "content": 0
    }  # fmt: skip
    assert STRATEGIES["weighted"].wants(sticky) == STICKY


def test_content_wants_what_its_rules_are_about() -> None:
    """All of them together."""
    rules = (
        ContentRule(targets=(), keywords=("a",)),
        ContentRule(targets=(), prompt_tokens_under=5),
        ContentRule(targets=(), needs=("pdf",)),
        ContentRule(targets=(), headers=(("x-tier", "gold"),)),
        ContentRule(targets=(), tags=("eu",)),
    )
    assert STRATEGIES["content"].wants(RouteRules(content=rules)) == TEXT | TOKENS | NEEDS | HEADERS
    assert STRATEGIES["content"].wants(RouteRules(content=rules[:1])) == TEXT

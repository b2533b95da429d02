"""Limits and budgets as plain records."""

from proxy.core.entities import ENTITY_TYPES, NO_LIMITS, Caps, Entity, Limits
from proxy.core.identity import Principal


def test_what_a_key_lacks_is_filled_in() -> None:
    """Its own wins, 0 included."""
    assert Limits(rpm=0, burst=3).filled_from(Limits(rpm=60, input_tpm=40_000)) == Limits(rpm=0, burst=3, input_tpm=40_000)
    assert NO_LIMITS.filled_from(Limits(qps=0.5)) == Limits(qps=0.5)


def test_nothing_is_empty() -> None:
    """A cap of 0 is a cap; how to warn alone is none."""
    assert Limits().empty
    assert not Limits(concurrency=0).empty
    assert Caps(soft=True, warn_at=0.5).empty
    assert not Caps(daily=0).empty


def test_whom_a_request_counts_for() -> None:
    """From the key to the tenant, each once."""
    alone = Principal(key_id="k", tenant="t")
    assert alone.entities() == (Entity("API_KEY", "k", "t"), Entity("TENANT", "t", "t"))
    many = Principal(key_id="k", tenant="t", user="u", service="s", team="d", project="p")
    assert [entity.type for entity in many.entities()] == list(ENTITY_TYPES)


def test_another_is_metered_once() -> None:
    """Besides those that it counts for anyway."""
    other = Entity("USER", "ann", "t")
    assert Principal(key_id="k", tenant="t", metered=other).entities()[1] == other
    assert len(Principal(key_id="k", tenant="t", user="ann", metered=other).entities()) == 3

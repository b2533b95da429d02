"""The words that the guards know."""

from proxy.cache.semantic.vocabulary import CALENDAR, FILLERS, NEGATIONS, OPPOSITES, STOP


def test_opposites_go_both_ways() -> None:
    """And no word is its own."""
    for word, others in OPPOSITES.items():
        assert word not in others
        assert all(word in OPPOSITES[other] for other in others)


def test_what_a_guard_looks_at_is_not_thrown_away_unseen() -> None:
    """Negations and names of days are content too, whatever the lists of small words say."""
    assert not NEGATIONS & FILLERS
    assert not CALENDAR - {"may"} & (STOP | FILLERS)

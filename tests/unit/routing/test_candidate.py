"""What a strategy sees of a target."""

from tests.support.routing import candidate


def test_candidates_of_the_same_target_are_equal() -> None:
    """Whatever is known of them; the shown form names the target only."""
    assert candidate("p", "a") == candidate("p", "a")
    assert candidate("p", "a") != candidate("p", "b")
    assert candidate("p", "a") != "p/a"
    assert len({candidate("p", "a"), candidate("p", "a")}) == 1
    assert repr(candidate("p", "a")) == "Candidate('p/a')"


def test_labels_are_what_a_tag_may_ask_for() -> None:
    """Tags and the region, in lower case."""
    assert candidate("p", "a", tags=("EU", "fast"), region="Eu-West").labels == {"eu", "fast", "region=eu-west"}
    assert candidate("p", "a").labels == frozenset()

"""The records that routing sees."""

from proxy.routing.target import Target


def test_a_targets_id_is_provider_and_model() -> None:
    """Its weight is no part of it: cooldowns and metrics survive a reweighting."""
    assert Target("p", "a/b", 2.0).id == Target("p", "a/b").id == "p/a/b"

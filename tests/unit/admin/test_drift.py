"""How overlays compare with a configuration."""

from proxy.admin.drift import drift, known_target, knows_weights, stale_weights, summary, target_ids
from proxy.settings import Settings
from proxy.storage.overlays import EMPTY, DrainOverlay, Overlays, WeightOverlay
from tests.support.admin import TWO, two_providers


def weights(**of: float) -> WeightOverlay:
    return WeightOverlay(weights={name.replace("__", "/"): weight for name, weight in of.items()}, version=3, by="lek_a", at=0.0)


DRAINED = DrainOverlay(version=4, by="lek_b", at=1.5)


def test_without_overlays() -> None:
    """Nothing, version 0."""
    assert drift(two_providers(), EMPTY) == {"version": 0, "weights": {}, "drained": {}}
    assert summary(two_providers(), EMPTY) == {"version": 0, "weights": [], "drained": [], "stale": []}


def test_what_was_and_what_is() -> None:
    """With who and when."""
    overlays = Overlays(version=4, weights={"canary": weights(old__m=50.0)}, drained={"new/org/m": DRAINED})
    assert drift(two_providers(), overlays) == {
        "version": 4,
        "weights": {
            "canary": {
                "configured": {"old/m": 95.0, "new/org/m": 5.0},
                "weights": {"old/m": 50.0},
                "version": 3,
                "by": "lek_a",
                "at": "1970-01-01T00:00:00.000Z",
                "stale": [],
            }
        },
        "drained": {"new/org/m": {"version": 4, "by": "lek_b", "at": "1970-01-01T00:00:01.500Z", "stale": False}},
    }
    assert summary(two_providers(), overlays) == {"version": 4, "weights": ["canary"], "drained": ["new/org/m"], "stale": []}


def test_what_has_no_place_is_stale() -> None:
    """Targets and entries that are gone, and entries that know no weights any more."""
    overlays = Overlays(
        version=4,
        weights={"canary": weights(old__m=1.0, gone__m=2.0), "gone": weights(old__m=1.0), "plain": weights(old__m=1.0)},
        drained={"old/m": DRAINED, "gone/m": DRAINED},
    )
    assert summary(two_providers(), overlays)["stale"] == ["canary: gone/m", "gone/m", "gone: old/m", "plain: old/m"]
    shown = drift(two_providers(), overlays)
    assert shown["drained"]["gone/m"]["stale"] is True
    assert shown["weights"]["gone"]["configured"] == {}
    assert stale_weights(two_providers(), "canary", weights(old__m=1.0)) == ()


def test_which_strategies_know_weights() -> None:
    """The one for canaries, and perhaps one's own."""
    assert [name for name in ("weighted", "own:mine", "cost", "model", "failover") if knows_weights(name)] == ["weighted", "own:mine"]


def test_targets_that_requests_may_go_to() -> None:
    """Listed ones; where names are served as asked, any of that provider."""
    listed = two_providers()
    assert known_target(listed, "new/org/m")
    assert not any(known_target(listed, target) for target in ("new/m", "old/", "old", "other/m", ""))
    as_asked = two_providers(models={"gpt-*": {"targets": [{"provider": "old"}]}})
    assert known_target(as_asked, "old/anything")
    assert not known_target(as_asked, "new/anything")
    assert target_ids(as_asked.models["gpt-*"]) == ("old/*",)
    assert known_target(Settings.of(providers=TWO), "new/anything")

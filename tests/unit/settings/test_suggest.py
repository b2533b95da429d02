"""The nearest known name."""

import pytest

from proxy.settings import Settings
from proxy.settings.errors import Path
from proxy.settings.models import TargetSettings
from proxy.settings.providers import ProviderSettings
from proxy.settings.server import ServerSettings
from proxy.settings.suggest import did_you_mean, nearest, section_at, unknown_key


def test_nearest_ignores_case() -> None:
    """And says nothing when nothing is near."""
    assert nearest("PRT", ["port", "host"]) == "port"
    assert nearest("zzz", ["port", "host"]) is None
    assert did_you_mean("zzz", ["port"]) == ""


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (("server",), ServerSettings),
        (("providers", "any"), ProviderSettings),
        (("models", "m", "targets", 0), TargetSettings),
        (("server", "port"), None),
        (("nope", "x"), None),
        (("environment", "x"), None),
    ],
)
def test_sections_are_found_through_names_and_lists(path: Path, expected: object) -> None:
    """The schema decides, not the data."""
    assert section_at(Settings, path) is expected


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (("server", "prot"), 'unknown key; did you mean "port"?'),
        (("drain_delay_s",), 'unknown key; did you mean "server.drain_delay_s"?'),
        (("server", "zzzz"), "unknown key; known here: host, port,"),
        (("nope", "zzzz"), "unknown key"),
    ],
)
def test_an_unknown_key_gets_the_best_hint_there_is(path: Path, message: str) -> None:
    """A sibling, else the one place where the name is known, else what is known here."""
    assert unknown_key(Settings, path).startswith(message)

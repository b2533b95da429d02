"""Mistakes in our words."""

from typing import Any

import pytest

from proxy.settings import Settings, SettingsError

ECHO = {"echo": {"kind": "echo"}}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"server": {"port": "x"}}, "must be a valid integer, unable to parse string as an integer"),
        ({"server": {"port": -1}}, "must be greater than or equal to 0, got -1"),
        ({"server": "x"}, "must be a mapping"),
        ({"models": []}, "must be a mapping"),
        ({"providers": {"p": {}}}, "missing"),
        ({"cache": {"when": "alway"}}, 'must be one of always, temperature_0, opt_in; did you mean "always"?'),
        ({"cache": {"when": 1}}, "must be one of always, temperature_0, opt_in"),
        ({"providers": {"p": {"kind": "openai"}}}, "kind openai needs api_keys (for example [env:OPENAI_API_KEY])"),
    ],
)
def test_each_kind_of_mistake_has_its_words(values: dict[str, Any], message: str) -> None:
    """Short, and saying what to do."""
    with pytest.raises(SettingsError) as caught:
        Settings.of(**{"providers": ECHO, **values})
    assert caught.value.problems[0].message == message


def test_a_bad_member_does_not_also_make_the_list_too_short() -> None:
    """One mistake, one line."""
    with pytest.raises(SettingsError) as caught:
        Settings.of(providers=ECHO, models={"m": {"targets": [{"provider": "echo", "wieght": 1}]}})
    assert [problem.path for problem in caught.value.problems] == ["models.m.targets[0].wieght"]

"""`responses`: answers that clients come back to."""

import pytest

from proxy.settings import Settings, SettingsError

ECHO = {"echo": {"kind": "echo"}}


def test_answers_are_kept_for_thirty_days() -> None:
    """As OpenAI keeps them, up to a megabyte each."""
    kept = Settings.of(providers=ECHO).responses
    assert (kept.keep, kept.ttl_s, kept.max_kb) == (True, 30 * 86_400, 1024)


@pytest.mark.parametrize("wrong", [{"ttl_s": 0}, {"ttl_s": 1e12}, {"max_kb": 0}, {"keep": "perhaps"}])
def test_wrong_values_are_refused(wrong: dict[str, object]) -> None:
    """A time that no calendar holds, too."""
    with pytest.raises(SettingsError, match=f"responses.{next(iter(wrong))}"):
        Settings.of(providers=ECHO, responses=wrong)


def test_an_unknown_key_names_the_nearest() -> None:
    """Like everywhere."""
    with pytest.raises(SettingsError, match="max_kb"):
        Settings.of(providers=ECHO, responses={"max_kbs": 5})


def test_scopes_are_known_words() -> None:
    """One that means nothing would be silently without effect."""
    with pytest.raises(SettingsError, match="provider_objects"):
        Settings.of(providers=ECHO, auth={"static_scopes": ["provider_object"]})

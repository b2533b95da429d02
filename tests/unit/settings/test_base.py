"""Types that sections share."""

from typing import Any

import pytest
from pydantic import SecretStr, TypeAdapter, ValidationError

from proxy.settings.base import HttpUrl, SecretUrl, off_on, redact_url, split_list, split_secrets


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://host:6379/0", "redis://host:6379/0"),
        ("redis://:pass@host:6379/0", "redis://***@host:6379/0"),
        ("redis://user:pa/ss@host/0", "redis://***@host/0"),
        ("redis://user:p@ss@host/0", "redis://***@host/0"),
        ("redis://host/0?password=x&db=1", "redis://host/0?password=***&db=1"),
        ("embedded", "embedded"),
    ],
)
def test_urls_lose_their_credentials(url: str, shown: str) -> None:
    """Whatever characters the password has."""
    assert redact_url(url) == shown
    assert shown in repr(SecretUrl(url))


@pytest.mark.parametrize(("value", "items"), [("a, b\nc,,", ["a", "b", "c"]), ("", []), (["a,b"], ["a,b"]), (None, None)])
def test_strings_split_at_commas_and_lines(value: Any, items: Any) -> None:
    """What an environment variable can say is a list; other values pass."""
    assert split_list(value) == items


def test_members_of_a_list_of_secrets_split_too() -> None:
    """`[env:API_KEYS]` is as many keys as the variable holds."""
    assert split_secrets(["a,b", SecretStr("c"), 5]) == ["a", "b", "c", 5]
    assert split_secrets(SecretStr("a,b")) == ["a", "b"]
    assert split_secrets(7) == 7


@pytest.mark.parametrize("url", ["https://api.example.com/v1", "http://127.0.0.1:8000", "http://[::1]:1/"])
def test_http_urls_lose_their_trailing_slash(url: str) -> None:
    """So that paths can be appended."""
    assert TypeAdapter(HttpUrl).validate_python(url + "/") == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://x", "x", "https://", "https://u:p@host", "https://u@host", "http://h:99999", "http://h:0", "http://h/?q=1"),
        *("http://h/#f", "http://h/a b", "http://h/\r\nx", "http://[::1"),
    ],
)
def test_other_urls_are_refused(url: str) -> None:
    """Only plain absolute http(s) URLs, without credentials."""
    with pytest.raises(ValidationError):
        TypeAdapter(HttpUrl).validate_python(url)


def test_yaml_words_for_booleans_come_back() -> None:
    """A bare `off` arrives as false."""
    assert [off_on(False), off_on(True), off_on("all")] == ["off", "on", "all"]

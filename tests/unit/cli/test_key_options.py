"""Options that say what a key is (used: test_keys.py)."""

import argparse
from typing import Any

import pytest

from proxy.cli.key_options import add_options, body_of, span


def body(*argv: str, creating: bool = True) -> dict[str, Any]:
    parser = argparse.ArgumentParser()
    add_options(parser, creating=creating)
    return body_of(parser.parse_args(argv))


def test_only_what_is_given_is_said() -> None:
    """A new key has a role in any case."""
    assert body() == {"role": "client"}
    assert body(creating=False) == {}


def test_none_takes_away() -> None:
    """Lists, words, numbers and times alike."""
    given = body("--models", "none", "--user", "none", "--rpm", "none", "--expires", "none", creating=False)
    assert given == {"models": None, "user": None, "limits": {"rpm": None}, "expires_at": None}


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90.0), ("30m", 1800.0), ("48h", 172_800.0), ("2d", 172_800.0), ("7", 7.0)])
def test_spans(text: str, seconds: float) -> None:
    """With their unit, or in seconds."""
    assert span(text) == seconds


@pytest.mark.parametrize("text", ["", "h", "1w", "-1h", "1.5h"])
def test_no_spans(text: str) -> None:
    """Wrong usage."""
    with pytest.raises(argparse.ArgumentTypeError):
        span(text)

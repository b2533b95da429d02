"""What the counting endpoints of all dialects have in common."""

import json

import pytest

from proxy.codecs.base import InvalidBody
from proxy.codecs.counting import count_in, only, under
from proxy.codecs.counts import COUNTS


def test_the_count_of_an_answer() -> None:
    """Whatever else is there."""
    assert count_in(b'{"n": 0, "more": []}', "n") == 0


@pytest.mark.parametrize("body", [b"{}", b'{"n": null}', b'{"n": true}', b'{"n": "7"}', b'{"n": 1.5}', b'{"n": -1}'])
def test_what_is_no_count(body: bytes) -> None:
    """Is refused by its name."""
    with pytest.raises(InvalidBody) as caught:
        count_in(body, "n")
    assert caught.value.path == "n"


def test_paths_within_paths() -> None:
    """Either may be empty."""
    assert (under("", "a"), under("b", ""), under("b", "a"), under("b", "[0]")) == ("a", "b", "b.a", "b[0]")


def test_only_what_is_known_is_sent() -> None:
    """In its order."""
    assert only({"a": 1, "b": 2, "c": 3}, frozenset("ca")) == {"a": 1, "c": 3}


@pytest.mark.parametrize("dialect", list(COUNTS))
def test_every_dialect_reads_its_own_count(dialect: str) -> None:
    """As it writes it."""
    counting = COUNTS[dialect]
    assert counting.decode_count(json.dumps(counting.encode_count(17)).encode()) == 17
    with pytest.raises(InvalidBody):
        counting.decode_count(b"{}")

"""Log probabilities in their canonical form."""

from typing import Any

import pytest

from proxy.codecs.logprobs import named, tokens_of

ODD: list[Any] = [None, {}, {"content": None}, {"content": 5}, {"content": "x"}, {"content": [None, 5, [], {}, {"token": 5}]}]


@pytest.mark.parametrize("value", ODD)
def test_what_names_no_token_is_passed_over(value: Any) -> None:
    """Whatever the provider sent."""
    assert tokens_of(value) == []


def test_the_others_stay_as_they_are() -> None:
    """In order."""
    good = [{"token": "a", "logprob": -1}, {"token": ""}]
    assert tokens_of({"content": [good[0], {}, good[1]]}) == good
    assert named(good) == good

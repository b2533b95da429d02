"""The passthrough lane's look at a completions request."""

from typing import Any

import pytest

from proxy.codecs.base import InvalidBody
from proxy.codecs.check import Asked
from proxy.codecs.openai_completions.check import check


def test_what_is_asked() -> None:
    """Model, stream, usage chunk."""
    assert check({"model": "m", "prompt": "x"}) == Asked("m", False, False)
    assert check({"model": "m", "prompt": [1], "stream": True, "stream_options": {"include_usage": True}}) == Asked("m", True, True)


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"model": None}, "model"),
        ({"model": 5}, "model"),
        ({"prompt": []}, "prompt"),
        ({"n": 0}, "n"),
        ({"temperature": 9}, "temperature"),
        ({"max_tokens": "1"}, "max_tokens"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": []}, "stream_options"),
    ],
)
def test_mistakes(fields: dict[str, Any], path: str) -> None:
    """What every provider would refuse."""
    with pytest.raises(InvalidBody) as caught:
        check({"model": "m", "prompt": "x", **fields})
    assert caught.value.path == path

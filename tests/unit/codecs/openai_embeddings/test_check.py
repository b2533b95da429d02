"""The passthrough lane's look at an embedding request."""

from typing import Any

import pytest

from proxy.codecs.base import InvalidBody
from proxy.codecs.check import Asked
from proxy.codecs.openai_embeddings.check import check


def test_what_is_asked() -> None:
    """The model; embeddings never stream."""
    assert check({"model": "m", "input": ["x"], "stream": True}) == Asked("m", False, False)


@pytest.mark.parametrize(
    ("body", "path"),
    [({}, "model"), ({"model": "m"}, "input"), ({"model": 5, "input": "x"}, "model"), ({"model": "m", "input": [""]}, "input[0]")],
)
def test_mistakes(body: dict[str, Any], path: str) -> None:
    """What every provider would refuse."""
    with pytest.raises(InvalidBody) as caught:
        check(body)
    assert caught.value.path == path

"""Vectors in both forms."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.embeddings import Embedding, EmbeddingRequest, pack, unpack


@given(st.lists(st.floats(width=32, allow_nan=False)).map(tuple))
def test_packing_keeps_32_bit_floats(values: tuple[float, ...]) -> None:
    """There and back without loss."""
    assert unpack(pack(values)) == values


def test_little_endian() -> None:
    """1.0 and -2.0, by hand."""
    assert pack((1.0, -2.0)) == "AACAPwAAAMA="
    assert unpack("AACAPwAAAMA=") == (1.0, -2.0)


@pytest.mark.parametrize("text", ["AACA", "x", "AACAPwAAAMA=\n", "ä"])
def test_what_is_no_vector(text: str) -> None:
    """Not base64, or not whole floats."""
    with pytest.raises(ValueError):
        unpack(text)


def test_either_form_gives_both() -> None:
    """However it came."""
    for embedding in (Embedding(index=0, values=(1.0, -2.0)), Embedding(index=0, packed="AACAPwAAAMA=")):
        assert embedding.floats() == (1.0, -2.0)
        assert embedding.text() == "AACAPwAAAMA="
        assert embedding.dimensions == 2


def test_paths() -> None:
    """The client's name of a field, where it differs."""
    request = EmbeddingRequest(dialect="d", model="m", inputs=("x",), paths={"inputs": "input"})
    assert (request.path_of("inputs"), request.path_of("user")) == ("input", "user")

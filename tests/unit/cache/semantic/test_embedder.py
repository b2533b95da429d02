"""Vectors of length 1."""

import numpy as np
import pytest

from proxy.cache.semantic.embedder import unit


def test_a_vector_is_scaled() -> None:
    """So that a dot product is the cosine."""
    scaled = unit(np.asarray([3, 4], np.float32))
    assert scaled is not None
    assert scaled.tolist() == pytest.approx([0.6, 0.8])


@pytest.mark.parametrize("values", [[0.0, 0.0], [float("nan"), 1.0], [float("inf"), 1.0]])
def test_what_has_no_direction_is_none(values: list[float]) -> None:
    """It would be near to nothing, or to everything."""
    assert unit(np.asarray(values, np.float32)) is None

"""Vectors by a small model in the process."""

import pytest

from proxy.cache.semantic.local import LocalEmbedder
from tests.support.require import require


@pytest.fixture(scope="module")
def local() -> LocalEmbedder:
    require("wordllama", "a local embedding model (requirements of the test extra)")
    return LocalEmbedder()


async def test_near_questions_have_near_vectors(local: LocalEmbedder) -> None:
    """Of length 1, the same each time."""
    one, same, other = [await local.embed(t) for t in ("How do I reset it?", "How can I reset it?", "Where do cats live?")]
    assert one is not None
    assert same is not None
    assert other is not None
    assert float(one @ one) == pytest.approx(1.0, abs=1e-5)
    assert float(one @ same) > 0.8 > 0.5 > float(one @ other)


async def test_it_knows_words(local: LocalEmbedder) -> None:
    """Synonyms are near, two countries are not; nothing has no vector."""
    assert (local.alike("poem", "poetry") or 0) > 0.6
    assert (local.alike("france", "spain") or 1) < 0.3
    assert local.alike("", "poem") is None

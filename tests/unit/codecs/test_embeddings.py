"""The table of embeddings' codecs."""

from proxy.api.routes import TABLE
from proxy.codecs.embeddings import EMBEDDINGS
from proxy.providers.registry import CODECS


def test_each_codec_stands_under_its_name() -> None:
    """Which a provider's `dialects` can name."""
    assert {codec.name for codec in EMBEDDINGS.values()} == set(EMBEDDINGS) <= set(CODECS.values())


def test_every_embeddings_route_has_its_codec() -> None:
    """By its dialect."""
    assert {row.dialect for row in TABLE if row.handler == "embed"} <= set(EMBEDDINGS)

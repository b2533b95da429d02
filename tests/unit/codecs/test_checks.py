"""The table of looks at a request."""

from proxy.api.routes import TABLE
from proxy.assembly import make_codecs
from proxy.codecs.checks import CHECKS
from proxy.codecs.embeddings import EMBEDDINGS
from proxy.core.clock import SystemClock


def test_every_dialect_of_a_generation_route_has_its_check_and_its_codec() -> None:
    """By the codec's name."""
    codecs = set(make_codecs(SystemClock()))
    assert {row.dialect for row in TABLE if row.handler in ("generate", "invoke", "responses")} == codecs
    assert set(CHECKS) == codecs | set(EMBEDDINGS)

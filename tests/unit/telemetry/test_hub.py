"""One process."""

from proxy.telemetry.hub import LocalHub
from proxy.telemetry.metrics import Metrics


async def test_own_values() -> None:
    """In the format asked for."""
    metrics = Metrics()
    metrics.cache.hit("l1", 0.001)
    media, body = await LocalHub(metrics).render("")
    assert media.startswith("text/plain")
    assert b'llm_edge_cache_hits_total{tier="l1"} 1.0' in body

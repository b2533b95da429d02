"""The process for one worker. Its whole run is tests/integration/test_serving_single.py's."""

import asyncio
import json
import signal
from pathlib import Path

from proxy.serving.single import new_loop
from tests.integration.test_serving_single import get
from tests.support.serving import ServedProcess


def test_the_loop_is_uvloop() -> None:
    """Where it is installed."""
    loop = new_loop()
    try:
        assert type(loop).__module__ == "uvloop"
        assert isinstance(loop, asyncio.AbstractEventLoop)
    finally:
        loop.close()


def test_start_serve_end(tmp_path: Path) -> None:
    """The ready line has the address."""
    config = tmp_path / "c"
    config.write_text("v")
    with ServedProcess(config=str(config), metrics_port=None, drain_delay_s=0.0) as served:
        line = served.wait_for("ready")
        assert (line["host"], line["workers"]) == ("127.0.0.1", 1)
        assert json.loads(get(served.port, "/")[1])["version"] == "v"
        served.signal(signal.SIGTERM)
        assert served.wait() == 0

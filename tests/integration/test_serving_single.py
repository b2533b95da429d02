"""One process: start, drain, reload, second signal."""

import json
import signal
import socket
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.serving import ServedProcess


def get(port: int, path: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_metrics_port_and_main_port_tell_the_same() -> None:
    """Both speak of the requests that were made."""
    with ServedProcess() as served:
        for _ in range(3):
            assert get(served.port, "/")[0] == 200
        for port in (served.port, served.metrics_port):
            assert b'llm_edge_requests_total{model="m",provider="none",route="/v1/test",status="200"} 3.0' in get(port, "/metrics")[1]
        assert json.loads(get(served.metrics_port, "/health/live")[1]) == {"alive": True}
        served.signal(signal.SIGTERM)
        assert served.wait() == 0


def test_a_taken_metrics_port_is_a_warning() -> None:
    """The gateway serves without it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with ServedProcess(metrics_port=taken.getsockname()[1]) as served:
            assert get(served.port, "/")[0] == 200
            assert any(line["level"] == "warning" and "metrics port" in line["message"] for line in served.lines)


def test_a_taken_port_is_said_at_once() -> None:
    """Exit code, and the address in the message."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with ServedProcess(port=taken.getsockname()[1]) as served:
            assert served.wait() == 1


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_drain_in_order(stop: signal.Signals) -> None:
    """Readiness 503 while new connections are still served and a slow request goes on; then no more connections; then exit 0."""
    with ServedProcess(drain_delay_s=1.0) as served, ThreadPoolExecutor() as pool:
        port = served.port
        assert get(port, "/ready") == (200, b"ready")
        slow = pool.submit(get, port, "/slow?2.5")
        time.sleep(0.3)
        served.signal(stop)
        served.wait_for("draining")
        assert get(port, "/ready") == (503, b"not ready")
        assert get(port, "/")[0] == 200
        deadline = time.monotonic() + 20
        with pytest.raises(ConnectionRefusedError):
            while time.monotonic() < deadline:
                socket.create_connection(("127.0.0.1", port), timeout=5).close()
                time.sleep(0.05)
        assert not slow.done()
        assert slow.result() == (200, b"slow")
        assert served.wait() == 0


def test_answers_during_the_drain_end_their_connections() -> None:
    """`Connection: close` moves clients elsewhere."""
    with ServedProcess(drain_delay_s=1.0) as served:
        port = served.port
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"GET /ready HTTP/1.1\r\nHost: a\r\n\r\n")
            assert b"connection: close" not in client.recv(65536)
            served.signal(signal.SIGTERM)
            served.wait_for("draining")
            client.sendall(b"GET /ready HTTP/1.1\r\nHost: a\r\n\r\n")
            assert b"connection: close" in client.recv(65536)
        assert served.wait() == 0


def test_a_stream_beyond_its_grace_ends_in_band() -> None:
    """What still streams when grace is over is told, and gets its own end out before the connection is cut."""
    with ServedProcess(drain_delay_s=0.0, grace_s=0.3) as served:
        with socket.create_connection(("127.0.0.1", served.port)) as client:
            client.sendall(b"GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")
            assert client.recv(65536).startswith(b"HTTP/1.1 200")
            served.signal(signal.SIGTERM)
            data = b""
            while piece := client.recv(65536):
                data += piece
        assert data.endswith(b"ended in-band\n\r\n0\r\n\r\n")
        assert served.wait() == 0


def test_a_request_beyond_all_limits_is_cut_off() -> None:
    """Nothing keeps the process from ending."""
    with ServedProcess(drain_delay_s=0.0, grace_s=0.2, end_s=0.2) as served, socket.create_connection(("127.0.0.1", served.port)) as client:
        client.sendall(b"GET /slow?60 HTTP/1.1\r\nHost: a\r\n\r\n")
        time.sleep(0.2)
        began = time.monotonic()
        served.signal(signal.SIGTERM)
        assert served.wait() == 0
        assert time.monotonic() - began < 10


def test_a_second_interrupt_ends_at_once() -> None:
    """Whoever presses Ctrl-C twice means it."""
    with ServedProcess(drain_delay_s=30.0) as served:
        assert get(served.port, "/")[0] == 200
        served.signal(signal.SIGINT)
        served.wait_for("draining")
        served.signal(signal.SIGINT)
        assert served.wait(5.0) == 130


def test_reload_takes_a_good_configuration_and_refuses_a_bad_one(tmp_path: Path) -> None:
    """SIGHUP; the outcome stands in the log and in a counter."""
    config = tmp_path / "config"
    config.write_text("one")
    with ServedProcess(config=str(config)) as served:
        port = served.port
        assert json.loads(get(port, "/")[1])["version"] == "one"
        config.write_text("two")
        served.signal(signal.SIGHUP)
        assert served.wait_for("configuration reloaded")["version"] == "two"
        assert json.loads(get(port, "/")[1])["version"] == "two"
        config.write_text("bad")
        served.signal(signal.SIGHUP)
        assert served.wait_for("configuration not reloaded, the old one stays in force")["error"] == "the configuration is bad"
        assert json.loads(get(port, "/")[1])["version"] == "two"
        assert b'llm_edge_config_reloads_total{result="failure"} 1.0' in get(port, "/metrics")[1]


def test_an_application_that_does_not_start_ends_the_process(tmp_path: Path) -> None:
    """With its exception."""
    config = tmp_path / "config"
    config.write_text("crash")
    with ServedProcess(config=str(config)) as served:
        assert served.wait() == 1


def test_a_blocked_log_reader_blocks_no_request() -> None:
    """Nobody reads standard output: requests go on, old lines are dropped and counted, and the process still ends."""
    with ServedProcess(log_level="debug", read=False) as served:
        port = served.find_port()
        for _ in range(50):
            assert get(port, "/chatty")[0] == 200
        assert get(port, "/")[0] == 200
        served.signal(signal.SIGTERM)
        assert served.wait() == 0

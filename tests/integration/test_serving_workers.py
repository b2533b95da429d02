"""A supervisor and its workers."""

import json
import os
import signal
import socket
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.integration.test_serving_single import get
from tests.support.serving import ServedProcess


def until(condition: Callable[[], bool], within_s: float = 30.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.02)


def who(port: int) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(get(port, "/")[1])
    return facts


def alive(pid: int) -> bool:
    """Not a zombie, nor gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def requests_counted(text: bytes) -> float:
    return sum(float(line.rsplit(b" ", 1)[1]) for line in text.splitlines() if line.startswith(b"llm_edge_requests_total{"))


def test_metrics_are_the_sum_over_workers() -> None:
    """On the metrics port and on any worker's main port: every request is counted, once."""
    sent = 60
    with ServedProcess(workers=2) as served:
        port = served.port
        answered = Counter(who(port)["pid"] for _ in range(sent))
        assert len(answered) == 2
        for _ in range(4):
            assert requests_counted(get(port, "/metrics")[1]) == sent
        text = get(served.metrics_port, "/metrics")[1]
        assert requests_counted(text) == sent
        assert b"llm_edge_workers 2.0" in text
        served.signal(signal.SIGTERM)
        assert served.wait() == 0


def test_a_killed_worker_is_replaced() -> None:
    """Its counters stay in the sum, the restart is counted and logged, and both workers answer again."""
    with ServedProcess(workers=2) as served:
        port = served.port
        first, second = served.worker_pids()
        for _ in range(30):
            who(port)
        before = requests_counted(get(port, "/metrics")[1])
        os.kill(first, signal.SIGKILL)
        line = served.wait_for("worker ended unasked and is replaced")
        assert (line["pid"], line["exit"]) == (first, -signal.SIGKILL)
        third = served.wait_for("worker ready", count=3)["pid"]
        assert {who(port)["pid"] for _ in range(40)} == {second, third}
        text = get(served.metrics_port, "/metrics")[1]
        assert b"llm_edge_worker_restarts_total 1.0" in text
        assert requests_counted(text) > before


def test_a_worker_that_ends_by_itself_is_replaced() -> None:
    """Whatever its exit code."""
    with ServedProcess(workers=2) as served:
        with socket.create_connection(("127.0.0.1", served.port)) as client:
            client.sendall(b"GET /exit HTTP/1.1\r\nHost: a\r\n\r\n")
            assert client.recv(1) == b""
        assert served.wait_for("worker ended unasked and is replaced")["exit"] == 7
        served.wait_for("worker ready", count=3)


def test_repeated_crashes_back_off_and_the_others_serve_on() -> None:
    """From the second crash on the dead worker's socket is closed during the pause, so that no connection waits on it."""
    with ServedProcess(workers=2) as served:
        port = served.port
        for count in (1, 2):
            pid = [line["pid"] for line in served.lines if line["message"] == "worker ready" and line["worker"] == 0][-1]
            os.kill(pid, signal.SIGKILL)
            pause = served.wait_for("worker ended unasked and is replaced", count=count)["pause_s"]
            if count == 1:
                served.wait_for("worker ready", count=3)
        assert pause == 0.5
        for _ in range(20):
            assert get(port, "/")[0] == 200
        served.wait_for("worker ready", count=4)


def test_reload_reaches_all_workers(tmp_path: Path) -> None:
    """SIGHUP to the supervisor; a bad configuration reaches none."""
    config = tmp_path / "config"
    config.write_text("one")
    with ServedProcess(workers=2, config=str(config)) as served:
        port = served.port
        config.write_text("two")
        served.signal(signal.SIGHUP)
        assert served.wait_for("configuration reloaded")["workers"] == 2
        assert {(f["pid"], f["version"]) for f in (who(port) for _ in range(40))} == {(pid, "two") for pid in served.worker_pids()}
        config.write_text("bad")
        served.signal(signal.SIGHUP)
        served.wait_for("configuration not reloaded, the old one stays in force")
        assert {who(port)["version"] for _ in range(20)} == {"two"}
        assert b'llm_edge_config_reloads_total{result="failure"} 1.0' in get(port, "/metrics")[1]


def test_a_worker_asks_for_a_reload_of_all(tmp_path: Path) -> None:
    """Through its supervisor, whose answer it passes on; a refused one changes nothing."""
    config = tmp_path / "config"
    config.write_text("one")
    with ServedProcess(workers=2, config=str(config), watch_config=False) as served:
        port = served.port
        config.write_text("two")
        assert json.loads(get(port, "/reload")[1]) == {"version": "two", "workers": 2}
        assert {who(port)["version"] for _ in range(20)} == {"two"}
        config.write_text("bad")
        assert get(port, "/reload") == (422, b"the configuration is bad")
        assert {who(port)["version"] for _ in range(20)} == {"two"}


def test_a_changed_file_reaches_all_workers(tmp_path: Path) -> None:
    """Without a signal; a bad one is tried once, and the next good one is taken."""
    config = tmp_path / "config"
    config.write_text("one")
    with ServedProcess(workers=2, config=str(config)) as served:
        port = served.port
        for text, message, count in (
            ("two", "configuration reloaded", 1),
            ("bad", "configuration not reloaded, the old one stays in force", 1),
            ("three", "configuration reloaded", 2),
        ):
            config.write_text(text)
            served.wait_for(message, count=count)
        assert {who(port)["version"] for _ in range(20)} == {"three"}
        assert len([line for line in served.lines if line["message"] == "configuration not reloaded, the old one stays in force"]) == 1


def test_a_replaced_worker_starts_on_what_is_in_force(tmp_path: Path) -> None:
    """Not on what the disk has meanwhile, which nobody has checked."""
    config = tmp_path / "config"
    config.write_text("one")
    with ServedProcess(workers=2, config=str(config), watch_config=False) as served:
        port = served.port
        config.write_text("two")
        served.signal(signal.SIGHUP)
        served.wait_for("configuration reloaded")
        config.write_text("crash")
        os.kill(served.worker_pids()[0], signal.SIGKILL)
        served.wait_for("worker ready", count=3)
        assert {who(port)["version"] for _ in range(30)} == {"two"}


def test_a_worker_that_cannot_take_the_configuration_is_replaced(tmp_path: Path) -> None:
    """No two versions side by side."""
    config = tmp_path / "config"
    config.write_text("one")
    with ServedProcess(workers=2, config=str(config)) as served:
        port = served.port
        config.write_text(f"half-{served.worker_pids()[0]}")
        served.signal(signal.SIGHUP)
        served.wait_for("worker did not take the configuration and is replaced")
        served.wait_for("worker ready", count=3)
        assert {who(port)["version"] for _ in range(30)} == {config.read_text()}


def test_workers_that_never_start_end_the_supervisor(tmp_path: Path) -> None:
    """With their exit code, after a few tries."""
    config = tmp_path / "config"
    config.write_text("crash")
    with ServedProcess(workers=2, config=str(config)) as served:
        assert served.wait() == 1
        assert any(line["message"] == "workers do not start; giving up" for line in served.lines)


def test_workers_end_with_a_killed_supervisor() -> None:
    """No orphan, and the port is free."""
    with ServedProcess(workers=2) as served:
        port, workers = served.port, served.worker_pids()
        os.kill(served.process.pid, signal.SIGKILL)
        until(lambda: not any(alive(pid) for pid in workers))
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", port))


def test_a_worker_told_to_end_drains_and_is_replaced() -> None:
    """SIGTERM to one worker is not SIGTERM to the gateway."""
    with ServedProcess(workers=2) as served:
        port = served.port
        os.kill(served.worker_pids()[0], signal.SIGTERM)
        assert served.wait_for("worker ended unasked and is replaced")["exit"] == 0
        served.wait_for("worker ready", count=3)
        assert get(port, "/")[0] == 200


def test_all_workers_drain_together() -> None:
    """Exit 0 in the time of one drain; slow requests on every worker are answered."""
    with ServedProcess(workers=2, drain_delay_s=0.5) as served:
        port = served.port
        clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(8)]
        for client in clients:
            client.sendall(b"GET /slow?1 HTTP/1.1\r\nHost: a\r\n\r\n")
        time.sleep(0.2)
        served.signal(signal.SIGTERM)
        for client in clients:
            with client:
                data = b""
                while piece := client.recv(65536):
                    data += piece
                assert data.endswith(b"slow")
        assert served.wait() == 0


def test_a_second_interrupt_kills_all() -> None:
    """At once."""
    with ServedProcess(workers=2, drain_delay_s=30.0) as served:
        assert get(served.port, "/")[0] == 200
        workers = served.worker_pids()
        served.signal(signal.SIGINT)
        served.wait_for("draining all workers")
        served.signal(signal.SIGINT)
        assert served.wait(10.0) == 130
        until(lambda: not any(alive(pid) for pid in workers))


def test_log_lines_of_workers_do_not_run_into_each_other() -> None:
    """Every line of the shared pipe is an object of its own (ServedProcess parses each)."""
    with ServedProcess(workers=2, log_level="debug") as served:
        port = served.port
        for _ in range(20):
            get(port, "/chatty")
        served.signal(signal.SIGTERM)
        assert served.wait() == 0
        assert sum(line["message"].startswith("chatty") for line in served.lines) == 20 * 200

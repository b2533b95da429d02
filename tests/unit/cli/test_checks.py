"""What `doctor` looks at."""

import socket
import sqlite3
from pathlib import Path

import pytest

from proxy.cli.checks import Finding, examine, packages
from tests.support.cluster import Cluster
from tests.support.valkey import Valkey

ECHO = "providers: {echo: {kind: echo}}\nserver: {host: 127.0.0.1, port: 0, metrics_port: 0}\n"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("LLM_EDGE_CONFIG", "REDIS_URL", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)


def findings(text: str, check: str) -> list[Finding]:
    Path("c.yaml").write_text(text)
    return [finding for finding in examine("c.yaml") if finding.check == check]


def test_this_python_will_do() -> None:
    """It runs the tests."""
    (finding,) = findings(ECHO, "python")
    assert finding.verdict == "ok"


def distribution(folder: Path, name: str, *needs: str) -> None:
    """What an installer leaves behind of a package."""
    lines = ["Metadata-Version: 2.1", f"Name: {name}", "Version: 1.5", *(f"Requires-Dist: {need}" for need in needs)]
    (folder / f"{name}-1.5.dist-info").mkdir()
    (folder / f"{name}-1.5.dist-info" / "METADATA").write_text("\n".join(lines) + "\n")


def test_missing_packages_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of extras are not missed; uvloop is not for every system."""
    monkeypatch.syspath_prepend(tmp_path)
    distribution(tmp_path, "edge_a", "edge-nope>=1; python_version > '3'", "pytest>=1", "edge-extra; extra == 'x'")
    distribution(tmp_path, "edge_b", "pytest>=1", "uvloop>=0.1")
    assert [(finding.verdict, "missing: edge-nope;" in finding.text) for finding in packages("edge_a")] == [("fail", True)]
    assert [tuple(finding[1:]) for finding in packages("edge_b")] == [("ok", "edge_b 1.5 and its 2 dependencies")]


def test_a_source_tree_is_not_checked() -> None:
    """It has no metadata to compare with."""
    assert [finding.verdict for finding in packages("edge-not-installed")] == ["warn"]


def test_a_missing_configuration_ends_the_rest() -> None:
    """Its mistakes are the finding."""
    found = findings("server: {prot: 1}\n", "config")
    assert [finding.verdict for finding in found] == ["fail"]
    assert "did you mean" in found[0].text


def test_what_has_no_effect_is_a_warning() -> None:
    """As at start."""
    found = findings(ECHO + "audit: {previews: all}\n", "config")
    assert [finding.verdict for finding in found] == ["ok", "warn"]


def test_a_store_that_is_not_there_yet_is_fine(tmp_path: Path) -> None:
    """It is not made by looking."""
    (finding,) = findings(ECHO + f"stores: {{records: 'sqlite:///{tmp_path}/deep/x.db'}}\n", "records")
    assert (finding.verdict, finding.text.endswith("at the first start")) == ("ok", True)
    assert not (tmp_path / "deep").exists()


def test_a_store_that_cannot_be_made_fails() -> None:
    """Nobody, not even root, makes a folder there."""
    (finding,) = findings(ECHO + "stores: {records: 'sqlite:////proc/self/nope/x.db'}\n", "records")
    assert finding.verdict == "fail"


def test_a_store_that_others_can_read_is_a_warning(tmp_path: Path) -> None:
    """It holds the signing secret."""
    sqlite3.connect(tmp_path / "x.db").close()
    (tmp_path / "x.db").touch(0o644)
    (tmp_path / "x.db").chmod(0o644)
    found = findings(ECHO + f"stores: {{records: 'sqlite:///{tmp_path}/x.db'}}\n", "records")
    assert [finding.verdict for finding in found] == ["ok", "warn"]
    assert "chmod 600" in found[1].text


def test_a_broken_store_fails(tmp_path: Path) -> None:
    """With SQLite's own words."""
    (tmp_path / "x.db").write_bytes(b"no database" * 1000)
    (tmp_path / "x.db").chmod(0o600)
    (finding,) = findings(ECHO + f"stores: {{records: 'sqlite:///{tmp_path}/x.db'}}\n", "records")
    assert (finding.verdict, "not a database" in finding.text) == ("fail", True)


def test_records_in_memory_are_writable() -> None:
    """For what that is worth."""
    (finding,) = findings(ECHO + "stores: {records: 'memory://'}\n", "records")
    assert finding.verdict == "ok"


@pytest.mark.parametrize("policy", ["noeviction", "allkeys-lru"])
def test_a_redis_that_may_evict_limits_is_a_warning(policy: str) -> None:
    """Unless the cache has a Redis of its own."""
    with Valkey(unix=False, **{"maxmemory-policy": policy}) as server:
        shared = findings(ECHO + f"stores: {{redis: '{server.url}'}}\n", "redis")
        own = findings(ECHO + f"stores: {{redis: '{server.url}'}}\ncache: {{l2: {{redis: '{server.url}'}}}}\n", "redis")
    assert [finding.verdict for finding in shared] == (["ok"] if policy == "noeviction" else ["ok", "warn"])
    assert [finding.verdict for finding in own] == ["ok"]


def test_a_cluster_is_asked_as_a_whole() -> None:
    """One master that may evict is a warning, one that is gone a failure."""
    with Cluster() as cluster:
        text = ECHO + f"stores: {{redis: '{cluster.url}'}}\n"
        assert [finding.verdict for finding in findings(text, "redis")] == ["ok"]
        cluster.nodes[1].command("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
        assert ["allkeys-lru" in finding.text for finding in findings(text, "redis")] == [False, True]
        cluster.nodes[2].kill()
        assert [finding.verdict for finding in findings(text, "redis")] == ["fail"]


def test_a_redis_that_does_not_answer_fails() -> None:
    """Without its password in the text."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        (finding,) = findings(ECHO + f"stores: {{redis: 'redis://:canary@127.0.0.1:{taken.getsockname()[1]}/0'}}\n", "redis")
    assert finding.verdict == "fail"
    assert "canary" not in finding.text


def test_ports_are_tried() -> None:
    """Free, in use, impossible."""
    base = "providers: {echo: {kind: echo}}\nserver: "
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        used = taken.getsockname()[1]
        (finding,) = findings(base + f"{{host: 127.0.0.1, port: {used}, metrics_port: 0}}\n", "ports")
        assert finding.verdict == "warn"
    (finding,) = findings(base + f"{{host: 127.0.0.1, port: {used}, metrics_port: 0}}\n", "ports")
    assert finding.verdict == "ok"
    (finding,) = findings(base + f"{{host: 192.0.2.1, port: {used}, metrics_port: 0}}\n", "ports")
    assert finding.verdict == "fail"

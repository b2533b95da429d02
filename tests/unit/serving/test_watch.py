"""Files of the configuration that change."""

import asyncio
import os
from pathlib import Path

import pytest

from proxy.serving.watch import FileWatch, watch_files
from proxy.settings.sources import Sources
from tests.support.eventually import eventually


def watching(*files: Path) -> FileWatch:
    watch = FileWatch(Sources({str(file): file.read_bytes() if file.is_file() else None for file in files}))
    settle(watch)
    return watch


def settle(watch: FileWatch) -> bool:
    """Whether one of two looks found a change."""
    return bool(sum((watch.look(), watch.look())))


def test_a_change_counts_when_two_looks_saw_the_same(tmp_path: Path) -> None:
    """Once. Who writes in pieces is waited for."""
    file = tmp_path / "c"
    file.write_text("one")
    watch = watching(file)
    assert not settle(watch)
    for part in ("t", "tw", "two"):
        file.write_text(part)
        assert not watch.look()
    assert watch.look()
    assert not settle(watch)


def test_touching_is_no_change(tmp_path: Path) -> None:
    """The content counts."""
    file = tmp_path / "c"
    file.write_text("one")
    watch = watching(file)
    os.utime(file, (1, 1))
    assert not settle(watch)
    file.write_text("one")
    assert not settle(watch)


def test_the_same_size_and_time_but_another_file(tmp_path: Path) -> None:
    """An editor's rename."""
    file, other = tmp_path / "c", tmp_path / "c.new"
    file.write_text("one")
    other.write_text("two")
    for each in (file, other):
        os.utime(each, (1_000, 1_000))
    watch = watching(file)
    other.replace(file)
    assert settle(watch)


def test_the_links_of_a_config_map(tmp_path: Path) -> None:
    """`c` → `..data/c`, `..data` → a folder a version; Kubernetes swaps the second link."""
    for version in ("v1", "v2"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "c").write_text(version)
    (tmp_path / "..data").symlink_to("v1")
    (tmp_path / "c").symlink_to("..data/c")
    watch = watching(tmp_path / "c")
    (tmp_path / "..tmp").symlink_to("v2")
    (tmp_path / "..tmp").replace(tmp_path / "..data")
    assert settle(watch)


def test_files_that_come_and_go(tmp_path: Path) -> None:
    """A `.env` that was not there, a file that is gone for a moment."""
    file = tmp_path / ".env"
    watch = watching(file)
    file.write_text("A=1")
    assert settle(watch)
    file.unlink()
    assert settle(watch)
    file.write_text("A=2")
    file.unlink()
    assert not settle(watch)


def test_what_changed_before_the_first_look_is_seen(tmp_path: Path) -> None:
    """Between the start's reading and the watch."""
    file = tmp_path / "c"
    file.write_text("new")
    watch = FileWatch(Sources({str(file): b"old"}))
    assert settle(watch)


def test_what_was_read_is_what_the_next_change_is_measured_by(tmp_path: Path) -> None:
    """After a reload that somebody else ordered; files that are not named any more are forgotten, certificates are watched too."""
    file, secret, cert = tmp_path / "c", tmp_path / "secret", tmp_path / "cert"
    for each in (file, secret, cert):
        each.write_text("one")
    watch = watching(file)
    file.write_text("two")
    watch.follow(Sources({str(file): b"two", str(secret): b"one"}, (str(cert),)))
    assert not settle(watch)
    cert.write_text("two")
    assert settle(watch)
    watch.follow(Sources({str(file): b"two"}))
    secret.write_text("two")
    cert.write_text("three")
    assert not settle(watch)


def test_what_changed_while_it_was_read_is_seen(tmp_path: Path) -> None:
    """The content that was read counts, not the one that is there when the reload ends."""
    file = tmp_path / "c"
    file.write_text("one")
    watch = watching(file)
    file.write_text("three")
    watch.follow(Sources({str(file): b"two"}))
    assert settle(watch)


def test_nothing_read_is_no_reason_to_look_elsewhere(tmp_path: Path) -> None:
    """Where not even the file's name is known."""
    file = tmp_path / "c"
    file.write_text("one")
    watch = FileWatch(Sources(), [str(file)])
    watch.follow(Sources())
    assert not settle(watch)
    file.write_text("two")
    assert settle(watch)


async def test_a_change_makes_a_reload(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Once a change, and it is said."""
    caplog.set_level("INFO")
    file = tmp_path / "c"
    file.write_text("one")
    watch = watching(file)
    seen: list[str] = []

    async def reload() -> None:
        seen.append(file.read_text())

    task = asyncio.ensure_future(watch_files(watch, reload, poll_s=0.005))
    for text in ("two", "three"):
        file.write_text(text)
        await eventually(lambda text=text: text in seen)  # type: ignore[misc]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == ["two", "three"]
    assert caplog.text.count("changed on the disk") == 2

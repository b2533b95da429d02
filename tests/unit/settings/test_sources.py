"""Files of a configuration, and what stands for them."""

from pathlib import Path

import msgspec
import pytest

from proxy.settings.sources import SourceReader, Sources


def test_what_was_read_is_remembered(tmp_path: Path) -> None:
    """Missing and unreadable files too."""
    there, missing = tmp_path / "a", tmp_path / "b"
    there.write_bytes(b"text")
    reader = SourceReader()
    assert reader.read(there) == b"text"
    for wrong in (missing, tmp_path):
        with pytest.raises(OSError, match=str(wrong)):
            reader.read(wrong)
    assert reader.texts == {str(there): b"text", str(missing): None, str(tmp_path): None}


def test_what_is_given_stands_for_the_disk(tmp_path: Path) -> None:
    """Whatever has become of the file, or of the place where there was none."""
    changed, made, other = tmp_path / "changed", tmp_path / "made", tmp_path / "other"
    for file in (changed, made, other):
        file.write_bytes(b"new")
    reader = SourceReader({str(changed): b"old", str(made): None})
    assert reader.read(changed) == b"old"
    with pytest.raises(FileNotFoundError):
        reader.read(made)
    assert reader.read(other) == b"new"
    assert reader.texts == {str(changed): b"old", str(made): None, str(other): b"new"}


def test_a_limit_bounds_what_is_read(tmp_path: Path) -> None:
    """One byte more tells that there is more."""
    file = tmp_path / "large"
    file.write_bytes(b"x" * 100)
    assert SourceReader().read(file, limit=10) == b"x" * 11


def test_sources_travel_and_show_nothing() -> None:
    """Content is not in the repr: it may hold secrets."""
    sources = Sources({"/b": b"secret-canary", "/a": None}, ("/cert.pem",))
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(sources), type=Sources) == sources
    assert repr(sources) == "Sources(['/a', '/b'], ['/cert.pem'])"
    assert sources.paths() == ("/b", "/a", "/cert.pem")

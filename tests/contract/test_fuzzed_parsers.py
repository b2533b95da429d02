"""Parsers of foreign bytes, fed real samples gone wrong: only InvalidBody, the same however the bytes are cut, and never more kept than
an event may have. `scripts/fuzz` runs the same targets for as long as one likes."""

import tracemalloc
from collections.abc import Callable
from importlib.util import find_spec

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.api.routes import TABLE
from proxy.codecs.base import InvalidBody
from proxy.codecs.eventstream import encode_frame
from proxy.codecs.gemini_generate.stream_decode import MAX_EVENT_BYTES as GEMINI_MAX_EVENT_BYTES
from proxy.codecs.sse import MAX_EVENT_BYTES
from tests.support.doors import DOORS, content_at, stream_events
from tests.support.fuzz import Seeded, main
from tests.support.fuzz_targets import CODECS, FRAMED, TARGETS, streams

CAPS = {"gemini_generate": GEMINI_MAX_EVENT_BYTES}
"""Bytes of an event, where they are not everybody's."""


class Drawn:
    """Choices of hypothesis's."""

    def __init__(self, data: st.DataObject) -> None:
        self._data = data

    def number(self, low: int, high: int) -> int:
        drawn: int = self._data.draw(st.integers(low, high))
        return drawn


@pytest.mark.parametrize("name", list(TARGETS))
@settings(max_examples=120, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_samples_gone_wrong(name: str, data: st.DataObject) -> None:
    """As the targets say."""
    TARGETS[name](Drawn(data))


@pytest.mark.parametrize("name", list(TARGETS))
def test_many_more_of_them(name: str) -> None:
    """Without hypothesis, which shrinks what it finds but takes ten times as long to look."""
    for number in range(400):
        TARGETS[name](Seeded(f"{name} {number}"))


def readers(dialect: str) -> dict[str, Callable[[bytes], object]]:
    codec = CODECS[dialect]
    return {"decoder": codec.stream_decoder().feed, "watcher": codec.watcher().feed}


@pytest.mark.parametrize("reader", ["decoder", "watcher"])
@pytest.mark.parametrize("dialect", list(CODECS))
def test_an_endless_event_is_refused_at_its_cap(dialect: str, reader: str) -> None:
    """Whether it has no end or says beforehand how long it is."""
    feed = readers(dialect)[reader]
    chunk = b"x" * 65536
    beginning = b"data: "
    if dialect in FRAMED:
        frame = encode_frame({}, b"x" * (4 * 1024 * 1024))
        beginning, chunk = frame[:65536], frame[65536:131072]
    taken, cap = 0, CAPS.get(dialect, MAX_EVENT_BYTES)
    tracemalloc.start()
    try:
        with pytest.raises(InvalidBody, match="exceeds"):
            feed(beginning)
            while taken < 2 * cap:
                feed(chunk)
                taken += len(chunk)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert taken <= cap
    assert peak < 4 * cap


@pytest.mark.parametrize("reader", ["decoder", "watcher"])
@pytest.mark.parametrize("door", list(DOORS))
def test_a_long_stream_leaves_nothing_behind(door: str, reader: str) -> None:
    """The text of five thousand events is gathered nowhere."""
    (dialect,) = (row.dialect for row in TABLE if row.path == DOORS[door].path)
    feed = readers(dialect or "")[reader]
    *beginning, text = stream_events(door)[: content_at(door)]
    feed(b"".join(beginning) + text * 100)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(5000):
            feed(text)
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < 50_000


def test_every_dialect_has_samples() -> None:
    """Else its targets would be empty."""
    assert all(streams(name) for name in CODECS)


def test_the_command_for_long_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """Says what it did; without atheris it says so, and what to do."""
    assert main(["jsonbody", "--random", "--once", "--seed", "x"]) == 0
    assert "jsonbody: nothing in 1 tries" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["nothing"])
    assert "no such target: nothing" in capsys.readouterr().err
    if find_spec("atheris") is None:
        assert main(["jsonbody"]) == 2
        assert "--random" in capsys.readouterr().err

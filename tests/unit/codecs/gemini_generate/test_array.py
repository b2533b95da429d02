"""Events as one JSON array."""

import json

import pytest

from proxy.codecs.base import InvalidBody
from proxy.codecs.gemini_generate.array import ArrayWriter, EventsToArray
from tests.support.gemini_samples import STREAMS, events_of, sample


def test_elements_are_parted_by_comma_and_line_end() -> None:
    """`[{…},\\n{…}]`."""
    writer = ArrayWriter()
    assert writer.element(b"{}") + writer.element(b"{}") + writer.end() + writer.end() == b"[{},\n{}]"
    assert ArrayWriter().end() == b"[]"


@pytest.mark.parametrize("name", STREAMS)
def test_events_cut_anywhere_become_the_array(name: str) -> None:
    """Keep-alives disappear."""
    body = b"\n\n" + sample(name) + b": comment\n\n"
    for size in (1, 7, len(body)):
        writer = EventsToArray(max_event_bytes=100_000)
        out = b"".join(writer.feed(body[at : at + size]) for at in range(0, len(body), size)) + writer.end()
        assert json.loads(out) == events_of(body)


def test_the_buffer_has_a_cap() -> None:
    """As the decoder's."""
    with pytest.raises(InvalidBody):
        EventsToArray(max_event_bytes=10).feed(b"data: " + b"x" * 20)

"""What chat's and legacy completions' streams have in common."""

from typing import Any

import pytest

from proxy.codecs.base import InvalidBody
from proxy.codecs.openai_chat.chunk_stream import ChunkStreamDecoder
from proxy.core.events import StreamEnd, StreamEvent, StreamFailed, StreamPing


class Pings(ChunkStreamDecoder):
    """Each chunk is a ping; whole after two."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = 0

    def _chunk(self, chunk: dict[str, Any], out: list[StreamEvent]) -> None:
        self.seen += 1
        out.append(StreamPing())

    def _end(self, out: list[StreamEvent]) -> None:
        if self.seen == 2:
            out.append(StreamEnd())


def test_done_ends_it_and_what_follows_is_ignored() -> None:
    """Once: the body's end adds nothing."""
    decoder = Pings()
    assert decoder.feed(b"data: {}\n\ndata: {}\n\ndata: [DONE]\n\ndata: {}\n\n") == [StreamPing(), StreamPing(), StreamEnd()]
    assert decoder.feed(b"data: {}\n\n") == decoder.close() == []


def test_without_done_the_body_decides() -> None:
    """Whole or truncated is the dialect's to say."""
    whole, cut = Pings(), Pings()
    whole.feed(b"data: {}\n\ndata: {}\n\n")
    cut.feed(b"data: {}\n\n")
    assert (whole.close(), cut.close()) == ([StreamEnd()], [])


@pytest.mark.parametrize(
    "event", [b'data: {"error": {"message": "m"}}', b'event: error\ndata: {"message": "m"}', b'data: {"object": "error", "message": "m"}']
)
def test_an_error_ends_it(event: bytes) -> None:
    """In each of its forms; no end follows."""
    decoder = Pings()
    (failed,) = decoder.feed(event + b"\n\ndata: {}\n\n")
    assert isinstance(failed, StreamFailed)
    assert failed.error.message == "m"
    assert decoder.close() == []


@pytest.mark.parametrize("data", [b"{", b"[1]", b"\xff"])
def test_what_is_no_json_object_is_refused(data: bytes) -> None:
    """The provider's fault, named."""
    with pytest.raises(InvalidBody):
        Pings().feed(b"data: " + data + b"\n\n")

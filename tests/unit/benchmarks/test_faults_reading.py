"""What the client of the fault bench takes for an answer."""

import json

import pytest

from benchmarks.faults import answers
from benchmarks.faults.reading import StreamReading, Verdict, judge_whole, read_text


def streamed(*data: bytes, request: str = "r1") -> StreamReading:
    reading = StreamReading(request)
    for piece in data:
        reading.feed(piece)
    return reading


def content(*numbers: int, call: int = 4, request: str = "r1", n: int = 3) -> bytes:
    return b"".join(answers.event(request, call, "m", i, n) for i in numbers)


LAST = answers.last_events(4, "m", 3, with_usage=True)
IN_BAND = b'data: {"error":{"message":"broken","type":"server_error","code":"x"}}\n\n'


@pytest.mark.parametrize(
    ("data", "verdict"),
    [
        (content(0, 1, 2) + LAST, "ok"),
        (content(0, 1, 2) + LAST.replace(b"\n", b"\r\n"), "ok"),
        (content(0, 1, 2), "cut"),
        (content(0, 1) + LAST, "lie"),
        (content(0, 2, 1) + LAST, "lie"),
        (content(0, 1, 2) + answers.DONE, "lie"),
        (LAST, "lie"),
        (content(0, 1) + IN_BAND, "failed"),
        (content(0, 1) + IN_BAND + answers.DONE, "lie"),
        (content(0, 1) + answers.BROKEN_EVENT + content(2) + LAST, "garbled"),
        (content(0, request="r2") + content(1, 2) + LAST, "mixed"),
        (content(0, 1) + content(0, 1, 2, call=5) + LAST, "continued"),
        (content(0, 1) + content(2, call=5) + LAST, "lie"),
        (b": ping\n\n" + content(0, 1, 2) + LAST, "ok"),
    ],
)
def test_streams(data: bytes, verdict: Verdict) -> None:
    """Only a whole text of one call with finish and `[DONE]` is ok, however the bytes are cut; each other end has its word."""
    assert streamed(data).judge() == verdict
    assert streamed(*(data[i : i + 1] for i in range(len(data)))).judge() == verdict


def test_begun_with_the_first_content() -> None:
    """A comment or an error is no content."""
    assert not streamed(b": ping\n\n" + IN_BAND).begun
    assert streamed(content(0)).begun
    assert streamed(content(0) + content(1, call=9)).calls == 2


@pytest.mark.parametrize(
    ("status", "body", "verdict"),
    [
        (200, answers.whole("r1", 4, "m", 3), "ok"),
        (200, answers.whole("r2", 4, "m", 3), "mixed"),
        (200, answers.whole("r1", 4, "m", 3).replace(b"<r1.4|1/3>", b""), "lie"),
        (200, answers.whole("r1", 4, "m", 3).replace(b'"stop"', b"null"), "lie"),
        (200, answers.whole("r1", 4, "m", 3)[:-9], "garbled"),
        (200, answers.HTML, "garbled"),
        (200, b'{"choices":[]}', "garbled"),
        (503, answers.error("down", "server_error", "x"), "refused"),
        (503, answers.HTML, "garbled"),
        (503, b'{"error":"down"}', "garbled"),
    ],
)
def test_whole_answers(status: int, body: bytes, verdict: Verdict) -> None:
    """An error status counts as one only with the dialect's body."""
    assert judge_whole(status, body, "r1") == verdict


def test_marks() -> None:
    """They name the request, the call, and the place."""
    text = answers.piece("r1", 4, 0, 2) + answers.piece("r1", 4, 1, 2)
    assert read_text(text, "r1") == ((4,), True, True)
    assert read_text(text + "!", "r1").whole is False
    assert read_text("", "r1") == ((), False, True)
    assert json.loads(answers.MODELS)["object"] == "list"

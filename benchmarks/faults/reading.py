"""What a client makes of an answer, without I/O: was it whole, its own, from one call, and did its end tell the truth?"""

import json
from typing import Any, Literal, NamedTuple

from benchmarks.faults.answers import MARK

Verdict = Literal["ok", "refused", "failed", "continued", "cut", "garbled", "mixed", "lie", "no end"]
"""ok: whole, and from one call. refused: an error status with its body. failed: an error inside a stream that had begun.
continued: ended well with text of a second call behind that of a first.
Those that should never be: cut: ended without an end. garbled: 200 with what is no answer. mixed: text of two calls, or another request's.
lie: said to be finished, and is not whole. no end: nothing came for as long as the client waited."""
TRUTHFUL: frozenset[Verdict] = frozenset({"ok", "refused", "failed", "continued"})


class Text(NamedTuple):
    """What the marks of a text say."""

    calls: tuple[int, ...]
    """In order of appearance."""
    whole: bool
    """The last call's pieces are all there, once and in order."""
    own: bool
    """No other request's mark."""


def read_text(text: str, request: str) -> Text:
    marks = MARK.findall(text)
    calls = tuple(dict.fromkeys(int(call) for _, call, _, _ in marks))
    last = [(int(i), int(n)) for _, call, i, n in marks if calls and int(call) == calls[-1]]
    whole = bool(last) and len(last) == last[0][1] and all(i == place for place, (i, _) in enumerate(last))
    return Text(calls, whole and MARK.sub("", text) == "", all(found == request for found, _, _, _ in marks))


def _ended(text: str, request: str) -> Verdict:
    """An answer that says it is finished."""
    found = read_text(text, request)
    if not found.own:
        return "mixed"
    if not found.whole:
        return "lie"
    return "ok" if len(found.calls) == 1 else "continued"


def _content(choice: Any, part: str) -> str:
    content = choice[part].get("content")
    return content if isinstance(content, str) else ""


def judge_whole(status: int, body: bytes, request: str) -> Verdict:
    """An answer that is no stream, or a refusal of one."""
    try:
        value = json.loads(body)
        if status != 200:
            return "refused" if isinstance(value["error"]["message"], str) else "garbled"
        choice = value["choices"][0]
        text = _content(choice, "message")
        finished = choice["finish_reason"] is not None
    except (ValueError, LookupError, TypeError, AttributeError):
        return "garbled"
    return _ended(text, request) if finished else "lie"


class StreamReading:
    """Events of one stream. `feed` takes the body's bytes as they come."""

    def __init__(self, request: str) -> None:
        self._request = request
        self._buffer = b""
        self._pieces: list[str] = []
        self._finished = False
        self._garbled = False
        self._error = False
        self.done = False
        """`[DONE]` was there."""

    @property
    def begun(self) -> bool:
        """Some content has come."""
        return bool(self._pieces)

    def feed(self, data: bytes) -> None:
        self._buffer = (self._buffer + data).replace(b"\r\n", b"\n")
        while (end := self._buffer.find(b"\n\n")) >= 0:
            block, self._buffer = self._buffer[:end], self._buffer[end + 2 :]
            lines = [line[5:].strip() for line in block.split(b"\n") if line.startswith(b"data:")]
            if lines:
                self._event(b"\n".join(lines))

    def _event(self, data: bytes) -> None:
        if data == b"[DONE]":
            self.done = True
            return
        try:
            value = json.loads(data)
            if "error" in value:
                self._error = True
                return
            for choice in value["choices"]:
                if text := _content(choice, "delta"):
                    self._pieces.append(text)
                self._finished = self._finished or choice.get("finish_reason") is not None
        except (ValueError, LookupError, TypeError, AttributeError):
            self._garbled = True

    def judge(self) -> Verdict:
        """After the end of the body, or of the connection."""
        text = "".join(self._pieces)
        found = read_text(text, self._request)
        if not found.own:
            return "mixed"
        if self._garbled:
            return "garbled"
        if self._error:
            return "lie" if self.done or self._finished else "failed"
        if not self.done:
            return "cut"
        return _ended(text, self._request) if self._finished else "lie"

    @property
    def calls(self) -> int:
        """Of how many calls there was text."""
        return len(read_text("".join(self._pieces), self._request).calls)

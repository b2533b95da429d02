"""The provider of the fleet bench, in a process of its own: `python -m benchmarks.fleet.upstream SEED BILL`.

It says its port on stdout, answers chat completions after 0.2 to 1.8 s, whole or as streams, and writes down what each call costs. It ends
with its input, and leaves the bill as JSON in the file BILL.
"""

import asyncio
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from typing import Any, Self, cast

import msgspec

from benchmarks.fleet.bill import MARK, MAX_TOKENS, Charge, charge
from benchmarks.load.__main__ import new_loop
from benchmarks.processes import end_by_pipe
from benchmarks.upstream.requests import next_request

FASTEST_S, SLOWEST_S = 0.2, 1.8
_STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_EVENTS = 4


class Provider:
    """From outside: `with Provider(seed, work) as up:` … `up.port`, and afterwards `up.bill()`."""

    def __init__(self, seed: int, work: Path) -> None:
        self._file = work / "bill.json"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.fleet.upstream", str(seed), str(self._file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        line = b"" if self._process.stdout is None else self._process.stdout.readline()
        if not line:
            raise RuntimeError("the provider did not start")
        self.port = int(line)

    def bill(self) -> list[Charge]:
        """Ends it."""
        end_by_pipe(self._process, wait_s=20)
        return msgspec.json.decode(self._file.read_bytes(), type=list[Charge])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        end_by_pipe(self._process)


class Books:
    def __init__(self, seed: int, *, fastest_s: float = FASTEST_S, slowest_s: float = SLOWEST_S) -> None:
        self.charges: list[Charge] = []
        self.seed = seed
        self._between = (fastest_s, slowest_s)

    def arrive(self, body: bytes, asked: dict[str, Any]) -> tuple[Charge, float]:
        """What it is billed, and after how many seconds it is answered."""
        marks = MARK.findall(body)
        mark = marks[-1].decode() if marks else ""
        most = asked.get("max_completion_tokens") or asked.get("max_tokens") or MAX_TOKENS
        found = charge(mark, len(body), time.time(), self.seed, stream=bool(asked.get("stream")), most=most)
        self.charges.append(found)
        return found, Random(f"{self.seed}/{mark}/s").uniform(*self._between)


class Connection(asyncio.Protocol):
    """One keep-alive connection with at most one call under way."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        request = next_request(self._buffer)
        if request is None:
            return
        _, body, self._buffer = request
        if not body:
            self._write(_whole({}))
            return
        asked = msgspec.json.decode(body)
        found, wait_s = self._books.arrive(body, asked)
        if found.stream:
            told = bool((asked.get("stream_options") or {}).get("include_usage"))
            self._later(wait_s / _EVENTS, lambda: self._stream(found, asked["model"], wait_s, 0, told=told))
        else:
            self._later(wait_s, lambda: self._answer(found, asked["model"]))

    def _answer(self, found: Charge, model: str) -> None:
        message = {"role": "assistant", "content": f"billed {found.mark}"}
        choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
        self._end(found, _whole({**_frame("chat.completion", found, model, choices), "usage": _usage(found)}))

    def _stream(self, found: Charge, model: str, wait_s: float, i: int, *, told: bool) -> None:
        if i == _EVENTS:
            last = _event(found, model, [{"index": 0, "delta": {}, "finish_reason": "stop"}])
            if told:
                last += _event(found, model, [], usage=_usage(found))
            self._end(found, _chunk(last + b"data: [DONE]\n\n") + b"0\r\n\r\n")
            return
        delta = {"role": "assistant", "content": f"billed {found.mark}"} if i == 0 else {"content": f" {i}"}
        event = _chunk(_event(found, model, [{"index": 0, "delta": delta, "finish_reason": None}]))
        self._write(_STREAM_HEAD + event if i == 0 else event)
        self._later(wait_s / _EVENTS, lambda: self._stream(found, model, wait_s, i + 1, told=told))

    def _later(self, delay_s: float, then: Any) -> None:
        self._timer = asyncio.get_running_loop().call_later(delay_s, then)

    def _end(self, found: Charge, data: bytes) -> None:
        if self._transport is not None:
            found.whole = True
            self._write(data)

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)


def _usage(found: Charge) -> dict[str, int]:
    return {"prompt_tokens": found.prompt, "completion_tokens": found.completion, "total_tokens": found.prompt + found.completion}


def _frame(kind: str, found: Charge, model: str, choices: list[Any]) -> dict[str, Any]:
    return {"id": f"chatcmpl-{found.mark}", "object": kind, "created": int(found.arrived), "model": model, "choices": choices}


def _event(found: Charge, model: str, choices: list[Any], **more: Any) -> bytes:
    return b"data: %b\n\n" % msgspec.json.encode({**_frame("chat.completion.chunk", found, model, choices), **more})


def _whole(value: object) -> bytes:
    body = msgspec.json.encode(value)
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def _serve(books: Books) -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    server = await loop.create_server(lambda: Connection(books), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await reader.read()
    server.close()


def main() -> None:
    books = Books(int(sys.argv[1]))
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(_serve(books))
    Path(sys.argv[2]).write_bytes(msgspec.json.encode(books.charges))


if __name__ == "__main__":
    main()

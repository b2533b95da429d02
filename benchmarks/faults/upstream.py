"""The scripted set on real sockets: one port a member, all in one process and on one event loop.

    async with UpstreamSet(2) as up:
        up.play([Member(name="a", rules=(Rule(act=server_error()),)), Member(name="b")], seed=1)
        up.url("a")          # http://127.0.0.1:PORT/v1
        up.log.calls         # what arrived

For a process of its own see `worker.py`. Members speak OpenAI's chat completions, whole and streamed; GET of anything below /v1 follows the
script, too (probes), and GET / always answers.
"""

import asyncio
import socket
import struct
import time
from collections.abc import Callable, Sequence
from typing import Any, Self, assert_never, cast

import msgspec

from benchmarks.faults import answers
from benchmarks.faults.script import Answer, Begun, Malformed, Member, MemberState, Refusal, Reset, Stall, Step, Truncated, WrongType
from benchmarks.faults.wire import WireCall, WireLog
from benchmarks.upstream.requests import next_request

Headers = Sequence[tuple[str, str]]
_JSON = "application/json"
_SSE_HEAD = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n%s\r\n"
_END = b"0\r\n\r\n"
_RESET = struct.pack("ii", 1, 0)


class _Asked(msgspec.Struct):
    """Of the request's body what the answer depends on."""

    model: str = ""
    stream: bool = False
    stream_options: dict[str, Any] | None = None


class Seat:
    """A port, and the member that sits there for now."""

    def __init__(self) -> None:
        self.state: MemberState | None = None
        self.log = WireLog()
        self.begun_ns = 0
        self.in_flight = 0
        self.connections: set[_Connection] = set()
        self.server: asyncio.Server | None = None
        self.port = 0

    def place(self, member: Member | None, seed: int, log: WireLog) -> None:
        """Connections of before are closed: their calls belong to another log."""
        for connection in list(self.connections):
            connection.close()
        self.state = None if member is None else MemberState(member, seed)
        self.log = log
        self.in_flight = 0
        self.begun_ns = time.monotonic_ns()


class UpstreamSet:
    def __init__(self, seats: int) -> None:
        self._seats = [Seat() for _ in range(seats)]
        self._dead = socket.socket()
        self._ports: dict[str, int] = {}
        self.log = WireLog()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        for seat in self._seats:
            seat.server = await loop.create_server(_maker(seat), "127.0.0.1", 0, backlog=512)
            seat.port = seat.server.sockets[0].getsockname()[1]
        self._dead.bind(("127.0.0.1", 0))  # bound, so that nobody else gets it; nobody listens
        return self

    async def __aexit__(self, *exc: object) -> None:
        for seat in self._seats:
            seat.place(None, 0, self.log)
            if seat.server is not None:
                seat.server.close()
                await seat.server.wait_closed()
        self._dead.close()

    @property
    def ports(self) -> list[int]:
        """Of the seats, in order."""
        return [seat.port for seat in self._seats]

    @property
    def dead_port(self) -> int:
        """Where connections are refused."""
        return int(self._dead.getsockname()[1])

    def play(self, members: Sequence[Member], seed: int) -> None:
        """A new script from its beginning, with an empty log; each member takes the seat of its place in the sequence.

        Raises ValueError for more members than seats, or two of one name.
        """
        if len(members) > len(self._seats) or len({member.name for member in members}) < len(members):
            raise ValueError(f"members need different names and a seat each of {len(self._seats)}")
        self.log = WireLog()
        self._ports = {}
        for i, seat in enumerate(self._seats):
            member = members[i] if i < len(members) else None
            seat.place(member, seed, self.log)
            if member is not None:
                self._ports[member.name] = self.dead_port if member.refuses else seat.port

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self._ports[name]}/v1"


def _maker(seat: Seat) -> Callable[[], "_Connection"]:
    return lambda: _Connection(seat)


class _Connection(asyncio.Protocol):
    """One keep-alive connection with at most one call under way."""

    def __init__(self, seat: Seat) -> None:
        self._seat = seat
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._call: WireCall | None = None
        self._asked = _Asked()
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance
        self._seat.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._seat.connections.discard(self)
        self._end(left=True)

    def close(self) -> None:
        self._end()
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._call is not None:
            return
        found = next_request(self._buffer)
        if found is None:
            return
        head, body, self._buffer = found
        self._take(head, body)

    def _take(self, head: bytes, body: bytes) -> None:
        seat = self._seat
        if head.startswith(b"get / "):
            self._write(_whole(200, _JSON, b"{}"))
            return
        if seat.state is None:
            self._write(_whole(404, _JSON, answers.error("no member sits here", "invalid_request_error", "no_member")))
            return
        self._asked = msgspec.json.decode(body, type=_Asked) if body else _Asked()
        marks = answers.ASKED.findall(body)
        now_ns = time.monotonic_ns()
        self._call = seat.log.begin(seat.state.member.name, marks[-1].decode() if marks else "", self._asked.stream, now_ns)
        step = seat.state.decide((now_ns - seat.begun_ns) / 1e9, stream=self._asked.stream, in_flight=seat.in_flight)
        seat.in_flight += 1
        self._call.act = str(msgspec.to_builtins(step.act)["type"])
        self._later(step.latency_s, lambda: self._act(step, is_probe=not body))

    def _later(self, delay_s: float, then: Callable[[], None]) -> None:
        self._timer = asyncio.get_running_loop().call_later(delay_s, then)

    def _act(self, step: Step, *, is_probe: bool) -> None:
        act = step.act
        match act:
            case Refusal():
                self._finish(_whole(act.status, _JSON, answers.error(act.message, act.kind, act.code), act.headers), act.status)
            case WrongType():
                self._finish(_whole(200, "text/html", answers.HTML), 200)
            case Answer() | Reset() | Stall() | Truncated() | Malformed():
                if is_probe and isinstance(act, Answer):
                    self._finish(_whole(200, _JSON, answers.MODELS), 200, completed=True)
                elif self._asked.stream:
                    self._begin_stream(act, step.headers)
                else:
                    self._answer_whole(act, step.headers)
            case _:
                assert_never(act)

    def _answer_whole(self, act: Begun, headers: Headers) -> None:
        call = self._of()
        body = answers.whole(call.request, call.number, self._asked.model, self._member.chunks)
        half = body[: len(body) // 2]
        promised = _head(200, _JSON, len(body), headers)
        match act:
            case Answer():
                call.first_ns = time.monotonic_ns()
                self._finish(promised + body, 200, completed=True)
            case Malformed():
                self._finish(_whole(200, _JSON, half, headers), 200)
            case Reset(inside=False) | Stall(inside=False):
                self._break(act)
            case Reset() | Stall() | Truncated():
                call.status = 200
                self._write(promised + half)
                self._later(self._member.interval_s, lambda: self._break(act))

    def _begin_stream(self, act: Begun, headers: Headers) -> None:
        call = self._of()
        if isinstance(act, Reset | Stall) and not act.inside:
            self._break(act)
            return
        call.status = 200
        self._write((_SSE_HEAD % "".join(f"{name}: {value}\r\n" for name, value in headers)).encode())
        if isinstance(act, Malformed) and not act.inside:
            self._write(_chunk(answers.BROKEN_EVENT))
        if isinstance(act, Truncated) and not act.inside:
            self._break(act)
            return
        self._tick(act, 0)

    def _tick(self, act: Begun, i: int) -> None:
        """Content event i, or what comes instead."""
        call, chunks = self._of(), self._member.chunks
        if i == chunks:
            last = answers.last_events(call.number, self._asked.model, chunks, with_usage=self._with_usage())
            self._finish(_chunk(last) + _END, 200, completed=isinstance(act, Answer))
            return
        if i == (chunks + 1) // 2:
            if isinstance(act, Reset | Stall | Truncated):
                self._break(act)
                return
            if isinstance(act, Malformed) and act.inside:
                self._write(_chunk(answers.BROKEN_EVENT))
        if not i:
            call.first_ns = time.monotonic_ns()
        self._write(_chunk(answers.event(call.request, call.number, self._asked.model, i, chunks)))
        self._later(self._member.interval_s, lambda: self._tick(act, i + 1))

    def _break(self, act: Reset | Stall | Truncated) -> None:
        match act:
            case Reset():
                self._end()
                self._abort(reset=True)
            case Stall():
                self._later(act.seconds, self.close)
            case Truncated():
                if self._asked.stream:
                    self._finish(_END, 200)
                    return
                self._end()
                if self._transport is not None:
                    self._transport.close()
            case _:
                assert_never(act)

    def _abort(self, *, reset: bool) -> None:
        if self._transport is None:
            return
        if reset:
            sock = self._transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._transport.abort()

    def _finish(self, data: bytes, status: int, *, completed: bool = False) -> None:
        """The last bytes of a call; the connection stays."""
        self._write(data)
        call = self._of()
        call.status, call.completed = status, completed
        self._end()

    def _end(self, *, left: bool = False) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        call, self._call = self._call, None
        if call is not None:
            call.ended_ns, call.left = time.monotonic_ns(), left
            self._seat.in_flight = max(self._seat.in_flight - 1, 0)

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def _of(self) -> WireCall:
        if self._call is None:
            raise RuntimeError("no call is under way")
        return self._call

    @property
    def _member(self) -> Member:
        if self._seat.state is None:
            raise RuntimeError("nobody sits here")
        return self._seat.state.member

    def _with_usage(self) -> bool:
        return bool(self._asked.stream_options and self._asked.stream_options.get("include_usage"))


def _head(status: int, kind: str, length: int, headers: Headers = ()) -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"Content-Type: {kind}", f"Content-Length: {length}", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, "", ""]).encode()


def _whole(status: int, kind: str, body: bytes, headers: Headers = ()) -> bytes:
    return _head(status, kind, len(body), headers) + body


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)

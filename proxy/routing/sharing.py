"""What one process finds out about targets and keys, told to the others by the board within a second.

    field                            value                              others
    health:breaker:<target id>       opened, until when                 open theirs; a later opening wins over a closing
                                     closed, when                       close theirs, if it was open before that
    health:cool:<target id>          until when                         let it cool down as long, never shorter
    health:away:<target id>          until when, why                    the same
    health:key:<fingerprint>:<scope> until when                         the same of a key of a pool

Counters of failures, latencies and success rates stay with each process: they say what it sees itself.

Times are told as Unix seconds with the length that was meant, of which a reader takes what is less: a clock that is behind lengthens no
rest, one that is ahead shortens it by so much. Openings and closings go out at once, lengthened rests together every `GATHER_S`, and what
is over sooner than that not at all. A board that fails costs the others the news, and nobody a request.
"""

import asyncio
from collections.abc import Callable

import msgspec

from proxy.core.clock import Clock
from proxy.routing.health import HealthBook
from proxy.routing.stats import TargetStats
from proxy.storage.hot.board import MAX_FIELD_BYTES, Board

PREFIX = "health:"
GATHER_S = 0.1
LEAST_S = 0.25
"""A rest that is over sooner would be when the others hear of it: they look at the board four times a second."""
ROUNDED_S = 0.005
"""What is taken off, so that a process's own news do not lengthen its own rests by the rounding of two clocks."""
CLOSED_S = 60.0
"""How long a closing stays to be read: those who were cut off meanwhile find out by their own probes."""


class News(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The value of a field, as JSON."""

    at: float
    """Unix seconds: of a closing when, of everything else until when."""
    for_s: float = 0.0
    why: str = ""
    closed: bool = False


_decoder = msgspec.json.Decoder(News)


def encode(news: News) -> bytes:
    return msgspec.json.encode(news)


def decode(value: bytes) -> News | None:
    """None: of another version, or nobody's."""
    try:
        return _decoder.decode(value)
    except msgspec.DecodeError:
        return None


def left_s(news: News, unix: float) -> float:
    """Of a rest, for a reader whose clock says `unix`; 0.0: it is over."""
    return max(0.0, min(news.for_s, news.at - unix))


class Sharing:
    """A listener of the book, and a reader of the board. To be used on the event loop, between `open` and `close`."""

    def __init__(self, book: HealthBook, board: Board, clock: Clock) -> None:
        self._book = book
        self._board = board
        self._clock = clock
        self._gathered: dict[str, tuple[float, str]] = {}
        """Rests to be told: until when, in monotonic seconds, and why."""
        self._timer: asyncio.TimerHandle | None = None
        self._unwatch: Callable[[], None] | None = None

    def open(self) -> None:
        self._book.listeners.append(self)
        self._unwatch = self._board.watch(PREFIX, self.heard)

    async def close(self) -> None:
        self._book.listeners.remove(self)
        if self._unwatch is not None:
            self._unwatch()
        if self._timer is not None:
            self._timer.cancel()
            self._tell()

    def breaker_changed(self, stats: TargetStats, now: float, *, ours: bool) -> None:
        if not ours or not (field := _field("breaker", stats.id)):
            return
        unix = self._clock.time()
        if stats.breaker.state == "closed":
            self._board.put(field, encode(News(at=unix, closed=True)), CLOSED_S)
        elif (for_s := stats.breaker.until - now) > 0:
            self._board.put(field, encode(News(at=unix + for_s, for_s=for_s)), for_s)

    def barred(self, stats: TargetStats, now: float, *, ours: bool) -> None:
        if ours:
            self._gather(_field("cool", stats.id), stats.cool_until, "", now)

    def away(self, stats: TargetStats, now: float, *, ours: bool) -> None:
        if ours:
            self._gather(_field("away", stats.id), stats.away_until, stats.away_why, now)

    def key_rests(self, scope: str, account: str, until: float, now: float) -> None:
        self._gather(_field("key", f"{account}:{scope}"), until, "", now)

    def heard(self, field: str, value: bytes | None) -> None:
        """From the board; also what this process put there itself, which changes nothing."""
        news = None if value is None else decode(value)
        if news is None:
            return
        kind, _, name = field.removeprefix(PREFIX).partition(":")
        now, unix, book = self._clock.monotonic(), self._clock.time(), self._book
        if news.closed:
            if kind == "breaker" and (stats := book.find(name)) is not None:
                book.heard_closed(stats, now - max(0.0, unix - news.at), now)
            return
        until = now + left_s(news, unix) - ROUNDED_S
        if until <= now or not name:
            return
        if kind == "breaker":
            book.heard_open(book.stats(name), until, now)
        elif kind == "cool":
            book.cool(book.stats(name), until, now, ours=False)
        elif kind == "away":
            book.away(book.stats(name), until, news.why, now, ours=False)
        elif kind == "key":
            account, _, scope = name.partition(":")
            book.rest_key(scope, account, until, now, ours=False)

    def _gather(self, field: str, until: float, why: str, now: float) -> None:
        if not field or until - now < LEAST_S:
            return
        self._gathered[field] = until, why
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(GATHER_S, self._tell)

    def _tell(self) -> None:
        self._timer = None
        now, unix = self._clock.monotonic(), self._clock.time()
        gathered, self._gathered = self._gathered, {}
        for field, (until, why) in gathered.items():
            if (for_s := until - now) > 0:
                self._board.put_longer(field, encode(News(at=unix + for_s, for_s=for_s, why=why)), for_s)


def _field(kind: str, name: str) -> str:
    """ "": the board has no room for a name so long; it stays with this process."""
    field = f"{PREFIX}{kind}:{name}"
    return field if name and len(field.encode("utf-8", "surrogatepass")) <= MAX_FIELD_BYTES else ""

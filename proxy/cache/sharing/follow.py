"""A call that another process makes, followed through Redis into a Flight of this process. Decides; the asking is `follows`'.

    reading ──end piece──▶ landed, or failed with the leader's error
       │ └──a piece is missing──▶ nothing taken yet: the beginning is gone, lead a call of one's own; else fell behind
       ├──the lease is not the leader's any more, or its beat has stopped──▶ one last read ──no end in it──▶ lost
       └──Redis silent──▶ lost

Lost: who has shown content ends with an in-band error, everybody else looks again, and one of them leads.
"""

from typing import Any

from proxy.cache.flight import Flight
from proxy.cache.sharing import wire
from proxy.core.errors import EdgeError, StreamTruncated, Unavailable

READ_AT_ONCE = 16
"""Pieces a read."""
AHEAD_BYTES = 1024 * 1024
"""Fetched and taken by no reader: more is left in Redis."""
TELL_S = 0.25
"""How often the leader is told that it is still wanted."""
CHECK_S = 0.1
"""How often lease and beat are looked at."""
SILENCE_S = 0.8
"""Redis has given no answer for so long: whoever has shown content is told. Who has not does not wait at all once its breaker is open."""


class Follow:
    """`flight` is this process's, filled from the stream of `token`."""

    def __init__(self, key: bytes, token: str, flight: Flight, now: float) -> None:
        self.key = key
        self.token = token
        self.leader = wire.process_of(token)
        self.flight = flight
        self.fetched = 0
        """Number of the last piece taken."""
        self.tell_at = self.check_at = now
        self.reading = self.checking = False
        """A question is on its way."""
        self.beginning_gone = False
        """This call cannot be joined any more by anybody."""
        self._untold = 0
        """Bytes fetched since the leader was told."""
        self._unread_since: float | None = None
        self._unchecked_since: float | None = None
        """When the first question in a row failed: stream and beat may be at different nodes of a cluster."""
        self._unseen = 0
        """Looks at a beat that has never been there."""
        self._seen = False
        self._ownerless = 0
        """Looks in a row at a lease that was not the leader's."""
        self._gone = False
        self._last_read = False

    @property
    def over(self) -> bool:
        return self.flight.done

    def wants_read(self) -> bool:
        if self.reading or self.flight.ahead > AHEAD_BYTES:
            return False
        self.reading, self._last_read = True, self._gone
        return True

    def wants_check(self, now: float) -> bool:
        if now < self.check_at or self.checking or self._gone:
            return False
        self.checking, self.check_at = True, now + CHECK_S
        return True

    def wants_tell(self, now: float) -> bool:
        """Sooner than by the clock where the leader may be waiting for it."""
        if now < self.tell_at and self._untold < AHEAD_BYTES // 4:
            return False
        self.tell_at, self._untold = now + TELL_S, 0
        return True

    def read(self, reply: Any) -> None:
        """What XRANGE after `fetched` gave."""
        self.reading, self._unread_since = False, None
        try:
            pieces = wire.decode_pieces(reply)
        except wire.Unreadable:
            self.lose()
            return
        if pieces:
            self._unchecked_since = None  # somebody writes
        for piece in pieces:
            if self.over:
                return
            self._take(piece)
        if self._last_read and not pieces and not self.over:
            self.lose()

    def checked(self, lease: bytes | None, beat: bytes | None) -> None:
        self.checking, self._unchecked_since = False, None
        self._seen = self._seen or beat is not None
        if beat is None:
            self._unseen += 1
            self.check_at = 0.0  # a beat that was never seen may not have reached its place yet
        if lease == self.token.encode():
            self._ownerless = 0
        else:
            self._ownerless += 1  # what it ended with may be about to be published
        if self._ownerless > 1 or (beat is None and (self._seen or self._unseen > 1)):
            self._gone = True

    def unread(self, now: float) -> None:
        """A read failed."""
        self.reading = False
        if self._unread_since is None:
            self._unread_since = now
        elif now - self._unread_since > SILENCE_S:
            self.lose()

    def unchecked(self, now: float) -> None:
        """A look at lease or beat failed."""
        self.checking = False
        if self._unchecked_since is None:
            self._unchecked_since = now
        elif now - self._unchecked_since > SILENCE_S:
            self.lose()

    def shut_off(self, now: float) -> None:
        """Redis is not asked just now."""
        if self.flight.started:
            self.unread(now)
        else:
            self.lose()

    def _take(self, piece: wire.Piece) -> None:
        if piece.number != self.fetched + 1:
            self.beginning_gone = not self.fetched
            error = StreamTruncated("a part of a shared stream is missing", code="reader_fell_behind", retryable=False)
            self.flight.fail(error, lost=self.beginning_gone)
            return
        self.fetched = piece.number
        if piece.head is not None:
            self._target(piece.head.provider, piece.head.model, piece.head.dropped)
        if piece.frames:
            self._untold += len(piece.frames)
            self.flight.publish(piece.frames)
        if piece.end is not None:
            self._end(piece.end)

    def _target(self, provider: str | None, model: str | None, dropped: tuple[str, ...]) -> None:
        self.flight.provider, self.flight.model, self.flight.dropped = provider, model, list(dropped)

    def _end(self, end: wire.End) -> None:
        if end.error is not None or end.handover:
            error: EdgeError = wire.revived(end.error) if end.error is not None else Unavailable("the request that made this call is gone")
            self.flight.fail(error, handover=end.handover, lost=end.lost)
            return
        entry = end.landed(self.flight.body())
        if entry is not None:
            self._target(entry.provider, entry.model, entry.dropped)
        self.flight.land(entry, end.tail)

    def lose(self) -> None:
        self.flight.fail(StreamTruncated("the process that made this shared call is gone"), lost=True)

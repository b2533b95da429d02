"""What processes that share a flight tell each other through Redis: names, scripts, messages. Pure.

    <prefix>fl1:{<64 hex of the cache key>}:lease    the token of the one call under way
    <prefix>fl1:{<64 hex>}:<token>                   that call's stream: numbered pieces, then its end
    <prefix>fl1:{<process>}:beat                     there while the process lives and leads
    <prefix>fl1:{<process>}:inbox                    what followers want of it, a list that it empties

A token is `<process>.<number>`, never used twice, and a stream belongs to one token: a follower that reads one stream cannot mix two
calls. Pieces are numbered from 1 (`<n>-0`), so that one that was lost, or trimmed before it was read, shows. Each name carries one
hash tag and each script touches one name: on a cluster each runs in one slot.

Another shape than this gets the next number (fl2): processes of two releases then share no calls.
"""

from typing import Any

import msgspec

from proxy.cache.entry import CacheEntry, decode
from proxy.core.errors import ClientFault, EdgeError, ErrorInfo, GatewayFault, ProviderRejected

FORMAT = "fl1:"

CLAIM = """\
local held = redis.call('GET', KEYS[1])
if held and held ~= ARGV[3] then return held end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return false
"""
"""KEYS lease; ARGV token, lifetime in ms, the token that may be replaced ("": none). Nil: it is ours, else whose it is. Renewing is
claiming with one's own token as the one to be replaced."""

RELEASE = """\
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""
"""KEYS lease; ARGV token. 0: it was no longer ours."""

PUBLISH = """\
redis.call('XADD', KEYS[1], 'MAXLEN', ARGV[1], ARGV[2], unpack(ARGV, 4))
return redis.call('PEXPIRE', KEYS[1], ARGV[3])
"""
"""KEYS stream; ARGV pieces kept, id, lifetime in ms, field, value, …"""

POST = """\
redis.call('RPUSH', KEYS[1], unpack(ARGV, 2))
return redis.call('PEXPIRE', KEYS[1], ARGV[1])
"""
"""KEYS inbox; ARGV lifetime in ms, messages."""

FRAMES, HEAD, END = b"f", b"h", b"e"
"""Fields of a piece."""


class Names:
    """`prefix`: of all keys of this gateway. A process is named by its id."""

    __slots__ = ("_base",)

    def __init__(self, prefix: str) -> None:
        self._base = prefix + FORMAT

    def lease(self, key: bytes) -> str:
        return f"{self._base}{{{key.hex()}}}:lease"

    def stream(self, key: bytes, token: str) -> str:
        return f"{self._base}{{{key.hex()}}}:{token}"

    def beat(self, process: str) -> str:
        return f"{self._base}{{{process}}}:beat"

    def inbox(self, process: str) -> str:
        return f"{self._base}{{{process}}}:inbox"


def process_of(token: str) -> str:
    return token.partition(".")[0]


class Head(msgspec.Struct, frozen=True, array_like=True):
    """With the first frames: the target that answers, for `permit`, and what it cannot carry of the request."""

    provider: str | None
    model: str | None
    dropped: tuple[str, ...] = ()


class End(msgspec.Struct, frozen=True, omit_defaults=True):
    """The last piece. Without `error`: landed."""

    entry: bytes | None = None
    """The whole answer, encoded; without its body where `framed`. None: it grew too large."""
    framed: bool = False
    tail: bytes = b""
    error: ErrorInfo | None = None
    handover: bool = False
    """Who has shown nothing yet is to look again."""
    lost: bool = False
    """The leader's process is shutting down: who has taken content, but shown none, is to look again as well."""

    def landed(self, body: bytes | None) -> CacheEntry | None:
        """`body`: all frames; None where their beginning was let go."""
        entry = None if self.entry is None else decode(self.entry)
        if entry is None or not self.framed:
            return entry
        return None if body is None else msgspec.structs.replace(entry, body=body)


class Want(msgspec.Struct, frozen=True, array_like=True):
    """From a follower to the process that leads, when it comes, every `TELL_S` and when it leaves."""

    key: bytes
    token: str
    follower: str
    """The following process."""
    fetched: int = 0
    """Number of the last piece that it has taken."""
    leaving: bool = False


class Piece(msgspec.Struct, frozen=True):
    number: int
    frames: bytes = b""
    head: Head | None = None
    end: End | None = None


class Unreadable(Exception):
    """Not written by this format."""


_encoder = msgspec.msgpack.Encoder()
_head = msgspec.msgpack.Decoder(Head)
_end = msgspec.msgpack.Decoder(End)
_want = msgspec.msgpack.Decoder(Want)


def encode(message: Head | End | Want) -> bytes:
    return _encoder.encode(message)


def decode_want(data: Any) -> Want | None:
    """None for what is none: another release's, or a stranger's."""
    try:
        return _want.decode(data)
    except (msgspec.DecodeError, TypeError, UnicodeDecodeError):
        return None


def decode_pieces(reply: Any) -> list[Piece]:
    """XRANGE's reply: `[[b"1-0", [b"f", b"…"]], …]`. Raises Unreadable."""
    try:
        return [_piece(int(ident.partition(b"-")[0]), dict(zip(fields[::2], fields[1::2], strict=True))) for ident, fields in reply]
    except (msgspec.DecodeError, TypeError, ValueError, AttributeError) as exc:
        raise Unreadable(str(exc)) from exc


def _piece(number: int, fields: dict[bytes, bytes]) -> Piece:
    head, end = fields.get(HEAD), fields.get(END)
    return Piece(
        number,
        fields.get(FRAMES, b""),
        None if head is None else _head.decode(head),
        None if end is None else _end.decode(end),
    )


def revived(info: ErrorInfo) -> EdgeError:
    """The error of a call that another process made."""
    if info.blame == "provider":
        return ProviderRejected(info)
    kind = GatewayFault if info.blame == "gateway" else ClientFault
    return kind(
        info.message,
        status=info.status,
        code=info.code,
        type=info.type,
        param=info.param,
        retryable=info.retryable,
        retry_after_s=info.retry_after_s,
    )

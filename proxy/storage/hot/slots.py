"""Which of a Redis Cluster's 16384 slots a command belongs to, what its nodes say about slots, and how they redirect. Pure.

Source: Redis Cluster specification (hash slot, hash tags, MOVED and ASK redirection); CLUSTER SLOTS; read 2026-11-25.
"""

from binascii import crc_hqx
from typing import Any, Final, NamedTuple

import msgspec

SLOTS: Final = 16384

Arg = str | bytes | int | float

KEYLESS: Final = frozenset(
    {"PING", "ECHO", "TIME", "INFO", "DBSIZE", "SCAN", "CLIENT", "CLUSTER", "COMMAND", "CONFIG", "PUBLISH", "SCRIPT"}
)
"""Of those that anything here sends, and their kin; each takes its answer from any node unless `cluster.py` adds several up."""

_COUNTED: Final = frozenset({"EVAL", "EVALSHA", "EVAL_RO", "EVALSHA_RO", "FCALL", "FCALL_RO"})
_SUBCOMMANDS: Final = frozenset({"OBJECT", "MEMORY", "XGROUP", "XINFO"})
_STREAMS: Final = frozenset({"XREAD", "XREADGROUP"})


class Endpoint(NamedTuple):
    host: str
    """Empty: that of the node which says so."""
    port: int


class Redirect(msgspec.Struct, frozen=True):
    slot: int
    endpoint: Endpoint
    asking: bool
    """Only this command, and after an ASKING; else the slot has moved for good."""


class SlotRange(msgspec.Struct, frozen=True):
    first: int
    last: int
    master: Endpoint
    replicas: tuple[Endpoint, ...]


def slot_of(key: str | bytes) -> int:
    """CRC16 (XMODEM) of the key, or of what stands in its first pair of braces if that is not empty, modulo 16384."""
    data = key.encode() if isinstance(key, str) else key
    begin = data.find(b"{")
    if begin >= 0:
        end = data.find(b"}", begin + 1)
        if end > begin + 1:
            data = data[begin + 1 : end]
    return crc_hqx(data, 0) % SLOTS


def name_of(args: tuple[Arg, ...]) -> str:
    """Of a command, in capitals."""
    name = args[0]
    return (name.decode() if isinstance(name, bytes) else str(name)).upper()


def key_of(arg: Arg) -> str | bytes:
    return arg if isinstance(arg, str | bytes) else str(arg)


def first_key(args: tuple[Arg, ...]) -> str | bytes | None:
    """None: the command has none. Raises ValueError where it should have one and doesn't."""
    name = name_of(args)
    if name in KEYLESS:
        return None
    place = 1
    if name in _COUNTED:
        if len(args) < 3 or int(args[2]) == 0:
            return None
        place = 3
    elif name in _SUBCOMMANDS:
        place = 2
    elif name in _STREAMS:
        place = next((at for at, arg in enumerate(args) if arg in ("STREAMS", b"STREAMS")), len(args)) + 1
    if len(args) <= place:
        raise ValueError(f"{name} without a key cannot be sent to a cluster")
    return key_of(args[place])


def redirect_of(text: str) -> Redirect | None:
    """`MOVED 3999 127.0.0.1:6381` or `ASK …`; None for any other error. The host may be empty (the same), a name, or IPv6."""
    kind, _, rest = text.partition(" ")
    if kind not in ("MOVED", "ASK"):
        return None
    slot, _, address = rest.partition(" ")
    host, _, port = address.rpartition(":")
    if not (slot.isascii() and slot.isdigit() and port.isascii() and port.isdigit()) or int(slot) >= SLOTS:
        return None
    return Redirect(int(slot), Endpoint("" if host == "?" else host.strip("[]"), int(port)), kind == "ASK")


def ranges_of(reply: Any) -> tuple[SlotRange, ...]:
    """Of CLUSTER SLOTS: `[[first, last, [host, port, …], [host, port, …], …], …]`, the master first. Raises ValueError."""
    try:
        return tuple(
            SlotRange(int(first), int(last), _endpoint(master), tuple(map(_endpoint, replicas)))
            for first, last, master, *replicas in reply
            if 0 <= first <= last < SLOTS
        )
    except (TypeError, ValueError, IndexError, AttributeError):
        raise ValueError("CLUSTER SLOTS answered in an unknown form") from None


def _endpoint(node: list[Any]) -> Endpoint:
    host = node[0].decode() if node[0] is not None else ""
    return Endpoint("" if host == "?" else host, int(node[1]))

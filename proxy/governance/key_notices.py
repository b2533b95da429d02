"""Tells every process that a key has changed, by the board: field `key:<key_id>` with the version that holds now (contract I).

With Redis all of them hear of it within a second; without, this process alone does, and others believe what they know for as long as
`auth.key_cache_ttl_s` says. After anything that may have kept notices from a process it forgets all that it knows of keys.
"""

from collections.abc import Callable
from typing import Protocol

from proxy.governance.keys import SignedKeys
from proxy.storage.hot.board import Board

PREFIX = "key:"
EVERYONE = "key:*"
"""Of so many keys that they are not told of one by one."""
MIN_TTL_S = 60.0


class KeyNotices(Protocol):
    def changed(self, key_id: str, version: int) -> None:
        """To be called when the store has it."""
        ...


class BoardNotices:
    def __init__(self, board: Board, key_cache_ttl_s: float) -> None:
        """`key_cache_ttl_s`: a notice lives at least as long as anybody could believe what was there before."""
        self._board = board
        self._ttl_s = max(MIN_TTL_S, 2 * key_cache_ttl_s)

    def changed(self, key_id: str, version: int) -> None:
        self._board.put(f"{PREFIX}{key_id}", b"%d" % version, self._ttl_s)

    def all_changed(self, at: float) -> None:
        """`at`: now, in unix seconds."""
        self._board.put(EVERYONE, b"%d" % int(at * 1000), self._ttl_s)


def follow(board: Board, signed: SignedKeys) -> Callable[[], None]:
    """From now on `signed` hears of every change. Returns what ends it."""

    def heard(field: str, value: bytes | None) -> None:
        if value is None:
            return
        if field == EVERYONE:
            signed.drop_all()
        else:
            signed.drop(field.removeprefix(PREFIX))

    unwatch, unmiss = board.watch(PREFIX, heard), board.on_gap(signed.drop_all)

    def end() -> None:
        unwatch()
        unmiss()

    return end


_: type[KeyNotices] = BoardNotices

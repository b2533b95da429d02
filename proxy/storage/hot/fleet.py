"""How many processes share the counters, and which of them this one is: each keeps a field on the board.

The answer is that of the last time that Redis was there: during an outage nobody can say who has come or gone.
"""

import asyncio
import secrets
from collections.abc import Callable

from proxy.storage.hot.board import Board

FIELD = "gateway:"
EVERY_S = 2.0
LIFE_S = 15.0


class Fleet:
    """`connected`: whether the board is everybody's now."""

    def __init__(self, board: Board, connected: Callable[[], bool], name: str | None = None) -> None:
        self._board = board
        self._connected = connected
        self.name = name or secrets.token_hex(8)
        self._members: tuple[str, ...] = (self.name,)

    @property
    def share(self) -> tuple[int, int]:
        """(place, number of places)."""
        return self._members.index(self.name), len(self._members)

    def look(self) -> None:
        self._board.put(FIELD + self.name, b"1", LIFE_S)
        if self._connected():
            found = {field.removeprefix(FIELD) for field in self._board.items(FIELD)}
            self._members = tuple(sorted({self.name, *found}))

    def leave(self) -> None:
        self._board.drop(FIELD + self.name)

    async def keep(self) -> None:
        """For as long as the process lives."""
        while True:
            self.look()
            await asyncio.sleep(EVERY_S)

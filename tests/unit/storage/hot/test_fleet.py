"""How many processes share the counters."""

from proxy.core.clock import SystemClock
from proxy.storage.hot.board import LocalBoard
from proxy.storage.hot.fleet import Fleet


async def test_each_has_a_place_among_those_that_were_there_last() -> None:
    """While nobody can say who comes and goes, nothing changes."""
    board, connected = LocalBoard(SystemClock()), [True]
    one, other = (Fleet(board, lambda: connected[0], name) for name in ("a", "b"))
    assert one.share == (0, 1)
    for fleet in (one, other, one):
        fleet.look()
    assert (one.share, other.share) == ((0, 2), (1, 2))
    connected[0] = False
    other.leave()
    one.look()
    assert one.share == (0, 2)
    connected[0] = True
    one.look()
    assert one.share == (0, 1)
    await board.close()

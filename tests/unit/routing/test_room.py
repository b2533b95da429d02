"""How many calls there may be."""

from proxy.routing.room import Bounds, Room


def test_no_bounds_bind_nobody() -> None:
    """There is always room, and nothing is remembered."""
    room = Room(Bounds())
    for _ in range(5):
        room.take(0.0)
    assert (room.has(0.0), room.free_at(0.0), Bounds().bind) == (True, None, False)


def test_time_makes_room_only_where_the_minute_is_full() -> None:
    """Not where it is the calls under way; and not before as many are over as a lower limit asks for."""
    room = Room(Bounds(concurrency=1, rpm=2))
    room.take(0.0)
    assert (room.has(1.0), room.free_at(1.0)) == (False, None)
    room.take(10.0)
    assert room.free_at(11.0) == 60.0
    room.rules = Bounds(rpm=1)
    assert room.free_at(11.0) == 70.0
    assert room.free_at(71.0) is None

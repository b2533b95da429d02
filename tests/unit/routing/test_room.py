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


def test_one_that_makes_several_calls() -> None:
    """It takes what is free for them, or all that it must have; each counts for the minute."""
    room = Room(Bounds(concurrency=4, rpm=100))
    room.take(0.0)
    room.take(0.0)
    assert (room.take_more(20, 8, 0.0, together=False), room.inside, room.has(0.0)) == (2, 4, False)
    assert (room.take_more(20, 8, 0.0, together=False), room.inside) == (0, 4)
    assert (room.take_more(3, 3, 0.0, together=True), room.inside) == (2, 6)
    room.rules = Bounds(rpm=42)
    assert [room.free_at(0.0), Room(Bounds()).take_more(20, 8, 0.0, together=False)] == [60.0, 7]
    room.rules = Bounds(rpm=43)
    assert room.has(0.0)

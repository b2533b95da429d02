"""The state that connections share."""

from proxy.serving.limits import EdgeState


def test_the_date_changes_with_the_second() -> None:
    """And is a whole header line."""
    state = EdgeState()
    state.sweep(1.0, 1_795_379_700.1)
    first = state.date_line
    assert first == b"date: Sun, 22 Nov 2026 20:35:00 GMT\r\n"
    state.sweep(1.5, 1_795_379_700.6)
    assert state.date_line is first
    state.sweep(2.0, 1_795_379_701.1)
    assert state.date_line != first
    assert state.now == 2.0


async def test_idle_when_there_is_nothing() -> None:
    """At once."""
    assert await EdgeState().idle(0.0)


async def test_not_idle_within_the_time() -> None:
    """As long as a request runs."""
    state = EdgeState()
    state.accepted = 1
    state.open.add(None)  # type: ignore[arg-type]
    assert not await state.idle(0.01)
    state.open.clear()
    state.ended()
    assert await state.idle(1.0)

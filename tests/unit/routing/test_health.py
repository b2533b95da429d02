"""The statistics of every target."""

from proxy.routing.health import HealthBook


def test_tries_under_way_are_counted() -> None:
    """Up with each beginning, down with each end; a target's record stays the same object."""
    book = HealthBook()
    stats = book.stats("p/m")
    book.started(stats, 1.0)
    book.started(stats, 1.5)
    book.ended(stats, 2.0, "ok")
    assert book.stats("p/m") is stats
    assert stats.in_flight == 1

"""The breaker decides from counts and a clock that it is handed."""

from proxy.storage.hot.breaker import Breaker


def opened_at(now: float) -> Breaker:
    breaker = Breaker()
    for _ in range(3):
        breaker.failure(now)
    return breaker


def test_three_failures_in_a_row_open_it() -> None:
    """Two are weather, the third is a pattern."""
    breaker = Breaker()
    breaker.failure(10.0)
    breaker.failure(10.1)
    assert breaker.state == "closed"
    breaker.failure(10.2)
    assert (breaker.state, breaker.retry_at) == ("open", 11.2)


def test_a_success_in_between_starts_the_count_again() -> None:
    """Only consecutive failures count."""
    breaker = Breaker()
    for _ in range(5):
        breaker.failure(0.0)
        breaker.failure(0.0)
        breaker.success()
    assert (breaker.state, breaker.failures) == ("closed", 0)


def test_failures_while_open_do_not_move_the_probe() -> None:
    """Stragglers of the same outage say nothing new."""
    breaker = opened_at(10.0)
    breaker.failure(10.9)
    assert breaker.retry_at == 11.0


def test_waits_double_up_to_five_seconds() -> None:
    """1, 2, 4, 5, 5 … seconds between probes."""
    breaker = opened_at(0.0)
    waits = [breaker.retry_at]
    for _ in range(4):
        now = breaker.retry_at
        breaker.probe()
        breaker.failure(now)
        waits.append(breaker.retry_at - now)
    assert waits == [1.0, 2.0, 4.0, 5.0, 5.0]


def test_an_answered_probe_closes_it_and_forgets_the_waits() -> None:
    """The next outage begins with one second again."""
    breaker = opened_at(0.0)
    breaker.probe()
    breaker.failure(1.0)
    breaker.probe()
    breaker.success()
    assert breaker.state == "closed"
    for _ in range(3):
        breaker.failure(50.0)
    assert breaker.retry_at == 51.0


def test_a_closed_breaker_has_nothing_to_probe() -> None:
    """`probe` is for the open state only."""
    breaker = Breaker()
    breaker.probe()
    assert breaker.state == "closed"

"""What the project promises of a fleet, and whether this run shows it."""

from collections.abc import Callable

from benchmarks.fleet.results import FleetResults
from benchmarks.targets import Target, Verdict

_GOOD = ("200", "402", "429")


def _number(name: str, scale: float = 1.0) -> Callable[[FleetResults], float | None]:
    def value(results: FleetResults) -> float | None:
        found = results.numbers.get(name)
        return None if found is None else found * scale

    return value


def _of_cap(key: str) -> Callable[[FleetResults], float | None]:
    """Settled, of the cap; None where it was not reached."""

    def value(results: FleetResults) -> float | None:
        found = results.money(key)
        return None if found is None or not found.refused else max(found.recorded, found.billed) / found.cap * 100

    return value


def _off(name: str) -> Callable[[FleetResults], float | None]:
    def value(results: FleetResults) -> float | None:
        return max((abs(getattr(one, name) - one.recorded) for one in results.spent), default=None)

    return value


def _failed(*phases: str) -> Callable[[FleetResults], float | None]:
    def value(results: FleetResults) -> float | None:
        found = [phase for name in phases if (phase := results.phase(name)) is not None]
        return sum(n for phase in found for status, n in phase.statuses.items() if status not in _GOOD) if found else None

    return value


def _unknown(results: FleetResults) -> float | None:
    books = results.books
    return books.billed_unknown_nanos / books.reserved_nanos if books.reserved_nanos else None


def _known(results: FleetResults) -> float | None:
    return abs(results.books.known_nanos - results.books.billed_known_nanos) if results.books.entries else None


TARGETS: tuple[Target[FleetResults], ...] = (
    Target("admitted of a burst of twice the limit, at most", 100, "% of the limit", _number("burst_share", 100)),
    Target("admitted of a burst of twice the limit, at least", 100, "% of the limit", _number("burst_share", 100), at_least=True),
    Target("fullest minute that touches no outage of Redis", 100, "% of the limit", _number("fullest_share", 100)),
    Target("fullest minute that touches the outage of Redis", 200, "% of the limit", _number("fullest_outage_share", 100)),
    Target("admitted over the whole overload", 97, "% of the limit", _number("overload_share", 100), at_least=True),
    Target("settled spend of the key whose cap is reached in a rush", 100, "% of the cap", _of_cap("rush")),
    Target("settled spend of the key whose cap is reached as Redis is gone", 100, "% of the cap", _of_cap("spender")),
    Target("requests whose record is not what the provider billed, or not one", 0, "requests", lambda r: sum(r.books.wrong.values())),
    Target("Σ records - Σ bill of all requests but the unknown ones", 0, "nano-USD", _known),
    Target("billed for the unknown requests, of what their records reserve", 1, "x", _unknown),
    Target("counter in Redis against Σ records, the key that differs most", 0, "nano-USD", _off("counter")),
    Target("reports of three gateways that differ from Σ records", 0, "reports", lambda r: len(r.reports)),
    Target("seconds from the restart until the dead gateway's spool was delivered", 5, "s", _number("adopted_s")),
    Target("neither 200 nor 402 nor 429 while nothing fails", 0, "answers", _failed("burst", "rest", "overload")),
    Target("neither 200 nor 402 nor 429 during and after the outage of Redis", 0, "answers", _failed("redis", "redis-back")),
    Target("neither 200 nor 402 nor 429 during and after the outage of Postgres", 0, "answers", _failed("postgres", "postgres-back")),
    Target("errors of our own in the logs", 0, "lines", lambda r: len(r.log_errors)),
)


def judge(results: FleetResults) -> list[Verdict[FleetResults]]:
    return [Verdict(target, target.value(results)) for target in TARGETS]

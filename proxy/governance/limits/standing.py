"""Readings of counters as the numbers that go into headers."""

from proxy.core.claims import Outcome, Window


def standing_of(outcome: Outcome, at: float) -> tuple[int, ...]:
    """As `AdmissionStore.standing`; `at`: Unix seconds of the readings."""
    windows = [(reading.claim, reading) for reading in outcome.readings if isinstance(reading.claim, Window)]
    found: list[int] = []
    rates = [(claim.limit - reading.used, claim, reading) for claim, reading in windows if claim.dimension == "requests"]
    if rates:
        left, claim, reading = min(rates, key=lambda rate: rate[0])
        found += (claim.limit, max(0, left), int(at + reading.reset_s) + 1)
    for kind in ("input", "output"):
        lefts = [claim.limit - reading.used for claim, reading in windows if claim.dimension in (kind, "tokens")]
        if lefts:
            found.append(max(0, min(lefts)))
    return tuple(found)

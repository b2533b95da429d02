"""A clock that moves when told to."""


class FakeClock:
    """Monotonic and Unix seconds advance together, from different beginnings so that one is never taken for the other."""

    def __init__(self, unix_s: float = 1_800_000_000.0, monotonic_s: float = 1000.0) -> None:
        self._unix_s = unix_s
        self._monotonic_s = monotonic_s

    def advance(self, seconds: float) -> None:
        self._unix_s += seconds
        self._monotonic_s += seconds

    def time(self) -> float:
        return self._unix_s

    def monotonic(self) -> float:
        return self._monotonic_s

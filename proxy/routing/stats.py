"""How a target has been doing, in one mutable record that everybody reads."""


class TargetStats:
    """Of one process, seconds by the monotonic clock. `HealthBook` writes it."""

    __slots__ = ("in_flight",)

    def __init__(self) -> None:
        self.in_flight = 0

"""What shadows may cost."""


class ShadowBudget:
    """By entry, of this process: nano-USD that are spent or set aside."""

    def __init__(self) -> None:
        self._spent: dict[str, int] = {}

    def spent(self, name: str) -> int:
        return self._spent.get(name, 0)

    def take(self, name: str, nanos: int, budget: int | None) -> bool:
        """Set aside. False, and nothing is: it does not fit."""
        spent = self._spent.get(name, 0)
        if budget is not None and spent + nanos > budget:
            return False
        self._spent[name] = spent + nanos
        return True

    def settle(self, name: str, reserved: int, actual: int) -> None:
        self._spent[name] = self._spent.get(name, 0) - reserved + actual

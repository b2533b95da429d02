"""Targets and keys that asked to be left alone for a while."""


class Cooldowns:
    """Until when a key is not to be used, in monotonic seconds. A later, shorter wish never shortens an earlier one (contract C)."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}

    def extend(self, key: str, until: float) -> None:
        if until > self._until.get(key, 0.0):
            self._until[key] = until

    def until(self, key: str, now: float) -> float:
        """0.0 when free, else the monotonic second at which it is free again."""
        if not self._until:
            return 0.0
        until = self._until.get(key, 0.0)
        if until <= now:
            self._until.pop(key, None)
            return 0.0
        return until

    def clear(self, key: str) -> None:
        """After a success."""
        if self._until:
            self._until.pop(key, None)

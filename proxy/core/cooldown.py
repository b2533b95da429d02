"""Targets and keys that asked to be left alone for a while."""


class Cooldowns:
    """Until when a key is not to be used, in monotonic seconds. A later, shorter wish never shortens an earlier one (contract C)."""

    def __init__(self) -> None:
        self.pending: dict[str, float] = {}
        """By key; one whose time is over stays until somebody asks for it. Empty: nothing rests."""

    def extend(self, key: str, until: float) -> None:
        if until > self.pending.get(key, 0.0):
            self.pending[key] = until

    def until(self, key: str, now: float) -> float:
        """0.0 when free, else the monotonic second at which it is free again."""
        if not self.pending:
            return 0.0
        until = self.pending.get(key, 0.0)
        if until <= now:
            self.pending.pop(key, None)
            return 0.0
        return until

    def clear(self, key: str) -> None:
        """After a success."""
        if self.pending:
            self.pending.pop(key, None)

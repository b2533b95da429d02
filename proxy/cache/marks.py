"""Purges by what answers have in common: a mark says that everything (or all of a model, a tenant, a tag) stored before a time is gone.

A mark costs the same whether it hides ten answers or a million, reaches every tier, and other processes by the board. Entries that it
hides stay where they are until their lifetime is over or somebody stores a newer answer; nobody is served them. A mark is kept for as long
as anything that it hides can live.
"""

from collections.abc import Callable
from typing import Literal, get_args

from proxy.cache.entry import CacheEntry

Kind = Literal["key", "model", "tenant", "tag", "all"]
KINDS: tuple[Kind, ...] = get_args(Kind)
EVERYTHING = "*"
"""The one value of `all`."""


class PurgeMarks:
    """`on_mark(field, at)` is told of each mark made here; `learn` takes those of others. Times are Unix seconds."""

    def __init__(self, *, keep_s: float = 86_400.0) -> None:
        self.marks: dict[str, float] = {}
        """`kind:value` → stored at or before this is gone. Empty on the hot path."""
        self.on_mark: Callable[[str, float], None] | None = None
        self.keep_s = keep_s

    def mark(self, kind: Kind, value: str, now: float) -> None:
        field = f"{kind}:{value}"
        self.learn(field, now)
        if self.on_mark is not None:
            self.on_mark(field, now)

    def learn(self, field: str, at: float) -> None:
        """A later time wins; marks that can hide nothing any more go."""
        for old in [name for name, since in self.marks.items() if since < at - self.keep_s]:
            del self.marks[old]
        self.marks[field] = max(at, self.marks.get(field, 0.0))

    def hides(self, key: bytes, entry: CacheEntry) -> bool:
        marks, stored = self.marks, entry.stored_at
        return (
            stored <= marks.get("all:" + EVERYTHING, 0.0)
            or stored <= marks.get("key:" + key.hex(), 0.0)
            or stored <= marks.get("model:" + entry.asked, 0.0)
            or stored <= marks.get(f"model:{entry.provider}/{entry.model}", 0.0)
            or stored <= marks.get("tenant:" + entry.tenant, 0.0)
            or any(stored <= marks.get("tag:" + tag, 0.0) for tag in entry.tags)
        )

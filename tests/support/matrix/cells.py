"""The cells of the matrix, which may be empty and why, and the table that shows them."""

from collections.abc import Mapping
from itertools import product
from typing import Literal, NamedTuple, get_args

DIALECTS = ("chat", "responses", "messages", "converse", "gemini")
WAYS = ("whole", "stream")
CASES = ("text", "tools", "parallel", "image", "structured", "error", "truncated")

Reason = Literal["the dialect has no such concept", "the provider has none"]
REASONS: tuple[Reason, ...] = get_args(Reason)
MAX_EMPTY = 0.1
"""Of all cells."""


class Cell(NamedTuple):
    client: str
    provider: str
    way: str
    case: str

    def __str__(self) -> str:
        return "-".join(self)


CELLS = [Cell(*cell) for cell in product(DIALECTS, DIALECTS, WAYS, CASES)]
EMPTY: dict[Cell, Reason] = {}
"""None so far: every dialect can say each of the cases."""


def table(outcomes: Mapping[str, str]) -> list[str]:
    """Lines of text. `outcomes`: a cell's name → what became of it ("✓" where it passed)."""
    lines = [f"{'client':<10}{'provider':<10}" + "".join(f"{case:>12}" for case in CASES), ""]
    for client, provider in product(DIALECTS, DIALECTS):
        marks = []
        for case in CASES:
            cells = [Cell(client, provider, way, case) for way in WAYS]
            marks.append(" ".join(EMPTY.get(cell) or outcomes.get(str(cell), "?") for cell in cells))
        lines.append(f"{client:<10}{provider:<10}" + "".join(f"{mark:>12}" for mark in marks))
    return [*lines, "", f"each cell: {', '.join(WAYS)}; ✓ passed, ✗ failed, ? not run; {len(EMPTY)} of {len(CELLS)} empty"]

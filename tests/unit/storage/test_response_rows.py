"""ResponseRecord ↔ row."""

import pytest

from proxy.core.errors import Unavailable
from proxy.storage.response_rows import from_row, to_row
from proxy.storage.responses import ResponseRecord

RECORD = ResponseRecord(
    response_id="r",
    tenant="t",
    key_id="k",
    asked="m",
    provider="p",
    model="m",
    at_provider=False,
    created_at=1.5,
    expires_at=2.5,
    kept=b"x",
)


def test_a_row_comes_back() -> None:
    """As it was, also where a store has no booleans."""
    assert from_row(to_row(RECORD)) == RECORD
    row = list(to_row(RECORD))
    row[7] = 0
    assert from_row(tuple(row)) == RECORD


@pytest.mark.parametrize(("place", "value"), [(8, "yesterday"), (9, None), (10, 7), (2, None)])
def test_a_row_that_nobody_wrote_is_unavailable(place: int, value: object) -> None:
    """Not unknown."""
    row = list(to_row(RECORD))
    row[place] = value
    with pytest.raises(Unavailable, match="response r is unreadable"):
        from_row(tuple(row))

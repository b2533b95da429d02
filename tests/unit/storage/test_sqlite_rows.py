"""KeyRecord ↔ row."""

import sqlite3

import pytest

from proxy.storage.records import KeyRecord
from proxy.storage.sqlite_rows import from_row, to_row

RECORD = KeyRecord(key_id="lek_a", tenant="t", key_hash="0", created_at=1_800_000_000.125, scopes=("s",), metadata={"a": 1})


def test_times_are_text_that_sorts() -> None:
    """UTC with milliseconds and Z."""
    assert to_row(RECORD)[5] == "2027-01-15T08:00:00.125Z"


def test_a_row_comes_back() -> None:
    """As it was."""
    assert from_row(to_row(RECORD)) == RECORD


@pytest.mark.parametrize(("place", "value"), [(5, "yesterday"), (9, "["), (9, "{}"), (2, 7), (4, "alive"), (5, 7), (5, None)])
def test_a_row_that_nobody_wrote_is_a_data_error(place: int, value: object) -> None:
    """Bad time, bad JSON, a role that is no name, an unknown status."""
    row = list(to_row(RECORD))
    row[place] = value
    with pytest.raises(sqlite3.DataError, match="lek_a is unreadable"):
        from_row(tuple(row))

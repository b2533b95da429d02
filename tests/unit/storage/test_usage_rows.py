"""A record's columns."""

import pytest

from proxy.core.entities import ENTITY_TYPES, Entity
from proxy.core.errors import BadRequest
from proxy.storage.usage import UsageRecord
from proxy.storage.usage_rows import COLUMNS, check_filters, check_groups, column_of, row_of, rows_of


def test_each_column_has_its_value() -> None:
    """Of several entities of one type the first counts: its own user, not whom it is metered as."""
    record = UsageRecord(id="r", at=0.0, tags=("a",), status="failed", entities=(Entity("USER", "ann", "t"), Entity("USER", "bob", "t")))
    row = dict(zip(COLUMNS, row_of(record, "{}"), strict=True))
    assert (row["user"], row["tags"], row["failed"], row["at"], row["body"]) == ("ann", '["a"]', 1, "1970-01-01T00:00:00.000Z", "{}")
    assert dict(zip(COLUMNS, row_of(record), strict=True))["body"].startswith('{"id":"r"')


def test_rows_are_those_of_each() -> None:
    """With the bodies that are at hand, or encoded."""
    records = [UsageRecord(id=str(n), at=float(n), entities=(Entity("USER", f"u{n}", "t"),)) for n in range(3)]
    assert rows_of(records) == [row_of(record) for record in records]
    assert rows_of(records, ["a", "b", "c"]) == [row_of(record, body) for record, body in zip(records, "abc", strict=True)]
    with pytest.raises(ValueError, match="shorter"):
        rows_of(records, ["a"])


def test_every_kind_of_entity_has_a_column() -> None:
    """So that its spending can be rebuilt."""
    assert {column_of(Entity(kind, "x", "t")) for kind in ENTITY_TYPES} <= set(COLUMNS)


def test_names_are_checked() -> None:
    """They become columns of statements."""
    assert check_filters(None) == {}
    with pytest.raises(BadRequest):
        check_groups(("key", "1; drop"))
    with pytest.raises(BadRequest):
        check_filters({"day": "x"})

"""What each admin operation takes and answers."""

from proxy.admin.operations import OPERATIONS
from proxy.api.routes import TABLE


def test_every_admin_route_is_told_of_and_no_other() -> None:
    rows = {row.handler for row in TABLE if row.admin or row.family == "admin"}
    assert set(OPERATIONS) == rows


def test_who_reads_a_body_says_which() -> None:
    """And the other way round."""
    reading = {row.handler: row.reads_body and row.method in ("POST", "PUT", "PATCH") for row in TABLE if row.handler in OPERATIONS}
    assert {handler for handler, told in OPERATIONS.items() if told.body is not None} == {h for h, reads in reading.items() if reads}


def test_fields_that_are_needed_are_fields() -> None:
    for told in OPERATIONS.values():
        assert set(told.body_needed) <= set(told.body.__struct_fields__ if told.body is not None else ())
        assert set(told.query_needed) <= set(told.query)

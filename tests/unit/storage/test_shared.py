"""Failures of shared stores."""

from proxy.core.errors import Unavailable
from proxy.storage.shared import SchemaOutdated, closed, lost, outdated


def test_a_reason_is_one_line() -> None:
    """Whatever the driver makes of it, and its kind where it says nothing."""
    assert lost("could\nnot \n connect").message == "the record store is not available: could not connect"
    assert lost(ConnectionResetError()).message == "the record store is not available: ConnectionResetError"
    assert lost("x").retry_after_s == 1.0


def test_an_old_schema_says_what_to_run() -> None:
    """It is no outage, and has a code of its own."""
    error = outdated("schema 1", "schema 2")
    assert isinstance(error, SchemaOutdated)
    assert (error.status, error.code) == (503, "schema_outdated")
    assert error.message == "the record store has schema 1, this release needs schema 2: run `llm-edge db upgrade`"


def test_a_closed_store_is_unavailable() -> None:
    """503."""
    assert isinstance(closed(), Unavailable)

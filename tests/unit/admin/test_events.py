"""What administrators changed."""

import logging

import pytest

from proxy.admin.events import AdminEvent, LoggedEvents


def test_an_event_is_one_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """With the names of what changed, and no values."""
    event = AdminEvent(
        action="api_key.updated", subject="lek_a", tenant="acme", actor="lek_b", at=1.0, trace_id="t", changes={"user": "ann"}
    )
    with caplog.at_level(logging.INFO, "llm_edge"):
        LoggedEvents().emit(event)
    (line,) = caplog.records
    facts = line.__dict__
    assert (line.getMessage(), facts["subject"], facts["actor"], facts["changed"]) == ("api_key.updated", "lek_a", "lek_b", ["user"])
    assert "ann" not in str(facts)

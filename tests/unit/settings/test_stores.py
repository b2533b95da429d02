"""URLs of the stores."""

from typing import Any

import pytest
from pydantic import ValidationError

from proxy.settings.stores import StoresSettings, scheme_of


@pytest.mark.parametrize(
    "fields",
    [{"records": "mysql://h/x"}, {"records": "llm-edge.db"}, {"redis": "http://h"}, {"redis": "localhost:6379"}, {"audit": "file:///x"}],
)
def test_unknown_schemes_are_refused(fields: dict[str, Any]) -> None:
    """With the known ones named."""
    with pytest.raises(ValidationError, match="schemes"):
        StoresSettings.model_validate(fields)


@pytest.mark.parametrize(("url", "scheme"), [("postgresql+psycopg://h", "postgresql"), ("SQLITE:///x", "sqlite"), ("embedded", "")])
def test_schemes_are_read_without_driver(url: str, scheme: str) -> None:
    """SQLAlchemy's form is taken."""
    assert scheme_of(url) == scheme


def test_sinks_of_audit_events_are_one_or_many() -> None:
    """A lone string is a list of one."""
    assert len(StoresSettings.model_validate({"audit": "jsonl:///a"}).audit) == 1
    assert len(StoresSettings.model_validate({"audit": ["jsonl:///a", "kafka://b:1"]}).audit) == 2


def test_embedded_stores_are_told_apart() -> None:
    """SQLite and memory belong to this machine."""
    assert StoresSettings().embedded_records
    assert not StoresSettings.model_validate({"records": "postgres://h/x"}).embedded_records
    assert StoresSettings().redis_url is None


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({"dynamodb": {"plans_table": "plans"}}, "dynamodb://?plans_table=plans"),
        ({"dynamodb": {"logs_table": "logs"}, "records": "dynamodb://eu-west-1"}, "dynamodb://eu-west-1?logs_table=logs"),
        ({"dynamodb": {"logs_table": "logs"}, "records": "dynamodb://?logs_table=mine&x=1"}, "dynamodb://?logs_table=mine&x=1"),
        ({"dynamodb": {"plans_table": "plans"}, "records": "memory://"}, "memory://"),
        ({"dynamodb": {"table": "own"}}, "sqlite:///llm-edge.db"),
    ],
)
def test_tables_of_the_lab_make_dynamodb_the_store(fields: dict[str, Any], url: str) -> None:
    """Unless another one is named; the URL's own names win."""
    assert StoresSettings.model_validate(fields).records_url == url

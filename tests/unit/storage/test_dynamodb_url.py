"""URLs of DynamoDB."""

import pytest

from proxy.core.errors import Unavailable
from proxy.storage.dynamodb_url import DynamoUrl, parse


def test_all_may_be_left_out() -> None:
    """Then the environment says where."""
    assert parse("dynamodb://") == DynamoUrl()


def test_everything_can_be_said() -> None:
    """In the query."""
    url = "dynamodb://eu-west-1?endpoint=http://h:8000&table=a&plans_table=b&logs_table=c&connections=3&timeout_ms=500&log_days=90"
    assert parse(url) == DynamoUrl("eu-west-1", "http://h:8000", "a", "b", "c", 3, 0.5, 90)


@pytest.mark.parametrize(
    "url", ["dynamodb://?connections=0", "dynamodb://?timeout_ms=x", "dynamodb://?tabel=x", "dynamodb://key:secret@eu-west-1"]
)
def test_nonsense_is_said(url: str) -> None:
    """Also secrets where they do not belong."""
    with pytest.raises(Unavailable, match=r"stores\.records"):
        parse(url)

"""A usage record is small, and comes back as it was."""

from proxy.core.entities import Entity
from proxy.storage.usage import UsageLine, UsageRecord, decode, encode


def test_a_record_comes_back() -> None:
    """With its tries."""
    record = UsageRecord(
        id="r",
        at=1.5,
        entities=(Entity("USER", "ann", "t"),),
        costs={"input": 3},
        cost_nanos=3,
        lines=(UsageLine(provider="p", model="m"),),
    )
    assert decode(encode(record)) == record


def test_what_is_unset_takes_no_room() -> None:
    """The usual record has few fields; an unknown cost is one of them."""
    assert encode(UsageRecord(id="r", at=0.0)) == b'{"id":"r","at":0.0}'
    assert decode(b'{"id":"r","at":0,"cost_nanos":null}').cost_nanos is None

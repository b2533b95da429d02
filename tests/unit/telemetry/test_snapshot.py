"""The wire form."""

import msgspec
import pytest

from proxy.telemetry.metrics import Metrics
from proxy.telemetry.snapshot import decode_snapshot, encode_snapshot


def test_there_and_back() -> None:
    """Nothing is lost on the way to the supervisor."""
    m = Metrics()
    m.observe_lag(0.1)
    snapshot = m.snapshot()
    there = {(s.family, s.labels): s.values for s in decode_snapshot(encode_snapshot(snapshot))}
    assert there == {(s.family, s.labels): s.values for s in snapshot}


def test_other_bytes_are_refused() -> None:
    """With msgspec's own error."""
    with pytest.raises(msgspec.DecodeError):
        decode_snapshot(b"\x00")

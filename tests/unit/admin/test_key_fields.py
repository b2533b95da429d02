"""What a body says of a key (refusals over a socket: test_api_keys.py)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.admin.key_fields import KeyBody, apply, properties, read_fields
from proxy.core.entities import Caps, Limits
from proxy.core.errors import InvalidField
from proxy.core.identity import BUILT_IN
from proxy.storage.records import KeyRecord

NOW = 1_800_000_000.0
RECORD = KeyRecord(key_id="k", tenant="t", key_hash="h", created_at=1.0, limits=Limits(rpm=5, qps=2.0), caps=Caps(monthly=7, daily=3))


def read(body: dict[str, Any]) -> KeyBody:
    return read_fields(body, BUILT_IN, NOW)


def test_money_is_exact() -> None:
    """0.1 USD is 100 000 000 nano-USD, as written."""
    for usd, nanos in ((0.1, 100_000_000), (0.000000001, 1), (1_000_000_000, 10**18), (0, 0)):
        assert properties(read({"monthly_budget_usd": usd}), NOW)["caps"] == Caps(monthly=nanos)


def test_other_caps_stay() -> None:
    """The body speaks of the month alone."""
    assert apply(read({"monthly_budget_usd": None}), RECORD, NOW).caps == Caps(daily=3)
    assert apply(read({"role": "client"}), RECORD, NOW, whole=True).caps == Caps(daily=3)


def test_limits_are_laid_over() -> None:
    """One by one; null for all of them takes them all; none left is none."""
    assert apply(read({"limits": {"rpm": None, "concurrency": 1}}), RECORD, NOW).limits == Limits(qps=2.0, concurrency=1)
    assert apply(read({"limits": None}), RECORD, NOW).limits is None
    assert apply(read({"limits": {"rpm": None, "qps": None}}), RECORD, NOW).limits is None
    assert apply(read({}), RECORD, NOW) == RECORD


@pytest.mark.parametrize(
    ("written", "unix_s"),
    [("2100-01-31T12:00:00Z", 4105080000.0), ("2100-01-31T12:00:00", 4105080000.0), (4105080000, 4105080000.0), (None, None)],
)
def test_expiry(written: Any, unix_s: float | None) -> None:
    """A time without a zone is UTC."""
    assert properties(read({"expires_at": written}), NOW)["expires_at"] == unix_s


@pytest.mark.parametrize("written", [1e300, "99999-01-01", "10000-01-01T00:00:00Z", NOW, True, [], ""])
def test_no_expiry(written: Any) -> None:
    """Not to come, or none that can be written down."""
    with pytest.raises(InvalidField):
        read({"expires_at": written})


def test_networks_are_written_one_way() -> None:
    """Host bits go; a single address stays one."""
    body = read({"allowed_ips": ["10.1.2.3/8", "192.0.2.7", "2001:DB8::/32", " ::1/128 "]})
    assert body.allowed_ips == ("10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "::1")


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8), lambda x: st.lists(x, max_size=3))
NAMES = st.sampled_from([*KeyBody.__struct_fields__, "rolle", "limits.rpm"])
LIMITS = st.dictionaries(st.sampled_from(["rpm", "qps", "burst", "input_tpm", "x"]), JSON, max_size=4)


@given(st.dictionaries(NAMES, JSON | LIMITS, max_size=5))
def test_whatever_comes_is_taken_or_refused_by_name(body: dict[str, Any]) -> None:
    """Never another failure; what is taken can be stored."""
    refused = None
    try:
        made = properties(read(body), NOW)
    except InvalidField as exc:
        refused = exc
    if refused is not None:
        assert refused.param
        return
    assert made["limits"] is None or all(value is None or value > 0 for value in vars_of(made["limits"]))


def vars_of(limits: Limits) -> list[float | None]:
    return [getattr(limits, name) for name in limits.__struct_fields__]

"""What a body says of a usage plan."""

import pytest

from proxy.admin.plan_fields import cap_nanos, content, read_plan
from proxy.core.entities import AGENT_GATEWAY, Caps, Limits, Raise
from proxy.core.errors import InvalidField


def test_money_and_defaults() -> None:
    """Exact nano-USD; the defaults fill what is left out of limits."""
    body = read_plan({"caps": {"monthly_usd": 0.1, "raised": {"usd": 1, "until": 50}}, "default_limits": {"rpm": 5}})
    found = content(body, 10.0, Limits(rpm=60, input_tpm=7))
    assert found["caps"] == Caps(monthly=100_000_000, raised=Raise(nanos=1_000_000_000, until=50.0))
    assert found["default_limits"] == Limits(rpm=5, input_tpm=7)
    assert (found["model_permissions"], found["active"]) == (("*",), True)


@pytest.mark.parametrize("text", ["", "-1", "nan", "inf", "x", "1e30"])
def test_no_amounts(text: str) -> None:
    with pytest.raises(InvalidField):
        cap_nanos(text, "monthly_cap")


def test_a_bucket_of_which_nothing_else_is_said_limits_something() -> None:
    """As in the settings; a key's takes its numbers from the defaults."""
    found = content(read_plan({"default_limits": {"algorithm": "bucket"}, "model_limits": {"m": {"algorithm": "bucket"}}}), 0.0)
    assert found["default_limits"] == AGENT_GATEWAY
    assert found["model_limits"] == {"m": AGENT_GATEWAY}
    found = content(read_plan({"default_limits": {"algorithm": "bucket"}}), 0.0, Limits(rpm=5))
    assert found["default_limits"] == Limits(rpm=5, algorithm="bucket")

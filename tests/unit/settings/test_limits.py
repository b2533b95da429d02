"""`limits`, from the file and from the environment of the systems it replaces."""

import pytest
from pydantic import ValidationError

from proxy.core.entities import Limits
from proxy.settings import Settings
from proxy.settings.limits import LimitSet, LimitsSettings
from tests.unit.settings.test_env import load


def test_a_set_is_what_the_limiter_takes() -> None:
    """What is not said is not limited."""
    assert LimitSet(rpm=60, burst=10).limits() == Limits(rpm=60, burst=10)
    assert LimitSet().limits() is None


def test_a_bucket_with_nothing_else_is_the_agent_gateways() -> None:
    """60 requests and 500 000 tokens a minute."""
    assert LimitSet(algorithm="bucket").limits() == Limits(rpm=60, tpm=500_000, algorithm="bucket")
    assert LimitSet(algorithm="bucket", rpm=5).limits() == Limits(rpm=5, algorithm="bucket")


@pytest.mark.parametrize("fields", [{"default": {"rpn": 1}}, {"default": {"rpm": 0}}, {"gateway": {"qps": -1}}, {"wait_s": 601}])
def test_absurd_limits_are_refused(fields: dict[str, object]) -> None:
    """A misspelt limit would be no limit."""
    with pytest.raises(ValidationError):
        LimitsSettings.model_validate(fields)


def test_the_environment_of_agenthub_and_of_the_edge_agent() -> None:
    """A burst is a key's, `RATE_LIMIT_RPM` the whole gateway's; nothing is limited where nothing is set."""
    found = load(RATE_LIMIT_BURST="10", RATE_LIMIT_QPS="5", RATE_LIMIT_RPM="1000", RATE_LIMIT_ENABLED="false").limits
    assert (found.default, found.gateway) == (LimitSet(burst=10, qps=5), LimitSet(rpm=1000))
    assert not found.enabled
    assert Settings.of(providers={"echo": {"kind": "echo"}}).limits == LimitsSettings()

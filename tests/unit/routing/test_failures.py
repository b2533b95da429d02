"""What kind of failure an error is."""

import pytest

from proxy.core.errors import BadGateway, BadRequest, EdgeError, ErrorInfo, ProviderRejected, UpstreamTimeout
from proxy.routing.failures import outcome_of


def rejected(status: int) -> ProviderRejected:
    return ProviderRejected(ErrorInfo(status=status, message="no", blame="provider"))


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (None, "ok"),
        (BadRequest("x"), "client"),
        (rejected(401), "refused"),
        (rejected(429), "throttled"),
        (rejected(500), "failed"),
        (rejected(400), "client"),
        (BadGateway("x"), "failed"),
        (UpstreamTimeout("x"), "failed"),
    ],
)
def test_errors_have_an_outcome(error: EdgeError | None, outcome: str) -> None:
    """By whose fault it is."""
    assert outcome_of(error) == outcome

"""What kind of failure an error is."""

import pytest

from proxy.core.errors import BadGateway, BadRequest, EdgeError, ErrorInfo, ProviderRejected, Unavailable, UpstreamTimeout
from proxy.routing.failures import outcome_of


def rejected(status: int, retry_after_s: float | None = None) -> ProviderRejected:
    return ProviderRejected(ErrorInfo(status=status, message="no", blame="provider", retry_after_s=retry_after_s))


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (None, "ok"),
        (BadRequest("x"), "client"),
        (rejected(401), "refused"),
        (rejected(429), "throttled"),
        (rejected(529), "throttled"),
        (rejected(503), "failed"),
        (rejected(503, retry_after_s=2.0), "throttled"),
        (Unavailable("the store is down", retry_after_s=1.0), "client"),
        (rejected(500), "failed"),
        (rejected(400), "client"),
        (BadGateway("x"), "failed"),
        (UpstreamTimeout("x"), "failed"),
    ],
)
def test_errors_have_an_outcome(error: EdgeError | None, outcome: str) -> None:
    """By whose fault it is."""
    assert outcome_of(error) == outcome

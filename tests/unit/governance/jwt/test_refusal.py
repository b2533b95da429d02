"""Why a token is not taken."""

import pytest

from proxy.core.errors import Unauthenticated, Unavailable
from proxy.core.route import Family
from proxy.governance.jwt.refusal import IssuerUnavailable, TokenRefused


@pytest.mark.parametrize("family", ["openai", "anthropic", "gemini", "admin", "agents", "invoke"])
def test_the_reason_is_told(family: Family) -> None:
    """And what its clients look for comes first."""
    assert TokenRefused("it expired").seen_by(family).info().message == "Invalid authentication token: it expired"


def test_w_s_clients_get_w_s_text() -> None:
    """To the letter."""
    assert TokenRefused("it expired").seen_by("bedrock").info().message == "Invalid authentication token"


def test_what_may_be_good_is_no_401() -> None:
    """A client that is told 401 throws its token away."""
    assert issubclass(TokenRefused, Unauthenticated)
    assert issubclass(IssuerUnavailable, Unavailable)
    assert (TokenRefused.status, IssuerUnavailable.status) == (401, 503)

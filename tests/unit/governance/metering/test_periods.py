"""Periods begin inclusive and end exclusive, in UTC."""

import pytest

from proxy.core.errors import BadRequest
from proxy.governance.metering.periods import month, span

NOW = 1_795_651_200.0
"""2026-11-26T00:00:00Z"""


def test_a_month() -> None:
    """Also over the end of a year."""
    assert month(None, NOW) == ("2026-11", 1_793_491_200.0, 1_796_083_200.0)
    assert month("2026-12", NOW)[1:] == (1_796_083_200.0, 1_798_761_600.0)
    for text in ("2026-13", "2026-1", "november", ""):
        with pytest.raises(BadRequest) as caught:
            month(text, NOW)
        assert caught.value.param == "period"


def test_a_span() -> None:
    """Times and how long ago; by default the last 30 days, up to now."""
    assert span(None, None, NOW) == (NOW - 30 * 86_400, NOW + 1)
    assert span("36h", "1d", NOW) == (NOW - 36 * 3600, NOW - 86_400)
    assert span("2026-11-25", "2026-11-25T12:00:00+00:00", NOW) == (NOW - 86_400, NOW - 43_200)
    for since, until, param in (("soon", None, "since"), (None, "x", "until"), ("1d", "2d", "until")):
        with pytest.raises(BadRequest) as caught:
            span(since, until, NOW)
        assert caught.value.param == param

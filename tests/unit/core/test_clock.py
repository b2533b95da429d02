"""Time behind a small protocol."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from proxy.core.clock import SystemClock, utc_iso


def test_stored_times_are_utc_with_milliseconds_and_z() -> None:
    """Also where the milliseconds are none, and before the epoch's first second."""
    assert utc_iso(1_795_379_700.1234) == "2026-11-22T20:35:00.123Z"
    assert utc_iso(0.0) == "1970-01-01T00:00:00.000Z"


@given(st.floats(-1e10, 1e11))
def test_stored_times_are_as_the_library_writes_them(unix_s: float) -> None:
    """Rounded to microseconds, cut to milliseconds."""
    assert utc_iso(unix_s) == datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def test_the_systems_monotonic_clock_never_goes_back() -> None:
    """Two readings in a row."""
    clock = SystemClock()
    assert clock.monotonic() <= clock.monotonic()
    assert clock.time() > 1_700_000_000

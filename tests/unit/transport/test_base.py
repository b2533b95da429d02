"""The vocabulary of transports."""

import pytest

from proxy.transport.base import ResponseTooLarge, Timeouts, TransportError


def test_error_says_where_it_happened() -> None:
    """A TransportError carries phase, sent and timeout beside its message."""
    error = TransportError("no", phase="tls", sent=False, timeout=True)
    assert (str(error), error.phase, error.sent, error.timeout) == ("no", "tls", False, True)


def test_too_large_is_a_transport_error() -> None:
    """Whoever handles TransportError handles a body over its cap."""
    with pytest.raises(TransportError):
        raise ResponseTooLarge("big", phase="body", sent=True)


def test_time_outs_are_off_by_default() -> None:
    """Only connecting is bounded unless somebody says so: a timed-out call may still be billed."""
    default = Timeouts()
    assert (default.connect_s, default.headers_s, default.between_bytes_s, default.deadline) == (5.0, None, None, None)

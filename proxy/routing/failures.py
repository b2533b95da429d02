"""What kind of failure an error is, as far as routing cares."""

from proxy.core.errors import EdgeError
from proxy.routing.health import Outcome

_THROTTLED = frozenset({429, 503, 529})
_REFUSED = frozenset({401, 402, 403})


def outcome_of(error: EdgeError | None) -> Outcome:
    """Of a try that was not cancelled."""
    if error is None:
        return "ok"
    if error.blame == "client":
        return "client"
    if error.status in _REFUSED:
        return "refused"
    if error.status in _THROTTLED:
        return "throttled"
    return "failed" if error.retryable or error.status >= 500 else "client"

"""What kind of failure an error is, as far as routing cares."""

from proxy.core.errors import EdgeError
from proxy.routing.health import Outcome

_THROTTLED = frozenset({429, 529})
_REFUSED = frozenset({401, 402, 403})


def outcome_of(error: EdgeError | None) -> Outcome:
    """Of a try that was not cancelled. A 503 that names a time asks for it, any other is a failure. What is wrong with the gateway itself
    (`blame`) is nobody's."""
    if error is None:
        return "ok"
    if error.blame != "provider":
        return "client"
    if error.status in _REFUSED:
        return "refused"
    if error.status in _THROTTLED or (error.status == 503 and error.retry_after_s is not None):
        return "throttled"
    return "failed" if error.retryable or error.status >= 500 else "client"

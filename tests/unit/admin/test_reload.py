"""A refused reload as an answer."""

from proxy.admin.reload import ReloadRefused, refusal
from proxy.settings import Problem


def test_every_problem_is_in_the_answer() -> None:
    """The first in the message, all in the details with line and column."""
    error = refusal(
        ReloadRefused(Problem("unknown key", "models.x", "a b/c.yaml:12:5"), Problem("no port", "server.port", "environment PORT"))
    )
    assert (error.status, error.code) == (422, "config_refused")
    assert error.message.endswith(": a b/c.yaml:12:5: models.x: unknown key (and 1 more)")
    assert error.details == {
        "problems": [
            {"where": "a b/c.yaml:12:5", "file": "a b/c.yaml", "line": 12, "column": 5, "path": "models.x", "message": "unknown key"},
            {"where": "environment PORT", "file": None, "line": None, "column": None, "path": "server.port", "message": "no port"},
        ]
    }
    assert refusal(ReloadRefused()).details == {"problems": []}

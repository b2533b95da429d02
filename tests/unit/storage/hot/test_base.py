"""Two ways to fail."""

from proxy.storage.hot.base import RedisDown, RedisRefused


def test_a_refusal_keeps_the_servers_word() -> None:
    """The error's first word is for policies, the text for people."""
    error = RedisRefused("OOM command not allowed when used memory > 'maxmemory'.")
    assert (error.reply, error.code, error.status) == ("OOM", "redis_refused", 503)
    assert "maxmemory" in str(error)


def test_no_answer_may_be_retried() -> None:
    """503, and not the client's fault."""
    error = RedisDown("connection lost")
    assert (error.code, error.status, error.retryable, error.blame) == ("redis_unavailable", 503, True, "gateway")

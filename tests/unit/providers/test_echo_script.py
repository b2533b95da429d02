"""Directives of the echo provider."""

import pytest

from proxy.providers.echo_script import PLAIN, Script, ScriptError, read_script


def test_plain() -> None:
    """A request without directives shares one script."""
    assert read_script("gpt-4o-mini", "hello echo", {"user": "7"}) is PLAIN


@pytest.mark.parametrize(
    ("model", "script"),
    [
        ("echo-slow-200ms", Script(latency_s=0.2)),
        ("echo-status-429", Script(status=429)),
        ("echo-cut-3-slow-5ms", Script(cut_after=3, latency_s=0.005)),
        ("echo-bytes-10000", Script(bytes=10000)),
        ("echo-slowly", PLAIN),
    ],
)
def test_model_name(model: str, script: Script) -> None:
    """Suffixes of the model's name are directives, alone or together."""
    assert read_script(model, "", None) == script


def test_user_text() -> None:
    """Directives stand anywhere in the text; one without a value means 1; unknown words are only text."""
    got = read_script("echo", "please echo:parallel and echo:retry_after=1.5 or echo:nonsense=4", None)
    assert got == Script(parallel=True, retry_after="1.5")


def test_metadata_wins() -> None:
    """Metadata comes after the text, the text after the model's name."""
    got = read_script("echo-slow-1ms", "echo:latency_ms=2 echo:status=500", {"echo_latency_ms": 3, "team": "x"})
    assert got == Script(latency_s=0.003, status=500)


def test_phase() -> None:
    """`reset` takes a phase of the transport."""
    assert read_script("echo", "", {"echo_reset": "tls"}).reset == "tls"


@pytest.mark.parametrize(
    ("metadata", "says"),
    [
        ({"echo_statsu": "1"}, "no such directive"),
        ({"echo_status": "99"}, "from 200 to 599"),
        ({"echo_latency_ms": "-1"}, "not a whole number"),
        ({"echo_latency_ms": "x"}, "not a whole number"),
        ({"echo_latency_ms": "9" * 40}, "not a whole number"),
        ({"echo_bytes": 16 * 1024 * 1024 + 1}, "from 0 to 16777216"),
        ({"echo_reset": "lunch"}, "none of connect"),
    ],
)
def test_bad_directive(metadata: dict[str, object], says: str) -> None:
    """A misspelt name or a value out of range is an error that says what would do."""
    with pytest.raises(ScriptError, match=says):
        read_script("echo", "", metadata)

"""What an answer loses, by name."""

from typing import Any

from proxy.codecs.answer_loss import lost_fields, lost_usage
from proxy.core.response import Usage


def test_fields_that_say_nothing_are_no_loss() -> None:
    """Empty ones, echoes of the request, the provider's own stop-watch, and what has a place."""
    extra: dict[str, Any] = {
        "kept": 1,
        "gone": 1,
        "null": None,
        "empty": {},
        "none": [],
        "blank": "",
        "echo": {"a": 1},
        "metrics": {"latencyMs": 7},
    }
    assert lost_fields(extra, {"kept"}) == ["gone"]


def test_details_of_the_usage() -> None:
    """Those that count something."""
    usage = Usage(input_tokens=1, cache_write_tokens=2, reasoning_tokens=3, input_audio_tokens=0)
    assert lost_usage(usage, {"reasoning_tokens"}) == ["usage.cache_write_tokens"]
    assert lost_usage(None, ()) == []

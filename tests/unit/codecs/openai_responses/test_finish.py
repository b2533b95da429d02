"""Status and finish reasons."""

from typing import Any

import pytest

from proxy.codecs.openai_responses.finish import decode_finish, encode_finish
from proxy.core.response import FinishReason


@pytest.mark.parametrize(
    ("status", "details", "calls", "finish"),
    [
        ("completed", None, False, "stop"),
        ("completed", None, True, "tool_calls"),
        ("incomplete", {"reason": "max_output_tokens"}, True, "length"),
        ("incomplete", {"reason": "content_filter"}, False, "content_filter"),
        ("incomplete", {"reason": "steered"}, False, "other"),
        ("incomplete", {"reason": 5}, False, "other"),
        ("incomplete", None, False, "other"),
    ],
)
def test_decode(status: str, details: Any, calls: bool, finish: FinishReason) -> None:
    """A call only counts where the answer is complete."""
    assert decode_finish(status, details, calls=calls) == finish


@pytest.mark.parametrize(
    ("finish", "refused", "expected"),
    [
        ("stop", False, ("completed", None)),
        ("tool_calls", False, ("completed", None)),
        ("stop_sequence", False, ("completed", None)),
        ("pause", False, ("completed", None)),
        ("other", False, ("completed", None)),
        ("length", False, ("incomplete", {"reason": "max_output_tokens"})),
        ("context_length", False, ("incomplete", {"reason": "max_output_tokens"})),
        ("content_filter", False, ("incomplete", {"reason": "content_filter"})),
        ("refusal", False, ("incomplete", {"reason": "content_filter"})),
        ("refusal", True, ("completed", None)),
    ],
)
def test_encode(finish: FinishReason, refused: bool, expected: tuple[str, Any]) -> None:
    """A refusal that the client sees completes the answer."""
    assert encode_finish(finish, refused=refused) == expected


def test_the_provider_s_own_reason() -> None:
    """Comes back as it was."""
    assert encode_finish("other", refused=False, original={"reason": "steered"}) == ("incomplete", {"reason": "steered"})

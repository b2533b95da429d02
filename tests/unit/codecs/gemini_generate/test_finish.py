"""Finish reasons."""

from typing import get_args

import pytest

from proxy.codecs.gemini_generate.finish import decode_finish, encode_finish
from proxy.core.response import FinishReason


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("SAFETY", "content_filter"),
        ("PROHIBITED_CONTENT", "content_filter"),
        ("IMAGE_SAFETY", "content_filter"),
        ("MALFORMED_FUNCTION_CALL", "other"),
        ("SOMETHING_NEW", "other"),
    ],
)
def test_from_the_api(reason: str, expected: str) -> None:
    """Unknown ones are `other`."""
    assert decode_finish(reason, calls=False) == expected


def test_an_answer_with_calls_ends_with_them() -> None:
    """Unless the limit cut it off."""
    assert decode_finish("STOP", calls=True) == "tool_calls"
    assert decode_finish("MAX_TOKENS", calls=True) == "length"


def test_every_reason_has_a_word() -> None:
    """Of the API's."""
    assert {encode_finish(reason) for reason in get_args(FinishReason)} == {"STOP", "MAX_TOKENS", "SAFETY", "OTHER"}

"""Finish reasons, and invented ids."""

from typing import get_args

import pytest

from proxy.codecs.openai_chat.finish import decode_finish, encode_finish, invented_id
from proxy.core.response import FinishReason


@pytest.mark.parametrize(
    ("word", "finish"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("tool_calls", "tool_calls"),
        ("function_call", "tool_calls"),
        ("content_filter", "content_filter"),
        ("model_length", "length"),
        ("something_new", "other"),
    ],
)
def test_reasons_are_read(word: str, finish: FinishReason) -> None:
    """The API's and others'."""
    assert decode_finish(word, calls=False) == finish


def test_stop_with_calls_is_tool_calls() -> None:
    """OpenAI ends a forced call with "stop"."""
    assert decode_finish("stop", calls=True) == "tool_calls"
    assert decode_finish("length", calls=True) == "length"


@pytest.mark.parametrize("finish", get_args(FinishReason))
def test_every_reason_has_a_word_of_the_api(finish: FinishReason) -> None:
    """The SDK's strict parse takes five."""
    assert encode_finish(finish, calls=False, refused=False) in ("stop", "length", "tool_calls", "content_filter")


def test_reason_fits_the_content() -> None:
    """A refusal shown as such is a plain stop, else filtered content; calls win over stop."""
    assert encode_finish("refusal", calls=False, refused=True) == "stop"
    assert encode_finish("refusal", calls=False, refused=False) == "content_filter"
    assert encode_finish("stop", calls=True, refused=False) == "tool_calls"
    assert encode_finish("length", calls=True, refused=False) == "length"


def test_providers_word_is_kept() -> None:
    """If the SDK knows it."""
    assert encode_finish("tool_calls", calls=True, refused=False, original="stop") == "stop"
    assert encode_finish("other", calls=False, refused=False, original="eos_token") == "stop"
    assert encode_finish("other", calls=False, refused=False, original=5) == "stop"


def test_invented_ids_are_stable() -> None:
    """The same for the same seed, and fit for Anthropic's pattern."""
    assert invented_id("call_", "a", 1) == invented_id("call_", "a", 1) != invented_id("call_", "a", 2)
    assert len(invented_id("call_", "a")) == 29

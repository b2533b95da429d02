"""Argument text."""

import pytest

from proxy.codecs.anthropic_messages.inputs import parse_arguments
from proxy.codecs.base import InvalidBody


def test_large_integers_survive() -> None:
    """An integer beyond 64 bits keeps its digits."""
    assert parse_arguments(f'{{"n": {2**70}}}', "p") == {"n": 2**70}


@pytest.mark.parametrize("text", ["", " \n"])
def test_no_text_is_no_arguments(text: str) -> None:
    """OpenAI-compatible servers send an empty string for a call without arguments."""
    assert parse_arguments(text, "p") == {}


@pytest.mark.parametrize("text", ["{", "[1]", "null", '"x"', "{'a': 1}", '{"a": NaN}', '{"a": "\ud800"}'])
def test_other_text_is_refused(text: str) -> None:
    """Only an object can be a tool's input; the path names the culprit."""
    with pytest.raises(InvalidBody) as caught:
        parse_arguments(text, "messages[1].tool_calls[0].function.arguments")
    assert caught.value.path == "messages[1].tool_calls[0].function.arguments"

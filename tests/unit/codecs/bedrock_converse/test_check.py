"""What every provider would refuse."""

from typing import Any

import pytest

from proxy.codecs.base import InvalidBody
from proxy.codecs.bedrock_converse.check import check
from proxy.codecs.check import Asked
from tests.support.converse_samples import request_of


def test_what_the_gateway_needs() -> None:
    """Model and stream, which the URL gave."""
    assert check(request_of(model="m", inferenceConfig={"maxTokens": 1, "temperature": 1, "topP": 0})) == Asked("m", False, False)
    assert check({**request_of(model="m"), "stream": True}) == Asked("m", True, False)


def test_a_stored_prompt_needs_no_messages() -> None:
    """It has its own."""
    assert check({"model": "arn:aws:bedrock:us-east-1:1:prompt/ABC", "stream": False}).stream is False


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"model": None}, "model"),
        ({"model": ""}, "model"),
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": "text"}]}, "messages[0].content"),
        ({"inferenceConfig": {"maxTokens": 0}}, "inferenceConfig.maxTokens"),
        ({"inferenceConfig": {"maxTokens": "1"}}, "inferenceConfig.maxTokens"),
        ({"inferenceConfig": {"temperature": 1.1}}, "inferenceConfig.temperature"),
        ({"inferenceConfig": {"topP": -1}}, "inferenceConfig.topP"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, Any], path: str) -> None:
    """With the client's JSON path."""
    with pytest.raises(InvalidBody) as caught:
        check({**request_of(), **change})
    assert caught.value.path == path

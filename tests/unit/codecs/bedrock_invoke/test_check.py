"""The passthrough lane's look at an InvokeModel request."""

from typing import Any

import pytest

from proxy.codecs.base import InvalidBody
from proxy.codecs.bedrock_invoke.check import check
from proxy.codecs.check import Asked
from tests.support.invoke_samples import sample


@pytest.mark.parametrize(
    ("name", "stream"), [("request_claude", True), ("request_titan", False), ("request_llama", False), ("embedding_request", False)]
)
def test_samples_pass(name: str, stream: bool) -> None:
    """With the URL's model and stream flag."""
    body = sample(name)
    assert check(body) == Asked(body["model"], stream, False)


def test_other_vendors_are_the_providers_to_judge() -> None:
    """Whatever they hold."""
    assert check({"model": "mistral.x", "stream": True, "anything": 1}) == Asked("mistral.x", True, False)


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "model"),
        ({"model": ""}, "model"),
        ({"model": "anthropic.claude-x", "messages": [{"role": "user"}]}, "max_tokens"),
        ({"model": "anthropic.claude-x", "messages": [], "max_tokens": 1}, "messages"),
        ({"model": "anthropic.claude-x", "messages": [{"role": "user"}], "max_tokens": 1, "anthropic_beta": "x"}, "anthropic_beta"),
        ({"model": "anthropic.claude-x", "messages": [{"role": "user"}], "max_tokens": 1, "anthropic_beta": ["x", 5]}, "anthropic_beta[1]"),
        (
            {"model": "anthropic.claude-x", "messages": [{"role": "user"}], "max_tokens": 1, "anthropic_beta": ["x\r\n"]},
            "anthropic_beta[0]",
        ),
        ({"model": "amazon.titan-text-lite-v1"}, "inputText"),
        ({"model": "amazon.titan-embed-text-v2:0", "inputText": 5}, "inputText"),
        ({"model": "amazon.titan-text-lite-v1", "inputText": "x", "textGenerationConfig": 5}, "textGenerationConfig"),
        ({"model": "meta.llama3-8b-instruct-v1:0"}, "prompt"),
    ],
)
def test_mistakes(body: dict[str, Any], path: str) -> None:
    """What every model of the family would refuse."""
    with pytest.raises(InvalidBody) as caught:
        check(body)
    assert caught.value.path == path

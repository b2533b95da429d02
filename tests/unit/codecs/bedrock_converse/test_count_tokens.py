"""`POST /model/{id}/count-tokens`."""

from typing import Any

import pytest

from proxy.codecs.base import InvalidBody
from proxy.codecs.bedrock_converse import BedrockConverseCodec
from proxy.codecs.bedrock_converse.count_tokens import check, generation, own, wrapped

MESSAGES = [{"role": "user", "content": [{"text": "hi"}]}]
BODY: dict[str, Any] = {"model": "m", "stream": False, "input": {"converse": {"messages": MESSAGES, "system": [{"text": "S"}]}}}


def test_a_converse_request_within() -> None:
    """Is decoded as one; its place is told."""
    assert (check(BODY).model, check(BODY).stream) == ("m", False)
    whole, base = generation(BODY)
    assert (base, len(BedrockConverseCodec().decode_request(whole, {}).messages)) == ("input.converse", 2)
    assert wrapped({**whole, "inferenceConfig": {}}) == {"input": BODY["input"]}
    assert own(BODY, "n") == {**BODY, "model": "n"}


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"input": {"converse": {"messages": MESSAGES}}}, "model"),
        ({"model": "", "input": {"converse": {"messages": MESSAGES}}}, "model"),
        ({"model": "m"}, "input"),
        ({"model": "m", "input": {}}, "input"),
        ({"model": "m", "input": {"converse": {"messages": MESSAGES}, "invokeModel": {"body": "e30="}}}, "input"),
        ({"model": "m", "input": {"converse": {}}}, "input.converse.messages"),
        ({"model": "m", "input": {"converse": []}}, "input.converse"),
    ],
)
def test_what_is_wrong_is_named(body: dict[str, Any], path: str) -> None:
    """Before any call."""
    with pytest.raises(InvalidBody) as caught:
        check(body)
    assert caught.value.path == path


def test_an_invoke_request_stays_bedrocks() -> None:
    """It passes untranslated only."""
    body = {"model": "m", "input": {"invokeModel": {"body": "e30="}}}
    assert check(body).model == "m"
    with pytest.raises(InvalidBody) as caught:
        generation(body)
    assert caught.value.path == "input.invokeModel"

"""The passthrough lane's look at a request."""

from typing import Any

import pytest

from proxy.codecs.base import InvalidBody
from proxy.codecs.check import Asked
from proxy.codecs.openai_responses.check import check
from tests.support.responses_samples import sample_json

OK: dict[str, Any] = {"model": "m", "input": "hi"}


def test_what_the_gateway_needs() -> None:
    """Model and streaming; a stream always tells its usage."""
    assert check(OK) == Asked("m", False, False)
    assert check({**OK, "stream": True}) == Asked("m", True, False)
    assert check(sample_json("request_full.json")) == Asked("gpt-5-mini", True, False)


def test_input_may_be_kept_at_the_upstream() -> None:
    """An earlier response, a conversation or a stored prompt stands for it."""
    for key in ("previous_response_id", "conversation", "prompt"):
        assert check({"model": "m", key: "x"}).model == "m"


@pytest.mark.parametrize(
    ("body", "path", "says"),
    [
        ({}, "model", "model is required"),
        ({"model": "", "input": "x"}, "model", "model is required"),
        ({"model": "m"}, "input", "input is required"),
        ({**OK, "model": 5}, "model", "expected"),
        ({**OK, "input": 5}, "input", "expected"),
        ({**OK, "input": [5]}, "input[0]", "expected"),
        ({**OK, "input": [{"role": 7}]}, "input[0].role", "expected"),
        ({**OK, "stream": "yes"}, "stream", "expected"),
        ({**OK, "tools": {}}, "tools", "expected"),
        ({**OK, "max_output_tokens": 0}, "max_output_tokens", "at least 1"),
    ],
)
def test_what_every_provider_would_refuse(body: dict[str, Any], path: str, says: str) -> None:
    """Named by its path, without an upstream call."""
    with pytest.raises(InvalidBody, match=says) as caught:
        check(body)
    assert caught.value.path.startswith(path.split("[")[0])

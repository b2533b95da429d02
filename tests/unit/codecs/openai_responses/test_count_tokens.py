"""`POST /v1/responses/input_tokens`."""

import pytest

from proxy.codecs.base import InvalidBody
from proxy.codecs.openai_responses.count_tokens import check, encode_count, generation, own, wrapped


def test_the_request_is_that_of_an_answer() -> None:
    """Less what no prompt holds."""
    body = {"model": "m", "input": "hi", "stream": True, "store": False, "max_output_tokens": 20, "instructions": "S"}
    assert (check(body).model, check(body).stream) == ("m", False)
    assert generation(body) == (body, "")
    assert wrapped(body) == {"model": "m", "input": "hi", "instructions": "S"}
    assert own(body, "n") == {**body, "model": "n"}


def test_a_request_without_input_is_refused() -> None:
    """By its field."""
    with pytest.raises(InvalidBody) as caught:
        check({"model": "m"})
    assert caught.value.path == "input"


def test_the_answer_says_what_it_is() -> None:
    """As OpenAI's."""
    assert encode_count(3) == {"object": "response.input_tokens", "input_tokens": 3}

"""Completions requests → ChatRequest."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.codecs.base import InvalidBody
from proxy.codecs.openai_completions.request import check_prompt, decode_request
from proxy.codecs.openai_completions.write_request import encode_request
from proxy.core.messages import Message, TextPart

WIRE = Path(__file__).parents[3] / "wire/openai_completions"


@pytest.mark.parametrize("name", ["request_full", "request_prompts", "request_tokens"])
def test_samples_come_back(name: str) -> None:
    """Equal as JSON, with nothing reported."""
    body = json.loads((WIRE / f"{name}.json").read_text())
    encoded = encode_request(decode_request(body))
    assert (encoded.body, encoded.dropped) == (body, ())


def test_the_prompt_is_one_user_turn() -> None:
    """With its path in the client's request."""
    request = decode_request({"model": "m", "prompt": "hi"})
    assert request.messages == (Message(role="user", content=(TextPart(text="hi"),), path="prompt"),)
    assert request.extra == {}


def test_what_the_turn_cannot_hold_stays_in_extra() -> None:
    """Of several texts the first is the turn's; token ids are no text at all."""
    several = decode_request({"model": "m", "prompt": ["one", "two"]})
    assert several.messages[0].content == (TextPart(text="one"),)
    assert several.extra == {"prompt": ["one", "two"]}
    for tokens in ([1, 2], [[1, 2], [3]]):
        request = decode_request({"model": "m", "prompt": tokens})
        assert request.messages[0].content == ()
        assert request.extra == {"prompt": tokens}


def test_logprobs_is_a_number_here() -> None:
    """Zero asks for the chosen tokens' only."""
    request = decode_request({"model": "m", "prompt": "x", "logprobs": 0})
    assert (request.logprobs, request.top_logprobs, request.path_of("top_logprobs")) == (True, 0, "logprobs")


def test_stream_options_without_a_stream() -> None:
    """Left to the provider to judge."""
    body = {"model": "m", "prompt": "x", "stream_options": {"include_usage": True}}
    assert not decode_request(body).include_usage
    assert encode_request(decode_request(body)).body == body


words = st.text(min_size=1, max_size=8)
prompts = st.one_of(st.text(max_size=8), st.lists(words, min_size=1, max_size=3), st.lists(st.integers(0, 9), min_size=1, max_size=3))


@settings(max_examples=100, derandomize=True, deadline=None)
@given(
    st.fixed_dictionaries(
        {"model": words, "prompt": prompts},
        optional={
            "max_tokens": st.integers(0, 99),
            "n": st.integers(1, 3),
            "stop": st.one_of(words, st.lists(words, min_size=1, max_size=4)),
            "echo": st.booleans(),
            "stream": st.just(False),
            "logprobs": st.integers(0, 5),
            "anything": words,
        },
    )
)
def test_anything_valid_comes_back(body: dict[str, Any]) -> None:
    """As it was sent."""
    assert encode_request(decode_request(body)).body == body


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"model": ""}, "model"),
        ({"model": 5}, "model"),
        ({"prompt": 5}, "prompt"),
        ({"prompt": {}}, "prompt"),
        ({"prompt": []}, "prompt"),
        ({"prompt": ["a", 1]}, "prompt[1]"),
        ({"prompt": [True]}, "prompt[0]"),
        ({"prompt": [[1], []]}, "prompt[1]"),
        ({"prompt": [[1], ["a"]]}, "prompt[1]"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"n": 0}, "n"),
        ({"temperature": 3}, "temperature"),
        ({"logprobs": True}, "logprobs"),
        ({"stop": 5}, "stop"),
        ({"stop": [5]}, "stop[0]"),
        ({"logit_bias": {"1": "x"}}, "logit_bias.1"),
        ({"suffix": 5}, "suffix"),
        ({"echo": 1}, "echo"),
        ({"best_of": 0}, "best_of"),
        ({"stream": 1}, "stream"),
        ({"stream": True, "stream_options": {"include_usage": 1}}, "stream_options.include_usage"),
    ],
)
def test_mistakes_are_named(fields: dict[str, Any], path: str) -> None:
    """With the JSON path of the culprit."""
    with pytest.raises(InvalidBody) as caught:
        decode_request({"model": "m", "prompt": "x", **fields})
    assert caught.value.path == path


def test_no_prompt_at_all() -> None:
    """The API begins with its end-of-text token then: no turn's text is invented."""
    for body in ({"model": "m"}, {"model": "m", "prompt": None}):
        check_prompt(body.get("prompt"))
        assert decode_request(body).messages[0].content == ()
        assert encode_request(decode_request(body)).body == {"model": "m"}

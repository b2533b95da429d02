"""Tokens before anybody knows."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.codecs.needs import prompt_tokens
from proxy.core.context import RequestContext
from proxy.core.route import RouteInfo
from proxy.governance.limits.estimates import MAX_MODELS, PLAIN_BYTES, Averages, input_tokens, model_of, output_tokens
from tests.unit.governance.limits.made import CHAT, World


def request(body: dict[str, Any], route: RouteInfo = CHAT) -> RequestContext:
    return World().request(body=body, route=route)


def test_input_is_a_quarter_of_the_bytes_without_media() -> None:
    """An image in base64 counts as an image."""
    assert input_tokens(request({"messages": [{"role": "user", "content": "x" * 400}]})) in range(100, 120)
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 400_000}}
    assert input_tokens(request({"messages": [{"role": "user", "content": [image]}]})) in range(1600, 1700)


@pytest.mark.parametrize(
    ("body", "dialect", "expected"),
    [
        ({"max_tokens": 7}, "openai_chat", 7),
        ({"max_completion_tokens": 8, "max_tokens": 7, "n": 3}, "openai_chat", 24),
        ({"max_tokens": 0}, "openai_chat", 256),
        ({}, "openai_chat", 256),
        ({"max_tokens": 5000}, "anthropic_messages", 1000),
        ({"inferenceConfig": {"maxTokens": 9}}, "bedrock_converse", 9),
    ],
)
def test_output_is_the_clients_cap_or_what_is_usual(body: dict[str, Any], dialect: str, expected: int) -> None:
    """For each choice, and at most the limit."""
    assert output_tokens(request(body, RouteInfo(name="r", family="openai", dialect=dialect)), Averages(), 1000) == expected


def test_the_average_moves_and_its_names_are_bounded() -> None:
    """256 at first."""
    averages = Averages()
    assert averages("m") == 256
    for _ in range(100):
        averages.note("m", 1000)
    assert averages("m") in range(995, 1001)
    for n in range(2 * MAX_MODELS):
        averages.note(f"m{n}", 1)
    assert averages(f"m{2 * MAX_MODELS - 1}") == 256


def test_the_model_is_known_before_anything_is_decoded() -> None:
    """From the body, or from the path where the dialect has it there."""
    assert model_of(request({"model": "m"})) == "m"
    assert model_of(request({"model": 5})) is None
    converse = RouteInfo(
        name="c", family="bedrock", dialect="bedrock_converse", stream=False, pattern=re.compile("/model/(?P<model>.+)/converse")
    )
    ctx = request({"model": "other"}, converse)
    ctx.raw_path = "/model/arn:x/converse"
    assert model_of(ctx) == "arn:x"
    azure = RouteInfo(name="a", family="openai", dialect="openai_chat", pattern=re.compile("/deployments/(?P<model>[^/]+)/chat"))
    ctx = request({}, azure)
    ctx.raw_path = "/openai/deployments/d/chat"
    assert model_of(ctx) == "d"
    ctx.json = {"model": "m"}
    assert model_of(ctx) == "m"
    ctx.json = None
    assert model_of(ctx) == "d"


caps = st.dictionaries(
    st.sampled_from(["max_tokens", "max_completion_tokens", "inferenceConfig", "stop"]), st.sampled_from([3, 0, "x", None])
)


@given(caps, st.sampled_from(["openai_chat", "anthropic_messages", "bedrock_converse"]), st.integers(1, 400))
def test_a_body_that_says_nothing_of_its_answer_is_not_looked_through(body: dict[str, Any], dialect: str, limit: int) -> None:
    """With one choice asked for it is; and the answer is the same."""
    route = RouteInfo(name="r", family="openai", dialect=dialect)
    assert output_tokens(request(body, route), Averages(), limit) == output_tokens(request({**body, "n": 1}, route), Averages(), limit)


@pytest.mark.parametrize("size", [PLAIN_BYTES - 1, PLAIN_BYTES, PLAIN_BYTES + 1])
def test_a_small_body_is_judged_by_its_size_alone(size: int) -> None:
    """As a larger one without media is."""
    ctx = request({"messages": []})
    ctx.body = b" " * size
    assert input_tokens(ctx) == prompt_tokens(ctx.json, size, 0)

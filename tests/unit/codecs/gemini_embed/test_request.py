"""Gemini's embedding requests."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.codecs.base import InvalidBody
from proxy.codecs.check import Asked
from proxy.codecs.gemini_embed.request import MAX_INPUTS, check, count, decode_request, encode_request
from proxy.codecs.openai_embeddings import OpenAIEmbeddingsCodec
from proxy.core.embeddings import EmbeddingRequest

WIRE = Path(__file__).parents[3] / "wire/gemini_embed"
OPENAI = OpenAIEmbeddingsCodec()
MODEL = "gemini-embedding-001"


def sample(name: str) -> dict[str, Any]:
    """With what the URL says."""
    return {"model": MODEL, "stream": False, **json.loads((WIRE / f"{name}.json").read_text())}


def openai(**more: Any) -> EmbeddingRequest:
    return OPENAI.decode_request({"model": MODEL, "input": "a", **more}, {})


def content(text: Any) -> dict[str, Any]:
    return {"content": {"parts": [{"text": text}]}}


def test_a_single_request_comes_back() -> None:
    """With its options."""
    body = sample("request_single")
    request = decode_request(body)
    assert (request.inputs, request.single, request.dimensions) == (("first text",), True, 2)
    assert encode_request(request).body == {key: value for key, value in body.items() if key != "stream"}
    assert count(body) == 1


def test_a_batch_comes_back() -> None:
    """But for the model within, which the provider's adapter writes."""
    body = sample("request_batch")
    request = decode_request(body)
    assert (request.inputs, request.single, request.dimensions) == (("first text", "zweiter Text"), False, 2)
    encoded = encode_request(request)
    inner = [{key: value for key, value in item.items() if key != "model"} for item in body["requests"]]
    assert (encoded.body, encoded.dropped) == ({"model": MODEL, "requests": inner}, ())
    assert count(body) == 2


def test_what_another_dialect_loses_is_named_by_its_place() -> None:
    """In a batch with the number of its request."""
    assert OPENAI.encode_request(decode_request(sample("request_single"))).dropped == ("taskType", "title")
    dropped = OPENAI.encode_request(decode_request(sample("request_batch"))).dropped
    assert dropped == ("requests[0].taskType", "requests[0].title", "requests[1].taskType", "requests[1].title")
    assert decode_request(sample("request_batch")).path_of("dimensions") == "requests[0].outputDimensionality"


def test_an_openai_client() -> None:
    """One text is an embedContent, several are a batch with the same options each."""
    one = encode_request(openai(dimensions=8, encoding_format="base64", user="u"))
    assert one.body == {"model": MODEL, **content("a"), "outputDimensionality": 8}
    assert one.dropped == ("user",)
    both = encode_request(openai(input=["a", "b"], dimensions=8))
    assert both.body == {"model": MODEL, "requests": [{**content(text), "outputDimensionality": 8} for text in ("a", "b")]}
    assert encode_request(openai(input=["a"])).body == {"model": MODEL, **content("a")}


@pytest.mark.parametrize("names", [("taskType", "outputDimensionality"), ("task_type", "output_dimensionality")])
def test_an_openai_client_may_name_geminis_own_options(names: tuple[str, str]) -> None:
    """In either spelling; `dimensions` wins, and what is left over is reported."""
    own = {names[0]: "RETRIEVAL_QUERY", "title": "T", names[1]: 4}
    encoded = encode_request(openai(**own, input_type="query", nothing=None))
    assert encoded.body == {"model": MODEL, **content("a"), "taskType": "RETRIEVAL_QUERY", "title": "T", "outputDimensionality": 4}
    assert encoded.dropped == ("input_type",)
    other = encode_request(openai(**own, dimensions=9))
    assert (other.body["outputDimensionality"], other.dropped) == (9, (names[1],))


def test_token_ids_have_no_place() -> None:
    """The client's name of the field is told."""
    with pytest.raises(InvalidBody, match="not token ids") as caught:
        encode_request(openai(input=[1, 2]))
    assert caught.value.path == "input"


def test_vectors_of_another_length_than_one_are_reported() -> None:
    """Titan's `normalize` has no equal."""
    assert encode_request(EmbeddingRequest(dialect="bedrock_invoke", model="m", inputs=("a",), normalize=False)).dropped == ("normalize",)


def test_parts_are_lines_of_one_text() -> None:
    """A bare part counts as a list of it."""
    parts = {"content": {"role": "user", "parts": [{"text": "a"}, {"text": "b"}]}}
    assert decode_request({"model": "models/m", **parts}).inputs == ("a\nb",)
    assert decode_request({"model": "m", "content": {"parts": {"text": "a"}}}).inputs == ("a",)


def test_what_is_asked() -> None:
    """The model, as the provider's URL has it or not."""
    for name in ("request_single", "request_batch"):
        assert check({**sample(name), "model": f"models/{MODEL}"}) == Asked(MODEL, False, False)


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "content"),
        ({"content": "x"}, "content"),
        ({"requests": []}, "requests"),
        ({"requests": {}}, "requests"),
        ({"requests": [5]}, "requests[0]"),
        ({"requests": [content("a"), {}]}, "requests[1].content"),
        ({"requests": [content("a")] * (MAX_INPUTS + 1)}, "requests"),
        ({"model": "", **content("a")}, "model"),
    ],
)
def test_mistakes_that_every_provider_would_refuse(body: dict[str, Any], path: str) -> None:
    """Named by their path, before a call."""
    with pytest.raises(InvalidBody) as caught:
        check({"model": "m", **body})
    assert caught.value.path == path


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"content": {}}, "content.parts"),
        ({"content": {"parts": []}}, "content.parts"),
        ({"content": {"parts": [{"inlineData": {}}]}}, "content.parts[0].text"),
        ({"requests": [content("a"), content("")]}, "requests[1].content.parts[0].text"),
        ({**content("a"), "outputDimensionality": 0}, "outputDimensionality"),
        ({"requests": [content("a"), {**content("b"), "output_dimensionality": 3}]}, "requests[1].output_dimensionality"),
    ],
)
def test_what_cannot_be_translated(body: dict[str, Any], path: str) -> None:
    """Only text, and one length for all."""
    with pytest.raises(InvalidBody) as caught:
        decode_request({"model": "m", **body})
    assert caught.value.path == path


TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
OPTIONS = st.fixed_dictionaries({}, optional={"taskType": TEXT, "title": TEXT, "other": st.integers()})


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.tuples(TEXT, OPTIONS), min_size=1, max_size=12), st.none() | st.integers(1, 9), st.booleans())
def test_whatever_the_dialect_says_comes_back(items: list[tuple[str, dict[str, Any]]], dimensions: int | None, single: bool) -> None:
    """Single or in a batch, each with options of its own."""
    shared = {} if dimensions is None else {"outputDimensionality": dimensions}
    requests = [{**content(text), **shared, **options} for text, options in items]
    body: dict[str, Any] = {"model": "m", **(requests[0] if single else {"requests": requests})}
    encoded = encode_request(decode_request(body))
    assert (encoded.body, encoded.dropped) == (body, ())

"""Titan Text's bodies."""

from typing import Any

import msgspec
import pytest

from proxy.codecs.base import InvalidBody
from proxy.codecs.bedrock_invoke.llama import decode_request as decode_llama
from proxy.codecs.bedrock_invoke.titan import decode_request, decode_response, encode_request, encode_response
from proxy.codecs.openai_chat import OpenAIChatCodec
from proxy.core.messages import TextPart, ThinkingPart
from proxy.core.response import ChatResponse, Choice, FinishReason, Usage
from tests.support.invoke_samples import sample


def test_the_sample_comes_back() -> None:
    """Nothing is lost, and other dialects know the fields' names."""
    body = sample("request_titan")
    request = decode_request(body)
    assert (request.max_tokens, request.temperature, request.top_p, request.stop) == (32, 0.3, 0.9, ("User:",))
    assert request.path_of("stop") == "textGenerationConfig.stopSequences"
    encoded = encode_request(request)
    assert (encoded.body, encoded.dropped) == (body, ())


@pytest.mark.parametrize("more", [{}, {"textGenerationConfig": {"x": 1}}, {"other": [1]}])
def test_unknown_fields_come_back(more: dict[str, Any]) -> None:
    """At any depth."""
    body = {"model": "amazon.titan-text-lite-v1", "stream": True, "inputText": "x", **more}
    assert encode_request(decode_request(body)).body == body


def test_from_chat() -> None:
    """A script of the turns; a temperature over 1 is cut; what is lost is reported."""
    messages = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]
    chat = {"model": "amazon.titan-text-lite-v1", "messages": messages, "temperature": 1.5, "stop": ["x"], "seed": 3}
    encoded = encode_request(OpenAIChatCodec().decode_request(chat, {}))
    assert encoded.body["inputText"] == "User: a\n\nBot: b\n\nUser: c\n\nBot:"
    assert encoded.body["textGenerationConfig"] == {"temperature": 1.0, "stopSequences": ["x"]}
    assert encoded.dropped == ("temperature", "messages", "seed")


def test_answers() -> None:
    """Text, reason and counts, both ways; what is no text is reported."""
    answer = sample("answer_titan")
    response = decode_response(answer)
    assert response.usage == Usage(input_tokens=4, output_tokens=3)
    dropped: list[str] = []
    assert encode_response(response, dropped) == answer
    thought = ChatResponse(id="", model="", choices=(Choice(content=(ThinkingPart(text="x"), TextPart(text="y"))), Choice(index=1)))
    assert [result["outputText"] for result in encode_response(thought, dropped)["results"]] == ["y", ""]
    assert dropped == ["choices[0].content[0]"]


@pytest.mark.parametrize(
    ("reason", "finish", "back"),
    [
        ("FINISH", "stop", "FINISH"),
        ("FINISHED", "stop", "FINISH"),
        ("LENGTH", "length", "LENGTH"),
        ("STOP_CRITERIA_MET", "stop_sequence", "STOP_CRITERIA_MET"),
        ("CONTENT_FILTERED", "content_filter", "CONTENT_FILTERED"),
        ("RAG_QUERY_WHEN_RAG_DISABLED", "other", "FINISH"),
    ],
)
def test_reasons(reason: str, finish: FinishReason, back: str) -> None:
    """Each in canonical words and back."""
    response = decode_response({"inputTextTokenCount": 1, "results": [{"outputText": "", "completionReason": reason}]})
    assert response.choices[0].finish == finish
    assert encode_response(response, [])["results"][0]["completionReason"] == back


@pytest.mark.parametrize(
    ("answer", "path"),
    [
        ({}, "results"),
        ({"results": []}, "results"),
        ({"results": [{}]}, "results[0].outputText"),
        ({"results": [{"outputText": ""}]}, "results[0].completionReason"),
    ],
)
def test_broken_answers(answer: dict[str, Any], path: str) -> None:
    """Named by their path."""
    with pytest.raises(InvalidBody) as caught:
        decode_response(answer)
    assert caught.value.path == path


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "inputText"),
        ({"inputText": 5}, "inputText"),
        ({"inputText": "x", "textGenerationConfig": 5}, "textGenerationConfig"),
        ({"inputText": "x", "textGenerationConfig": {"temperature": 2}}, "textGenerationConfig.temperature"),
        ({"inputText": "x", "textGenerationConfig": {"stopSequences": [5]}}, "textGenerationConfig.stopSequences[0]"),
    ],
)
def test_mistakes(body: dict[str, Any], path: str) -> None:
    """Named by their path."""
    with pytest.raises(InvalidBody) as caught:
        decode_request({"model": "m", **body})
    assert caught.value.path == path


def test_a_llama_clients_own_fields_are_not_written_into_titans_body() -> None:
    """One dialect, two forms."""
    request = decode_llama({"model": "smart", "prompt": "x", "images": ["y"], "max_gen_len": 5})
    encoded = encode_request(msgspec.structs.replace(request, model="amazon.titan-text-lite-v1"))
    assert encoded.body.keys() == {"model", "stream", "inputText", "textGenerationConfig"}
    assert encoded.dropped == ("images",)

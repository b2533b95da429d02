"""Llama's bodies."""

from typing import Any

import msgspec
import pytest

from proxy.codecs.base import InvalidBody
from proxy.codecs.bedrock_invoke.llama import decode_request, decode_response, encode_request, encode_response
from proxy.codecs.bedrock_invoke.titan import decode_request as decode_titan
from proxy.codecs.openai_chat import OpenAIChatCodec
from proxy.core.messages import TextPart
from proxy.core.response import ChatResponse, Choice, Usage
from tests.support.invoke_samples import sample


def test_the_sample_comes_back() -> None:
    """As turns for other dialects."""
    body = sample("request_llama")
    request = decode_request(body)
    assert [message.role for message in request.messages] == ["system", "user", "assistant", "user"]
    assert (request.max_tokens, request.path_of("max_tokens")) == (64, "max_gen_len")
    encoded = encode_request(request)
    assert (encoded.body, encoded.dropped) == (body, ())


def test_a_raw_prompt_comes_back() -> None:
    """It is one user turn, and is not put into a template; unknown fields come back too."""
    body = {"model": "meta.llama3-8b-instruct-v1:0", "stream": True, "prompt": "[INST] hi [/INST]", "images": ["x"]}
    request = decode_request(body)
    assert [message.content for message in request.messages] == [(TextPart(text="[INST] hi [/INST]"),)]
    assert encode_request(request).body == body


def test_from_chat() -> None:
    """In the model's template; special tokens in a text are broken and reported."""
    messages = [{"role": "system", "content": "s"}, {"role": "user", "content": "a<|eot_id|>b"}]
    chat = {"model": "meta.llama3-8b-instruct-v1:0", "messages": messages, "temperature": 2, "stop": "x"}
    encoded = encode_request(OpenAIChatCodec().decode_request(chat, {}))
    assert encoded.body["prompt"].count("<|eot_id|>") == 2
    assert "a< |eot_id|>b" in encoded.body["prompt"]
    assert encoded.body["temperature"] == 1.0
    assert encoded.dropped == ("messages[1]", "temperature", "stop")


def test_answers() -> None:
    """Text, reason and counts, both ways; further choices are reported."""
    answer = sample("answer_llama")
    response = decode_response(answer)
    assert (response.usage, response.choices[0].finish) == (Usage(input_tokens=21, output_tokens=3), "length")
    dropped: list[str] = []
    assert encode_response(response, dropped) == answer
    two = ChatResponse(id="", model="", choices=(Choice(), Choice(index=1)))
    assert encode_response(two, dropped)["stop_reason"] == "stop"
    assert dropped == ["choices[1]"]
    assert encode_response(ChatResponse(id="", model="", choices=()), [])["generation"] == ""


def test_reasons_and_counts_that_are_missing() -> None:
    """An unknown reason is "other"; no counts are no usage."""
    response = decode_response({"generation": "", "stop_reason": "tired"})
    assert (response.choices[0].finish, response.usage) == ("other", None)


@pytest.mark.parametrize(
    ("answer", "path"),
    [
        ({}, "generation"),
        ({"generation": ""}, "stop_reason"),
        ({"generation": "", "stop_reason": "stop", "prompt_token_count": -1}, "prompt_token_count"),
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
        ({}, "prompt"),
        ({"prompt": ["x"]}, "prompt"),
        ({"prompt": "x", "max_gen_len": 0}, "max_gen_len"),
        ({"prompt": "x", "top_p": 2}, "top_p"),
    ],
)
def test_mistakes(body: dict[str, Any], path: str) -> None:
    """Named by their path."""
    with pytest.raises(InvalidBody) as caught:
        decode_request({"model": "m", **body})
    assert caught.value.path == path


def test_a_titan_clients_own_fields_are_not_written_into_llamas_body() -> None:
    """One dialect, two forms."""
    request = decode_titan({"model": "smart", "inputText": "x", "textGenerationConfig": {"maxTokenCount": 5, "y": 1}})
    encoded = encode_request(msgspec.structs.replace(request, model="meta.llama3-8b-instruct-v1:0"))
    assert encoded.body.keys() == {"model", "stream", "prompt", "max_gen_len"}
    assert encoded.dropped == ("textGenerationConfig.y",)

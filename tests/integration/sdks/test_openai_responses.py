"""The OpenAI SDK's responses, with its streaming helper and its parsing, at each of the five providers."""

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from tests.support.scripted import Dialect, ScriptedProviders, script, talk
from tests.support.scripted.stage import Stage

TOOLS: Any = [{"type": "function", "name": "get_weather", "parameters": talk.PARAMETERS, "strict": True}]


@pytest.fixture(scope="module")
def client(stage: Stage) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{stage.url}/v1", api_key=stage.key, max_retries=0, _strict_response_validation=True) as sdk:
        yield sdk


def test_text(client: openai.OpenAI, up: ScriptedProviders, upstream: Dialect) -> None:
    """Instructions and words arrive, the answer and its usage come back."""
    answer = client.responses.create(model=up.model(upstream), instructions="Be brief.", input=talk.ASKED, max_output_tokens=100)
    assert (answer.output_text, answer.status) == (talk.SAID, "completed")
    assert answer.usage is not None
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (talk.PROMPT_TOKENS, script.OUTPUT)
    assert answer.usage.input_tokens_details.cached_tokens == script.CACHED
    heard = up.heard[-1]
    assert (heard.dialect, heard.system, heard.max_tokens) == (upstream, "Be brief.", 100)


def test_the_streaming_helper(client: openai.OpenAI, up: ScriptedProviders, upstream: Dialect) -> None:
    """Its events in order, numbered, and the response that it gathers."""
    numbers: list[int] = []
    kinds: list[str] = []
    with client.responses.stream(model=up.model(upstream), input=talk.ASKED) as stream:
        for event in stream:
            kinds.append(event.type)
            numbers.append(event.sequence_number)
        final = stream.get_final_response()
    assert final.output_text == talk.SAID
    assert (kinds[0], kinds[-1]) == ("response.created", "response.completed")
    assert kinds.count("response.output_text.delta") > 2
    assert numbers == list(range(len(numbers)))
    assert final.usage is not None
    assert final.usage.input_tokens_details.cached_tokens == script.CACHED


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("reasoning", [False, True])
def test_parallel_tools_go_round(
    client: openai.OpenAI, up: ScriptedProviders, upstream: Dialect, *, streamed: bool, reasoning: bool
) -> None:
    """Two calls, handed back as they came beside their results; with the reasoning that led to them, signed."""
    turns: list[Any] = [{"role": "user", "content": talk.WEATHER}]
    asked: Any = {"model": up.model(upstream), "tools": TOOLS, "store": False}
    if reasoning:
        asked |= {"reasoning": {"effort": "low", "summary": "auto"}, "include": ["reasoning.encrypted_content"]}
    if streamed:
        with client.responses.stream(input=turns, **asked) as stream:
            first: Any = stream.get_final_response()
    else:
        first = client.responses.create(input=turns, **asked)
    thoughts = [item for item in first.output if item.type == "reasoning"]
    calls = [item for item in first.output if item.type == "function_call"]
    assert [*thoughts, *calls] == first.output
    assert "".join(part.text for item in thoughts for part in item.summary or item.content or []) == (script.THOUGHT if reasoning else "")
    turns += first.output
    for call in calls:
        told = talk.get_weather(json.loads(call.arguments)["city"])
        turns.append({"type": "function_call_output", "call_id": call.call_id, "output": told})
    assert client.responses.create(input=turns, **asked).output_text == talk.TOLD


def test_parse(client: openai.OpenAI, up: ScriptedProviders, upstream: Dialect) -> None:
    """A schema out of a class, and an instance of it back; and from a stream."""
    assert client.responses.parse(model=up.model(upstream), input="Who?", text_format=talk.Person).output_parsed == talk.ADA
    with client.responses.stream(model=up.model(upstream), input="Who?", text_format=talk.Person) as stream:
        assert stream.get_final_response().output_parsed == talk.ADA
    assert up.heard[-1].schema is not None


def test_an_image(client: openai.OpenAI, up: ScriptedProviders, upstream: Dialect) -> None:
    """Arrives byte for byte."""
    content = [{"type": "input_text", "text": "What?"}, {"type": "input_image", "image_url": talk.PNG_URL, "detail": "auto"}]
    turns: Any = [{"role": "user", "content": content}]
    assert client.responses.create(model=up.model(upstream), input=turns).output_text == talk.SEEN


def test_the_limit_of_output(client: openai.OpenAI, up: ScriptedProviders, upstream: Dialect) -> None:
    """An answer cut short is incomplete, and says why."""
    answer = client.responses.create(model=up.model(upstream), input="A long story")
    assert answer.status == "incomplete"
    assert answer.incomplete_details is not None
    assert answer.incomplete_details.reason == "max_output_tokens"


def test_refusals_of_the_provider(client: openai.OpenAI, up: ScriptedProviders, upstream: Dialect) -> None:
    """The SDK's own exceptions, the provider's words, and when to come back."""
    for streamed in (False, True):
        with pytest.raises(openai.BadRequestError, match=script.REFUSAL):
            client.responses.create(model=up.model(upstream), input="Please refuse", stream=streamed)
    with pytest.raises(openai.RateLimitError) as throttled:
        client.responses.create(model=up.model(upstream, throttled=True), input="Please throttle")
    assert throttled.value.response.headers["retry-after"] == str(script.RETRY_AFTER_S)


def test_a_stream_that_breaks(client: openai.OpenAI, up: ScriptedProviders, upstream: Dialect) -> None:
    """Ends in an error after its first words, and is never completed."""
    kinds = []
    with client.responses.create(model=up.model(upstream), input="Please break " * 5, stream=True) as stream:
        try:
            kinds += [event.type for event in stream]
        except openai.APIError:
            kinds.append("error")
    assert "response.output_text.delta" in kinds
    assert kinds[-1] in ("error", "response.failed")
    assert "response.completed" not in kinds

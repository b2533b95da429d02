"""The OpenAI SDK's chat completions, with its streaming helper and its parsing, at each of the five providers."""

from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionMessageParam
from pydantic import BaseModel

from tests.support.scripted import Dialect, ScriptedProviders, script, talk
from tests.support.scripted.stage import Stage

pytestmark = [
    # the SDK declares `metadata` as strings only and warns of the gateway's boolean in it
    pytest.mark.filterwarnings("ignore:Pydantic serializer warnings"),
]

TOOLS: Any = [{"type": "function", "function": {"name": "get_weather", "parameters": talk.PARAMETERS, "strict": True}}]


class GetWeather(BaseModel):
    city: str


@pytest.fixture(scope="module")
def client(stage: Stage) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{stage.url}/v1", api_key=stage.key, max_retries=0) as sdk:
        yield sdk


def user(text: str) -> ChatCompletionMessageParam:
    return {"role": "user", "content": text}


def test_text(client: openai.OpenAI, up: ScriptedProviders, upstream: Dialect) -> None:
    """What was said comes back, with the prompt's cached tokens in it, as OpenAI counts them."""
    system: ChatCompletionMessageParam = {"role": "system", "content": "Be brief."}
    answer = client.chat.completions.create(
        model=up.model(upstream), messages=[system, user(talk.ASKED)], max_completion_tokens=100, temperature=0.5
    )
    assert answer.choices[0].message.content == talk.SAID
    assert answer.choices[0].finish_reason == "stop"
    assert _usage(answer) == (talk.PROMPT_TOKENS, script.OUTPUT, script.CACHED)
    heard = up.heard[-1]
    assert (heard.dialect, heard.system, heard.max_tokens, heard.temperature) == (upstream, "Be brief.", 100, 0.5)


def _usage(answer: ChatCompletion) -> tuple[int, int, int | None]:
    assert answer.usage is not None
    assert answer.usage.prompt_tokens_details is not None
    return answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.prompt_tokens_details.cached_tokens


def test_the_streaming_helper(client: openai.OpenAI, up: ScriptedProviders, upstream: Dialect) -> None:
    """Its events, and the completion that it gathers."""
    kinds: list[str] = []
    with client.chat.completions.stream(
        model=up.model(upstream), messages=[user(talk.ASKED)], stream_options={"include_usage": True}
    ) as stream:
        kinds += [event.type for event in stream]
        final = stream.get_final_completion()
    assert final.choices[0].message.content == talk.SAID
    assert _usage(final) == (talk.PROMPT_TOKENS, script.OUTPUT, script.CACHED)
    assert kinds.count("content.delta") > 2
    assert kinds.count("content.done") == 1


@pytest.mark.parametrize("streamed", [False, True])
def test_parallel_tools_go_round(client: openai.OpenAI, up: ScriptedProviders, upstream: Dialect, *, streamed: bool) -> None:
    """Two calls at once, their results, and an answer that knows both."""
    messages: list[Any] = [user(talk.WEATHER)]
    asked: Any = {"model": up.model(upstream), "messages": messages, "tools": TOOLS}
    if streamed:
        with client.chat.completions.stream(**asked) as stream:
            first: Any = stream.get_final_completion()
    else:
        first = client.chat.completions.create(**asked)
    choice = first.choices[0]
    assert choice.finish_reason == "tool_calls"
    calls = choice.message.tool_calls
    assert [call.function.name for call in calls] == ["get_weather", "get_weather"]
    messages.append(choice.message)
    for call in calls:
        city = GetWeather.model_validate_json(call.function.arguments).city
        messages.append({"role": "tool", "tool_call_id": call.id, "content": talk.get_weather(city)})
    final = client.chat.completions.create(**asked)
    assert final.choices[0].message.content == talk.TOLD


def test_parse(client: openai.OpenAI, up: ScriptedProviders, upstream: Dialect) -> None:
    """A schema out of a class, and an instance of it back; and from a stream."""
    asked: Any = {"model": up.model(upstream), "messages": [user("Who?")], "response_format": talk.Person}
    assert client.chat.completions.parse(**asked).choices[0].message.parsed == talk.ADA
    with client.chat.completions.stream(**asked) as stream:
        assert stream.get_final_completion().choices[0].message.parsed == talk.ADA
    assert up.heard[-1].schema is not None


def test_parsed_tools(client: openai.OpenAI, up: ScriptedProviders, upstream: Dialect) -> None:
    """A forced tool out of a class, with its arguments parsed."""
    tool = openai.pydantic_function_tool(GetWeather)
    choice: Any = {"type": "function", "function": {"name": "GetWeather"}}
    raw = client.chat.completions.with_raw_response.parse(
        model=up.model(upstream), messages=[user("Rome")], tools=[tool], tool_choice=choice, parallel_tool_calls=False
    )
    answer = raw.parse()
    (call,) = answer.choices[0].message.tool_calls or []
    assert call.function.parsed_arguments == GetWeather(city="Rome")
    one_at_a_time = upstream not in ("converse", "gemini")
    assert (up.heard[-1].choice, up.heard[-1].parallel) == ("GetWeather", not one_at_a_time)
    assert ("parallel_tool_calls" in raw.headers.get("x-llm-edge-dropped", "")) != one_at_a_time


def test_an_image(client: openai.OpenAI, up: ScriptedProviders, upstream: Dialect) -> None:
    """Arrives byte for byte."""
    content: Any = [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": talk.PNG_URL}}]
    answer = client.chat.completions.create(model=up.model(upstream), messages=[{"role": "user", "content": content}])
    assert answer.choices[0].message.content == talk.SEEN


@pytest.mark.parametrize("streamed", [False, True])
def test_reasoning(client: openai.OpenAI, up: ScriptedProviders, upstream: Dialect, *, streamed: bool) -> None:
    """Asked for by an effort, shown as compatible servers show it."""
    asked: Any = {"model": up.model(upstream), "messages": [user("Why?")], "reasoning_effort": "low"}
    if streamed:
        deltas = [chunk.choices[0].delta for chunk in client.chat.completions.create(**asked, stream=True) if chunk.choices]
        thought = "".join((delta.model_extra or {}).get("reasoning_content") or "" for delta in deltas)
    else:
        thought = (client.chat.completions.create(**asked).choices[0].message.model_extra or {}).get("reasoning_content", "")
    assert thought == script.THOUGHT
    assert up.heard[-1].thinking


def test_the_limit_of_output(client: openai.OpenAI, up: ScriptedProviders, upstream: Dialect) -> None:
    """An answer cut short says so, and `parse` raises the SDK's own exception for it."""
    asked: Any = {"model": up.model(upstream), "messages": [user("A long story")]}
    assert client.chat.completions.create(**asked).choices[0].finish_reason == "length"
    with pytest.raises(openai.LengthFinishReasonError):
        client.chat.completions.parse(**asked, response_format=talk.Person)


def test_refusals_of_the_provider(client: openai.OpenAI, up: ScriptedProviders, upstream: Dialect) -> None:
    """The SDK's own exceptions, the provider's words, and when to come back."""
    for streamed in (False, True):
        with pytest.raises(openai.BadRequestError, match=script.REFUSAL):
            client.chat.completions.create(model=up.model(upstream), messages=[user("Please refuse")], stream=streamed)
    with pytest.raises(openai.RateLimitError) as throttled:
        client.chat.completions.create(model=up.model(upstream, throttled=True), messages=[user("Please throttle")])
    assert throttled.value.response.headers["retry-after"] == str(script.RETRY_AFTER_S)


def test_a_stream_that_breaks(client: openai.OpenAI, up: ScriptedProviders, upstream: Dialect) -> None:
    """Raises after its first words, and never seems whole."""
    stream = client.chat.completions.create(model=up.model(upstream), messages=[user("Please break " * 5)], stream=True)
    text = ""
    with pytest.raises(openai.APIError):
        for chunk in stream:
            text += chunk.choices[0].delta.content or ""
    assert text
    stream.close()

"""The Anthropic SDK at each of the five providers: messages, its stream helper, its tool runner, its parsing, thinking."""

from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
from anthropic import beta_tool

from tests.support.scripted import Dialect, ScriptedProviders, script, talk
from tests.support.scripted.stage import Stage

TOOLS: Any = [{"name": "get_weather", "input_schema": talk.PARAMETERS}]
THINKING: Any = {"type": "enabled", "budget_tokens": 1024}


@pytest.fixture(scope="module")
def client(stage: Stage) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=stage.url, api_key=stage.key, max_retries=0) as sdk:
        yield sdk


def user(content: Any) -> Any:
    return {"role": "user", "content": content}


def said(message: Any) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


def usage(message: Any) -> tuple[int, int, int]:
    return message.usage.input_tokens, message.usage.cache_read_input_tokens, message.usage.output_tokens


def test_text(client: anthropic.Anthropic, up: ScriptedProviders, upstream: Dialect) -> None:
    """What was said comes back, with usage as Anthropic counts it: cached tokens apart."""
    answer = client.messages.create(
        model=up.model(upstream), max_tokens=100, system="Be brief.", messages=[user(talk.ASKED)], extra_body={"temperature": 0.5}
    )
    assert (said(answer), answer.stop_reason) == (talk.SAID, "end_turn")
    assert usage(answer) == (script.UNCACHED, script.CACHED, script.OUTPUT)
    heard = up.heard[-1]
    assert (heard.dialect, heard.system, heard.max_tokens, heard.temperature) == (upstream, "Be brief.", 100, 0.5)


def test_the_stream_helper(client: anthropic.Anthropic, up: ScriptedProviders, upstream: Dialect) -> None:
    """Its text in pieces, and the message that it gathers."""
    with client.messages.stream(model=up.model(upstream), max_tokens=100, messages=[user(talk.ASKED)]) as stream:
        pieces = list(stream.text_stream)
        final = stream.get_final_message()
    assert len(pieces) > 2
    assert "".join(pieces) == said(final) == talk.SAID
    assert usage(final) == (script.UNCACHED, script.CACHED, script.OUTPUT)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("thinking", [False, True])
def test_parallel_tools_go_round(
    client: anthropic.Anthropic, up: ScriptedProviders, upstream: Dialect, *, streamed: bool, thinking: bool
) -> None:
    """Two calls, handed back as they came beside their results; with the thinking that led to them, signed."""
    messages = [user(talk.WEATHER)]
    asked: Any = {"model": up.model(upstream), "max_tokens": 4000, "tools": TOOLS, "messages": messages}
    if thinking:
        asked["thinking"] = THINKING
    if streamed:
        with client.messages.stream(**asked) as stream:
            first: Any = stream.get_final_message()
    else:
        first = client.messages.create(**asked)
    assert first.stop_reason == "tool_use"
    thoughts = [block for block in first.content if block.type == "thinking"]
    calls = [block for block in first.content if block.type == "tool_use"]
    assert [*thoughts, *calls] == first.content
    assert "".join(block.thinking for block in thoughts) == (script.THOUGHT if thinking else "")
    messages.append({"role": "assistant", "content": first.content})
    messages.append(
        user([{"type": "tool_result", "tool_use_id": call.id, "content": talk.get_weather(call.input["city"])} for call in calls])
    )
    assert said(client.messages.create(**asked)) == talk.TOLD


def test_the_tool_runner(client: anthropic.Anthropic, up: ScriptedProviders, upstream: Dialect) -> None:
    """The SDK calls the function itself until there is an answer: told that the gateway keeps no threads, it sends all messages."""
    runner = client.beta.messages.tool_runner(
        model=up.model(upstream), max_tokens=100, tools=[beta_tool(talk.get_weather)], messages=[user(talk.WEATHER)]
    )
    assert said(runner.until_done()) == talk.TOLD


def test_parse(client: anthropic.Anthropic, up: ScriptedProviders, upstream: Dialect) -> None:
    """A schema out of a class, and an instance of it back."""
    answer = client.messages.parse(model=up.model(upstream), max_tokens=100, messages=[user("Who?")], output_format=talk.Person)
    assert answer.parsed_output == talk.ADA
    assert up.heard[-1].schema is not None


def test_a_forced_tool(client: anthropic.Anthropic, up: ScriptedProviders, upstream: Dialect) -> None:
    """Is called, whatever the words are."""
    choice: Any = {"type": "tool", "name": "get_weather"}
    answer = client.messages.create(model=up.model(upstream), max_tokens=100, tools=TOOLS, tool_choice=choice, messages=[user("Rome")])
    (call,) = answer.content
    assert call.type == "tool_use"
    assert call.input == {"city": "Rome"}
    assert up.heard[-1].choice == "get_weather"


def test_an_image(client: anthropic.Anthropic, up: ScriptedProviders, upstream: Dialect) -> None:
    """Arrives byte for byte, alone and in a tool's result."""
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": talk.PNG_BASE64}}
    content = [image, {"type": "text", "text": "What?"}]
    answer = client.messages.create(model=up.model(upstream), max_tokens=100, messages=[user(content)])
    assert said(answer) == talk.SEEN


def test_the_limit_of_output(client: anthropic.Anthropic, up: ScriptedProviders, upstream: Dialect) -> None:
    """An answer cut short says so."""
    answer = client.messages.create(model=up.model(upstream), max_tokens=100, messages=[user("A long story")])
    assert answer.stop_reason == "max_tokens"


def test_refusals_of_the_provider(client: anthropic.Anthropic, up: ScriptedProviders, upstream: Dialect) -> None:
    """The SDK's own exceptions, the provider's words, and when to come back."""
    for streamed in (False, True):
        with pytest.raises(anthropic.BadRequestError, match=script.REFUSAL):
            client.messages.create(model=up.model(upstream), max_tokens=9, messages=[user("Please refuse")], stream=streamed)
    with pytest.raises(anthropic.RateLimitError) as throttled:
        client.messages.create(model=up.model(upstream, throttled=True), max_tokens=9, messages=[user("Please throttle")])
    assert throttled.value.response.headers["retry-after"] == str(script.RETRY_AFTER_S)


def test_a_stream_that_breaks(client: anthropic.Anthropic, up: ScriptedProviders, upstream: Dialect) -> None:
    """Raises after its first words, and never seems whole."""
    text = ""
    with (
        pytest.raises(anthropic.APIError),
        client.messages.stream(model=up.model(upstream), max_tokens=100, messages=[user("Please break " * 5)]) as stream,
    ):
        for piece in stream.text_stream:
            text += piece
    assert text

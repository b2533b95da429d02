"""Google's SDK at each of the five providers: contents, chats that call functions by themselves, streams, schemas, thoughts."""

from collections.abc import Iterator
from typing import Any

import pytest
from google import genai
from google.genai import types

from tests.support.scripted import Dialect, ScriptedProviders, script, talk
from tests.support.scripted.stage import Stage

DECLARED = types.Tool(
    function_declarations=[
        types.FunctionDeclaration(
            name="get_weather",
            parameters=types.Schema(type=types.Type.OBJECT, properties={"city": types.Schema(type=types.Type.STRING)}, required=["city"]),
        )
    ]
)


@pytest.fixture(scope="module")
def client(stage: Stage) -> Iterator[genai.Client]:
    options = types.HttpOptions(base_url=stage.url, retry_options=types.HttpRetryOptions(attempts=1))
    sdk = genai.Client(api_key=stage.key, http_options=options)
    yield sdk
    sdk.close()


def usage(answer: types.GenerateContentResponse) -> tuple[int | None, int | None, int | None]:
    assert answer.usage_metadata is not None
    told = answer.usage_metadata
    return told.prompt_token_count, told.cached_content_token_count, told.candidates_token_count


def test_text(client: genai.Client, up: ScriptedProviders, upstream: Dialect) -> None:
    """What was said comes back, with usage as Google counts it: cached tokens within the prompt."""
    config = types.GenerateContentConfig(system_instruction="Be brief.", max_output_tokens=100, temperature=0.5)
    answer = client.models.generate_content(model=up.model(upstream), contents=talk.ASKED, config=config)
    assert answer.text == talk.SAID
    assert usage(answer) == (talk.PROMPT_TOKENS, script.CACHED, script.OUTPUT)
    heard = up.heard[-1]
    assert (heard.dialect, heard.system, heard.max_tokens, heard.temperature) == (upstream, "Be brief.", 100, 0.5)


def test_a_stream(client: genai.Client, up: ScriptedProviders, upstream: Dialect) -> None:
    """In pieces, with usage at its end."""
    chunks = list(client.models.generate_content_stream(model=up.model(upstream), contents=talk.ASKED))
    assert len(chunks) > 2
    assert "".join(chunk.text or "" for chunk in chunks) == talk.SAID
    assert usage(chunks[-1]) == (talk.PROMPT_TOKENS, script.CACHED, script.OUTPUT)


def test_a_chat_calls_functions_by_itself(client: genai.Client, up: ScriptedProviders, upstream: Dialect) -> None:
    """Two calls at once, answered by the SDK; the next turn knows them still."""
    config = types.GenerateContentConfig(tools=[talk.get_weather])
    chat = client.chats.create(model=up.model(upstream), config=config)
    assert chat.send_message(talk.WEATHER).text == talk.TOLD
    assert chat.send_message(talk.ASKED).text == talk.SAID
    assert sum(len(turn.results) for turn in up.heard[-1].turns) == 2


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("thinking", [False, True])
def test_parallel_functions_go_round(
    client: genai.Client, up: ScriptedProviders, upstream: Dialect, *, streamed: bool, thinking: bool
) -> None:
    """Two calls, handed back as they came beside their responses; with the signed thoughts that led to them."""
    config = types.GenerateContentConfig(tools=[DECLARED])
    if thinking:
        config.thinking_config = types.ThinkingConfig(include_thoughts=True, thinking_budget=1024)
    contents: list[Any] = [types.Content(role="user", parts=[types.Part(text=talk.WEATHER)])]
    if streamed:
        stream = client.models.generate_content_stream(model=up.model(upstream), contents=contents, config=config)
        parts = [part for chunk in stream for c in chunk.candidates or [] for part in (c.content and c.content.parts) or []]
    else:
        first = client.models.generate_content(model=up.model(upstream), contents=contents, config=config)
        parts = list(first.parts or [])
    calls = [part.function_call for part in parts if part.function_call]
    assert "".join(part.text or "" for part in parts if part.thought) == (script.THOUGHT if thinking else "")
    assert [call.args for call in calls] == [{"city": city} for city in talk.CITIES]
    answers = [
        types.Part(function_response=types.FunctionResponse(id=c.id, name=c.name, response={"result": talk.get_weather(**(c.args or {}))}))
        for c in calls
    ]
    contents += [types.Content(role="model", parts=parts), types.Content(role="user", parts=answers)]
    final = client.models.generate_content(model=up.model(upstream), contents=contents, config=config)
    assert final.text is not None
    assert all(talk.get_weather(city) in final.text for city in talk.CITIES)


def test_a_schema(client: genai.Client, up: ScriptedProviders, upstream: Dialect) -> None:
    """Out of a class, and an instance of it back."""
    config = types.GenerateContentConfig(response_mime_type="application/json", response_schema=talk.Person)
    answer = client.models.generate_content(model=up.model(upstream), contents="Who?", config=config)
    assert answer.parsed == talk.ADA
    assert up.heard[-1].schema is not None


def test_an_image(client: genai.Client, up: ScriptedProviders, upstream: Dialect) -> None:
    """Arrives byte for byte."""
    image = types.Part.from_bytes(data=talk.PNG, mime_type="image/png")
    answer = client.models.generate_content(model=up.model(upstream), contents=[image, "What?"])
    assert answer.text == talk.SEEN


def test_the_limit_of_output(client: genai.Client, up: ScriptedProviders, upstream: Dialect) -> None:
    """An answer cut short says so."""
    answer = client.models.generate_content(model=up.model(upstream), contents="A long story")
    assert answer.candidates is not None
    assert answer.candidates[0].finish_reason == types.FinishReason.MAX_TOKENS


def test_refusals_of_the_provider(client: genai.Client, up: ScriptedProviders, upstream: Dialect) -> None:
    """The SDK's own exception, in Google's words for the status."""
    with pytest.raises(genai.errors.ClientError, match=script.REFUSAL) as refused:
        client.models.generate_content(model=up.model(upstream), contents="Please refuse")
    assert (refused.value.code, refused.value.status) == (400, "INVALID_ARGUMENT")
    with pytest.raises(genai.errors.ClientError) as throttled:
        client.models.generate_content(model=up.model(upstream, throttled=True), contents="Please throttle")
    assert (throttled.value.code, throttled.value.status) == (429, "RESOURCE_EXHAUSTED")


def test_a_stream_that_breaks(client: genai.Client, up: ScriptedProviders, upstream: Dialect) -> None:
    """Raises after its first words, and never seems whole."""
    text = ""
    with pytest.raises(genai.errors.APIError):
        for chunk in client.models.generate_content_stream(model=up.model(upstream), contents="Please break " * 5):
            text += chunk.text or ""
            assert not (chunk.candidates and chunk.candidates[0].finish_reason)
    assert text

"""pydantic-ai's agents over five of its model classes, at each of the five providers."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import anthropic
import boto3
import httpx2
import openai
import pytest
import pytest_asyncio
from botocore.config import Config
from pydantic_ai import Agent, BinaryContent, ModelHTTPError, ModelProfile, NativeOutput
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.bedrock import BedrockConverseModel
from pydantic_ai.models.google import GoogleModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.bedrock import BedrockProvider
from pydantic_ai.providers.google import GoogleProvider
from pydantic_ai.providers.openai import OpenAIProvider

from tests.support.scripted import Dialect, ScriptedProviders, script, talk
from tests.support.scripted.stage import Stage

pytestmark = [pytest.mark.asyncio(loop_scope="module")]

KINDS = ("openai_chat", "openai_responses", "anthropic", "bedrock", "google")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def makers(stage: Stage) -> AsyncIterator[dict[str, Callable[[str], Any]]]:
    """Kind → a model by its name. The clients below them live as long as the module: each takes a while to make."""
    access_key, secret = stage.access_key()
    keys = {"aws_access_key_id": access_key, "aws_secret_access_key": secret}
    config = Config(retries={"total_max_attempts": 1})
    # what pydantic-ai knows of a model goes by Bedrock's names, so it is told that this one keeps to schemas
    schemas = ModelProfile(supports_json_schema_output=True)
    async with (
        openai.AsyncOpenAI(base_url=f"{stage.url}/v1", api_key=stage.key, max_retries=0) as gpt,
        anthropic.AsyncAnthropic(base_url=stage.url, api_key=stage.key, max_retries=0) as claude,
        httpx2.AsyncClient(timeout=20, trust_env=False) as http,
    ):
        aws = boto3.client("bedrock-runtime", region_name="eu-west-1", endpoint_url=stage.url, config=config, **keys)
        google = GoogleProvider(api_key=stage.key, base_url=stage.url, http_client=http)
        yield {
            "openai_chat": lambda name: OpenAIChatModel(name, provider=OpenAIProvider(openai_client=gpt)),
            "openai_responses": lambda name: OpenAIResponsesModel(name, provider=OpenAIProvider(openai_client=gpt)),
            "anthropic": lambda name: AnthropicModel(name, provider=AnthropicProvider(anthropic_client=claude), profile=schemas),
            "bedrock": lambda name: BedrockConverseModel(name, provider=BedrockProvider(bedrock_client=aws), profile=schemas),
            "google": lambda name: GoogleModel(name, provider=google),
        }
        aws.close()
        google.client.close()


@pytest.fixture(params=KINDS)
def model(request: pytest.FixtureRequest, makers: dict[str, Callable[[str], Any]], up: ScriptedProviders, upstream: Dialect) -> Any:
    return makers[request.param](up.model(upstream))


async def test_text(model: Any, up: ScriptedProviders, upstream: Dialect) -> None:
    """Instructions arrive, text and usage come back."""
    result = await Agent(model, instructions="Be brief.").run(talk.ASKED)
    assert result.output == talk.SAID
    usage = result.usage
    assert (usage.input_tokens, usage.output_tokens) == (talk.PROMPT_TOKENS, script.OUTPUT)
    assert up.heard[-1].dialect == upstream
    assert up.heard[-1].system.endswith("Be brief.")


async def test_a_streamed_run(model: Any) -> None:
    """Text in pieces."""
    async with Agent(model).run_stream(talk.ASKED) as run:
        pieces = [piece async for piece in run.stream_text(delta=True, debounce_by=None)]
    assert len(pieces) > 2
    assert "".join(pieces) == talk.SAID


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_tool(model: Any, *, streamed: bool) -> None:
    """Two calls at once, run by the agent, and an answer that knows both results."""
    agent = Agent(model, tools=[talk.get_weather])
    if streamed:
        async with agent.run_stream(talk.WEATHER) as run:
            told = await run.get_output()
    else:
        told = (await agent.run(talk.WEATHER)).output
    assert told.startswith("Tools said: ")
    assert all(talk.get_weather(city) in told for city in talk.CITIES)


async def test_an_output_type_by_a_tool(model: Any) -> None:
    """pydantic-ai's own way to a typed output, after a tool of the agent's."""
    agent = Agent(model, tools=[talk.get_weather], output_type=talk.Person)
    assert (await agent.run(talk.WEATHER)).output == talk.ADA


async def test_an_output_type_by_a_schema(model: Any) -> None:
    """The provider's structured output."""
    assert (await Agent(model, output_type=NativeOutput(talk.Person)).run("Who?")).output == talk.ADA


async def test_an_image(model: Any) -> None:
    """Arrives byte for byte."""
    assert (await Agent(model).run(["What?", BinaryContent(talk.PNG, media_type="image/png")])).output == talk.SEEN


async def test_a_refusal(model: Any) -> None:
    """As pydantic-ai's own exception, with the provider's words."""
    with pytest.raises(ModelHTTPError, match=script.REFUSAL) as refused:
        await Agent(model).run("Please refuse")
    assert refused.value.status_code == 400

"""LangChain's `ChatBedrockConverse` at each of the five providers, with the gateway's key as a bearer token and as an AWS key pair.

`base_model_id` tells LangChain what the model can do (streams, forced tools): it knows models by Bedrock's ids only.
"""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from langchain_aws import ChatBedrockConverse
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.tools import tool

from tests.support.scripted import Dialect, ScriptedProviders, script, talk
from tests.support.scripted.stage import Stage

Make = Callable[..., Any]
BASE = "anthropic.claude-sonnet-4-5-20250929-v1:0"
USAGE = (talk.PROMPT_TOKENS, script.OUTPUT, script.CACHED)


@pytest.fixture(scope="module")
def stage(tls_stage: Stage) -> Stage:
    """AWS's SDK shows a bearer token over TLS only."""
    return tls_stage


@pytest.fixture(scope="module")
def models(stage: Stage, authority: Path) -> Iterator[Make]:
    """A model for a name and a way to show who calls. Kept, since making AWS's clients takes a second."""
    access_key, secret = stage.access_key()
    ways = {"bearer": {"api_key": stage.key}, "signed": {"aws_access_key_id": access_key, "aws_secret_access_key": secret}}

    control: dict[str, Any] = {}
    clients = []

    @cache
    def making(name: str, way: str) -> Any:
        base = {"region_name": "eu-west-1", "endpoint_url": stage.url, "base_model_id": BASE, "disable_streaming": False, "max_retries": 0}
        made = ChatBedrockConverse(model=name, **base, **ways[way], **control)
        control["bedrock_client"] = made.bedrock_client
        clients.append(made.client)
        return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_CA_BUNDLE", str(authority))
        yield making
    for client in clients:
        client.close()


@pytest.fixture(params=["bearer", "signed"])
def model(request: pytest.FixtureRequest, models: Make, up: ScriptedProviders, upstream: Dialect) -> Any:
    return models(up.model(upstream), request.param)


def usage(message: Any) -> tuple[int, int, int]:
    told = message.usage_metadata
    return told["input_tokens"], told["output_tokens"], told["input_token_details"]["cache_read"]


def test_invoke(model: Any, up: ScriptedProviders, upstream: Dialect) -> None:
    """Text and usage."""
    answer = model.invoke([SystemMessage("Be brief."), HumanMessage(talk.ASKED)], max_tokens=100)
    assert answer.text == talk.SAID
    assert usage(answer) == USAGE
    assert (up.heard[-1].dialect, up.heard[-1].system, up.heard[-1].max_tokens) == (upstream, "Be brief.", 100)


def test_stream(model: Any) -> None:
    """In pieces that add up, usage among them."""
    chunks = list(model.stream(talk.ASKED))
    assert len([chunk for chunk in chunks if chunk.text]) > 2
    whole = sum(chunks[1:], chunks[0])
    assert whole.text == talk.SAID
    assert usage(whole) == USAGE


@pytest.mark.parametrize("streamed", [False, True])
def test_bound_tools_go_round(model: Any, *, streamed: bool) -> None:
    """Two calls, run by LangChain's own tool, and an answer that knows both results."""
    weather = tool(talk.get_weather)
    bound = model.bind_tools([weather])
    turns: list[Any] = [HumanMessage(talk.WEATHER)]
    if streamed:
        chunks = list(bound.stream(turns))
        first = sum(chunks[1:], chunks[0])
    else:
        first = bound.invoke(turns)
    assert isinstance(first, AIMessage)
    assert [call["args"] for call in first.tool_calls] == [{"city": city} for city in talk.CITIES]
    turns += [first, *(weather.invoke(call) for call in first.tool_calls)]
    assert bound.invoke(turns).text == talk.TOLD


def test_structured_output(model: Any, up: ScriptedProviders) -> None:
    """By a forced tool."""
    assert model.with_structured_output(talk.Person).invoke("Who?") == talk.ADA
    assert up.heard[-1].choice == "Person"


def test_an_image(model: Any) -> None:
    """LangChain's own block of an image arrives byte for byte."""
    image = {"type": "image", "base64": talk.PNG_BASE64, "mime_type": "image/png"}
    assert model.invoke([HumanMessage([{"type": "text", "text": "What?"}, image])]).text == talk.SEEN


def test_a_refusal(model: Any) -> None:
    """AWS's own exception comes through."""
    with pytest.raises(model.client.exceptions.ValidationException, match=script.REFUSAL):
        model.invoke("Please refuse")


def test_a_throttled_provider(models: Make, up: ScriptedProviders, upstream: Dialect) -> None:
    """As AWS's own exception."""
    model = models(up.model(upstream, throttled=True), "signed")
    with pytest.raises(model.client.exceptions.ThrottlingException):
        model.invoke("Please throttle")

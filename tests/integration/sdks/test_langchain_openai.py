"""LangChain's `ChatOpenAI`, on chat completions and on responses, at each of the five providers; its `OpenAIEmbeddings`, at the echo."""

from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

from tests.support.scripted import Dialect, ScriptedProviders, script, talk
from tests.support.scripted.stage import Stage

pytestmark = [
    # the SDK declares `metadata` as strings only and warns of the gateway's boolean in it
    pytest.mark.filterwarnings("ignore:Pydantic serializer warnings"),
]

Make = Callable[..., Any]


@pytest.fixture(scope="module")
def http() -> Iterator[Any]:
    """One connection pool, closed at the end: LangChain's own stays open as long as the process."""
    with openai.DefaultHttpxClient() as client:
        yield client


@pytest.fixture(params=[False, True], ids=["chat", "responses"])
def make(request: pytest.FixtureRequest, stage: Stage, http: Any, upstream: Dialect, up: ScriptedProviders) -> Make:
    """A model of the provider's, with more fields."""

    def making(**fields: Any) -> Any:
        base = {"base_url": f"{stage.url}/v1", "api_key": stage.key, "http_client": http, "max_retries": 0}
        return ChatOpenAI(**{"model": up.model(upstream), "use_responses_api": request.param, **base, **fields})

    return making


def usage(message: Any) -> tuple[int, int, int]:
    told = message.usage_metadata
    return told["input_tokens"], told["output_tokens"], told["input_token_details"]["cache_read"]


USAGE = (talk.PROMPT_TOKENS, script.OUTPUT, script.CACHED)


def test_invoke(make: Make, up: ScriptedProviders, upstream: Dialect) -> None:
    """Text and usage."""
    answer = make(max_tokens=100).invoke([SystemMessage("Be brief."), HumanMessage(talk.ASKED)])
    assert answer.text == talk.SAID
    assert usage(answer) == USAGE
    assert (up.heard[-1].dialect, up.heard[-1].system, up.heard[-1].max_tokens) == (upstream, "Be brief.", 100)


def test_stream(make: Make) -> None:
    """In pieces that add up, usage among them."""
    chunks = list(make(stream_usage=True).stream(talk.ASKED))
    assert len([chunk for chunk in chunks if chunk.text]) > 2
    whole = sum(chunks[1:], chunks[0])
    assert whole.text == talk.SAID
    assert usage(whole) == USAGE


async def test_async(make: Make) -> None:
    """`ainvoke` and `astream`."""
    async with openai.DefaultAsyncHttpxClient() as client:
        model = make(http_async_client=client)
        assert (await model.ainvoke(talk.ASKED)).text == talk.SAID
        assert "".join([chunk.text async for chunk in model.astream(talk.ASKED)]) == talk.SAID


@pytest.mark.parametrize("streamed", [False, True])
def test_bound_tools_go_round(make: Make, *, streamed: bool) -> None:
    """Two calls, run by LangChain's own tool, and an answer that knows both results."""
    weather = tool(talk.get_weather)
    model = make().bind_tools([weather])
    turns: list[Any] = [HumanMessage(talk.WEATHER)]
    if streamed:
        chunks = list(model.stream(turns))
        first = sum(chunks[1:], chunks[0])
    else:
        first = model.invoke(turns)
    assert isinstance(first, AIMessage)
    assert [call["args"] for call in first.tool_calls] == [{"city": city} for city in talk.CITIES]
    turns += [first, *(weather.invoke(call) for call in first.tool_calls)]
    assert isinstance(turns[-1], ToolMessage)
    assert model.invoke(turns).text == talk.TOLD


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
def test_structured_output(make: Make, method: str) -> None:
    """By a schema, and by a forced tool."""
    assert make().with_structured_output(talk.Person, method=method).invoke("Who?") == talk.ADA


def test_an_image(make: Make) -> None:
    """LangChain's own block of an image arrives byte for byte."""
    image = {"type": "image", "base64": talk.PNG_BASE64, "mime_type": "image/png"}
    assert make().invoke([HumanMessage([{"type": "text", "text": "What?"}, image])]).text == talk.SEEN


def test_a_refusal(make: Make) -> None:
    """The OpenAI SDK's exceptions come through."""
    with pytest.raises(openai.BadRequestError, match=script.REFUSAL):
        make().invoke("Please refuse")


@pytest.mark.parametrize("make", [False], ids=["chat"], indirect=True)
def test_a_throttled_provider(make: Make, up: ScriptedProviders, upstream: Dialect) -> None:
    """As the SDK's own exception, which LangChain's retries know."""
    with pytest.raises(openai.RateLimitError):
        make(model=up.model(upstream, throttled=True)).invoke("Please throttle")


def test_embeddings(stage: Stage, http: Any) -> None:
    """A vector for each text, the same for the same text. (Without LangChain's own check of lengths, which fetches OpenAI's tokenizer.)"""
    base: Any = {"base_url": f"{stage.url}/v1", "api_key": stage.key, "http_client": http, "max_retries": 0}
    embeddings = OpenAIEmbeddings(model="echo", dimensions=64, check_embedding_ctx_length=False, **base)
    first, second = embeddings.embed_documents(["Hello", "world"])
    assert len(first) == len(second) == 64
    assert embeddings.embed_query("Hello") == first != second

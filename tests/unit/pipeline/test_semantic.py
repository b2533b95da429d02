"""The semantic tier in the way of a request."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from proxy.pipeline.semantic import DeployedEmbedder, build_semantic
from proxy.providers.base import Provider
from proxy.settings import Settings
from proxy.transport.base import TransportError, UpstreamRequest
from proxy.transport.scripted import Reply, ScriptedTransport
from tests.support.library import in_process, json_reply, one_provider, provider
from tests.support.upstream import chat

ASKED = "How do I reset my password?"
ALIKE = "How can I reset my password?"


def answers(request: UpstreamRequest) -> Reply:
    """A vector that only depends on whether cats are spoken of, or a chat answer."""
    body = msgspec.json.decode(request.body)
    if "input" not in body:
        return json_reply(chat("the answer"))
    vector = [0.0, 1.0] if "cat" in str(body["input"]) else [1.0, 0.0]
    return json_reply({"object": "list", "model": "v", "data": [{"object": "embedding", "index": 0, "embedding": vector}], "usage": {}})


def config(**semantic: Any) -> Settings:
    return one_provider(cache={"semantic": {"enabled": True, "embedder": "mine/v", "threshold": 0.9, **semantic}}, models={})


async def test_another_wording_gets_the_stored_answer() -> None:
    """With its similarity, at no cost; a changed parameter, system prompt or number asks anew."""
    async with in_process(answers, config=config()) as edge:
        first = await edge.chat(ASKED)
        assert first.headers["x-llm-edge-cache"] == "miss"
        again = await edge.chat(ALIKE)
        assert again.headers["x-llm-edge-cache"] == "hit"
        assert again.headers["x-llm-edge-cache-tier"] == "semantic"
        assert again.headers["x-cache-layer"] == "SEMANTIC"
        assert float(again.headers["x-llm-edge-cache-similarity"]) == pytest.approx(1.0)
        assert again.headers["x-llm-edge-cost-usd"] == "0.000000000"
        assert again.json()["choices"][0]["message"]["content"] == "the answer"
        assert again.json()["metadata"]["cache_tier"] == "semantic"
        for other in ({"temperature": 0.1}, {"user_prompt": 1}):
            assert (await edge.chat(ALIKE, **other)).headers["x-llm-edge-cache"] == "miss"
        assert (await edge.chat("How can I reset my 2 passwords?")).headers["x-llm-edge-cache"] == "miss"
        assert (await edge.chat("Where does a cat sleep?")).headers["x-llm-edge-cache"] == "miss"
        assert edge.gateway.metrics.counters["llm_edge_cache_hits_total", "semantic"] == 1


async def test_a_stream_is_answered_too() -> None:
    """From a stored whole answer."""
    async with in_process(answers, config=config()) as edge:
        await edge.chat(ASKED)
        streamed = await edge.chat(ALIKE, stream=True)
        assert streamed.headers["x-llm-edge-cache-tier"] == "semantic"
        assert "the answer" in streamed.text
        assert streamed.text.rstrip().endswith("data: [DONE]")


async def test_clients_can_refuse_it() -> None:
    """By the same headers as the exact cache."""
    async with in_process(answers, config=config()) as edge:
        await edge.chat(ASKED)
        for control in ("no-cache", "no-store", "max-age=0"):
            assert (await edge.chat(ALIKE, headers={"cache-control": control})).headers["x-llm-edge-cache"] != "hit"


async def test_a_model_can_be_left_out_or_have_its_own_threshold() -> None:
    """0 is never."""
    targets = [{"provider": "mine", "model": "m"}]
    models = {"off": {"targets": targets, "semantic_threshold": 0}, "on": {"targets": targets, "semantic_threshold": 0.5}}
    semantic = {"enabled": True, "embedder": "mine/v", "threshold": 1}
    async with in_process(answers, config=one_provider(cache={"semantic": semantic}, models=models)) as edge:
        for model, tier in (("off", None), ("on", "semantic")):
            await edge.chat(ASKED, model=model)
            assert (await edge.chat(ALIKE, model=model)).headers.get("x-llm-edge-cache-tier") == tier


async def test_an_answer_that_is_gone_is_no_hit() -> None:
    """The exact cache holds the answers; its loss is a miss, and the question is forgotten."""
    async with in_process(answers, config=config()) as edge:
        await edge.chat(ASKED)
        await edge.gateway.state.pipeline.cache.clear()
        assert (await edge.chat(ALIKE)).headers["x-llm-edge-cache"] == "miss"
        assert (await edge.chat(ASKED)).headers["x-llm-edge-cache-tier"] == "semantic"


async def test_the_index_outlives_a_reload() -> None:
    """Unless the embedder changed."""
    async with in_process(answers, config=config()) as edge:
        await edge.chat(ASKED)
        await edge.gateway.reload(config(threshold=0.8))
        assert (await edge.chat(ALIKE)).headers.get("x-llm-edge-cache-tier") == "semantic"
        await edge.gateway.reload(config(embedder="mine/w"))
        assert (await edge.chat("Could I reset my password?")).headers["x-llm-edge-cache"] == "miss"


@pytest.mark.parametrize(
    "reply",
    [
        lambda: json_reply({"error": {"message": "no"}}, status=500),
        lambda: json_reply({"data": "nonsense"}),
        lambda: json_reply({"object": "list", "model": "v", "data": [], "usage": {}}),
    ],
)
async def test_a_failing_embedder_is_a_miss_and_rests(reply: Callable[[], Reply]) -> None:
    """It is not asked again for a while."""
    transport = ScriptedTransport(lambda request: reply())
    embedder = DeployedEmbedder(provider(transport), "v", codec(provider(transport)), 5.0)
    assert await embedder.embed("How?") is None
    assert await embedder.embed("How?") is None
    assert len(transport.requests) == 1
    assert embedder.alike("a", "b") is None


async def test_an_unreachable_embedder_is_a_miss() -> None:
    """Whatever the transport meets."""

    def refuse(request: UpstreamRequest) -> Reply:
        raise TransportError("refused", phase="connect", sent=False)

    transport = ScriptedTransport(refuse)
    assert await DeployedEmbedder(provider(transport), "v", codec(provider(transport)), 5.0).embed("How?") is None


def codec(of: Provider) -> Any:
    from proxy.codecs.embeddings import EMBEDDINGS

    return EMBEDDINGS["openai_embeddings"]


@pytest.mark.parametrize(
    ("semantic", "said"),
    [
        ({"embedder": "nobody/v"}, "no provider"),
        ({"embedder": "talks/v"}, "has no embeddings"),
        ({"index": "redis"}, "needs the L2 cache"),
    ],
)
def test_what_cannot_be_built_says_why(semantic: dict[str, Any], said: str) -> None:
    """At the start, and at a reload that is refused then."""
    settings = config(**semantic)
    talks = provider(ScriptedTransport([]), "talks")
    talks.dialects = frozenset({"openai_chat"})
    with pytest.raises(ValueError, match=said):
        build_semantic(settings, {"mine": provider(ScriptedTransport([])), "talks": talks}, None, None)


def test_off_is_nothing() -> None:
    """Nor without a cache at all."""
    assert build_semantic(one_provider(), {}, None, None) is None
    assert build_semantic(one_provider(cache={"enabled": False, "semantic": {"enabled": True}}), {}, None, None) is None

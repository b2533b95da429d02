"""One governed embedding request. What OpenAI's and Google's clients see over sockets: tests/integration/test_embeddings_door.py.

Here: the form of Titan's clients, whose route (`/model/{id}/invoke`) is another module's, and what only the inside shows.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

import pytest

from proxy.core.context import RequestContext, Verdict
from proxy.core.errors import BadGateway, BadRequest, EdgeError, Forbidden, ModelNotFound, Untranslatable
from proxy.core.route import RouteInfo
from proxy.pipeline.deps import Pipeline
from proxy.pipeline.embed import CALLS_AT_ONCE, embed
from proxy.providers.bedrock import Bedrock
from proxy.providers.key_pool import KeyPool
from proxy.transport.base import UpstreamRequest
from proxy.transport.scripted import Reply, ScriptedTransport
from tests.support.embedding_answers import openai_embeddings, titan_embedding, vector_of
from tests.support.gateway import settings
from tests.support.library import in_process, json_reply, provider

INVOKE = RouteInfo(name="/model/{model}/invoke", family="bedrock", dialect="bedrock_invoke", stream=False)
OPENAI = RouteInfo(name="/v1/embeddings", family="openai", dialect="openai_embeddings")
TITAN = "amazon.titan-embed-text-v2:0"


def answer(request: UpstreamRequest) -> Reply:
    """Titan's at an InvokeModel path, else OpenAI's."""
    body = json.loads(request.body)
    return json_reply(titan_embedding(body) if request.url.endswith("/invoke") else openai_embeddings(body))


class Two:
    """A gateway with `titan` at Bedrock and `small` at an OpenAI-compatible provider, without its HTTP side."""

    def __init__(self, pipe: Pipeline, bedrock: ScriptedTransport, openai: ScriptedTransport) -> None:
        self.pipe = pipe
        self.bedrock = bedrock.requests
        self.openai = openai.requests

    async def ask(self, body: dict[str, Any], route: RouteInfo = INVOKE, **headers: str) -> tuple[Any, RequestContext]:
        ctx = RequestContext(route, "t", monotonic())
        ctx.json = {**body, "stream": False} if route is INVOKE else body
        ctx.headers = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
        return await self.run(ctx), ctx

    async def run(self, ctx: RequestContext) -> Any:
        sent: list[dict[str, Any]] = []

        async def send(message: Any) -> None:
            sent.append(message)

        await embed(self.pipe, ctx, send)
        assert sent[0]["status"] == 200
        return json.loads(b"".join(message.get("body", b"") for message in sent))


@asynccontextmanager
async def two(reply: Any = answer, **sections: Any) -> AsyncIterator[Two]:
    bedrock, openai = ScriptedTransport(reply), ScriptedTransport(reply)
    own = {
        "aws": Bedrock("aws", base_url="http://aws.test", keys=KeyPool(["k"]), transport=bedrock),
        "mine": provider(openai),
    }
    targets = [{"provider": "aws", "model": TITAN}, {"provider": "mine", "model": "text-embedding-3-small"}]
    config = settings(
        **{
            "providers": {
                "aws": {"kind": "bedrock", "api_keys": ["k"], "region": "eu-west-1"},
                "mine": {"kind": "openai_compatible", "base_url": "http://up.test"},
            },
            "models": {
                "titan": {"targets": targets[:1]},
                "small": {"targets": targets[1:]},
                "both": {"strategy": "failover", "targets": targets},
            },
            **sections,
        }
    )
    async with in_process(config=config, providers=own) as edge:
        yield Two(edge.gateway.state.pipeline, bedrock, openai)


async def test_titans_client_at_titan() -> None:
    """Passes as it came, less what the URL says."""
    async with two() as edge:
        body = {"inputText": "hello", "dimensions": 4, "embeddingTypes": ["float"]}
        made, ctx = await edge.ask({"model": "titan", **body})
        assert made == titan_embedding(body)
        assert [(r.url, json.loads(r.body)) for r in edge.bedrock] == [
            ("http://aws.test/model/amazon.titan-embed-text-v2%3A0/invoke", body)
        ]
        assert (ctx.model, ctx.provider, ctx.served_model, ctx.dropped) == ("titan", "aws", TITAN, [])
        assert ctx.usage is not None
        assert ctx.usage.input_tokens == 2


async def test_titans_client_at_openai() -> None:
    """Its vector under both of V2's names; what has no place there is reported, or refused under strictness."""
    async with two() as edge:
        body = {"model": "small", "inputText": "hello", "dimensions": 4, "normalize": False, "embeddingTypes": ["float"]}
        made, ctx = await edge.ask(body)
        vector = vector_of("hello", 4)
        assert made == {"embedding": vector, "embeddingsByType": {"float": vector}, "inputTextTokenCount": 2}
        assert json.loads(edge.openai[0].body) == {"model": "text-embedding-3-small", "input": "hello", "dimensions": 4}
        assert ctx.dropped == ["normalize", "embeddingTypes"]
        with pytest.raises(Untranslatable):
            await edge.ask({**body, "inputText": "other"}, x_llm_edge_strict="true")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "inputText"),
        ({"inputText": 5}, "inputText"),
        ({"inputText": ""}, "inputText"),
        ({"inputText": "x", "dimensions": "5"}, "dimensions"),
    ],
)
async def test_titans_clients_mistakes(body: dict[str, Any], param: str) -> None:
    """Named, and no call is made."""
    async with two() as edge:
        with pytest.raises(BadRequest) as caught:
            await edge.ask({"model": "small", **body})
        assert caught.value.param == param
        assert edge.openai == []


async def test_titans_clients_repeat_is_a_hit() -> None:
    """Also where only deterministic requests may be cached."""
    async with two(cache={"when": "temperature_0"}) as edge:
        seen = [(await edge.ask({"model": "titan", "inputText": "x"}))[1].cache_status for _ in range(2)]
        assert (seen, len(edge.bedrock)) == (["miss", "hit"], 1)


async def test_an_unknown_model() -> None:
    """At once, before there is anything to await."""
    async with two() as edge:
        with pytest.raises(ModelNotFound):
            await edge.ask({"model": "nothing", "inputText": "x"})


async def test_each_real_target_needs_its_permission() -> None:
    """Contract D: a fallback of another provider is judged as itself; with none permitted the refusal is the answer."""

    def only(*providers: str) -> Any:
        return lambda name, model: Verdict(None if name in providers else Forbidden("not yours", code="model_not_permitted"))

    async with two() as edge:
        for allowed, error in (("mine", None), ("nobody", Forbidden)):
            ctx = RequestContext(OPENAI, "t", monotonic())
            ctx.json, ctx.permit = {"model": "both", "input": "x"}, only(allowed)
            if error is None:
                await edge.run(ctx)
                assert [(record.provider, record.role) for record in ctx.attempts] == [("mine", "primary")]
            else:
                with pytest.raises(error):
                    await edge.run(ctx)
        assert edge.bedrock == []


async def test_a_fan_out_is_one_attempt() -> None:
    """Asked for once by the budget, recorded once, and once more where it failed."""

    def fails(request: UpstreamRequest) -> Reply:
        refused = request.url.endswith("/invoke") and json.loads(request.body)["inputText"] == "t5"
        return json_reply({"message": "busy"}, 503) if refused else answer(request)

    async with two(fails) as edge:
        ctx = RequestContext(OPENAI, "t", monotonic())
        asked: list[tuple[str, str]] = []

        def top_up(provider: str, model: str) -> Verdict:
            asked.append((provider, model))
            return Verdict()

        ctx.json, ctx.top_up = {"model": "both", "input": [f"t{i}" for i in range(10)]}, top_up
        made = await edge.run(ctx)
        assert [(record.provider, record.status, record.role) for record in ctx.attempts] == [
            ("aws", 503, "primary"),
            ("mine", 200, "fallback"),
        ]
        assert asked == [("aws", TITAN), ("mine", "text-embedding-3-small")]
        assert len(edge.bedrock) <= 10
        assert len(made["data"]) == 10


async def test_calls_at_once_are_bounded() -> None:
    """A provider's rate limit is not spent in one go."""
    most = 0

    def count(request: UpstreamRequest) -> Reply:
        nonlocal most
        most = max(most, transport.stats().in_use + 1)
        return Reply(head_delay_s=0.001, chunks=(json.dumps(titan_embedding(json.loads(request.body))).encode(),))

    transport = ScriptedTransport(count)
    async with two() as edge:
        aws: Any = edge.pipe.providers["aws"]
        aws.transport = transport
        made, _ = await edge.ask({"model": "titan", "input": [f"t{i}" for i in range(40)]}, OPENAI)
        assert (len(made["data"]), most) == (40, CALLS_AT_ONCE)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"embedding": [1, 2]}, "has 2 numbers, not 3"),
        ({"embedding": [1, 2, None]}, "a number, not null"),
        ({"embedding": [1e39, 0, 0]}, "embedding"),
    ],
)
async def test_what_cannot_be_shown_is_the_providers_fault(body: dict[str, Any], message: str) -> None:
    """A length that was not asked for, no number, one that 32 bits do not hold."""
    async with two(lambda _: json_reply(body), routing={"retries": {"attempts": 1}}) as edge:
        with pytest.raises(BadGateway, match=message) as caught:
            await edge.ask({"model": "titan", "input": "x", "dimensions": 3, "encoding_format": "base64"}, OPENAI)
        assert caught.value.code == "invalid_upstream_answer"


async def test_a_length_that_could_not_be_carried_is_not_held_against_the_provider() -> None:
    """Titan's first generation has one only."""
    models = {"v1": {"targets": [{"provider": "aws", "model": "amazon.titan-embed-text-v1"}]}}
    async with two(models=models) as edge:
        made, ctx = await edge.ask({"model": "v1", "input": "x", "dimensions": 2}, OPENAI)
        assert (len(made["data"][0]["embedding"]), ctx.dropped) == (3, ["dimensions"])


async def test_no_estimate_is_left_of_a_failed_attempt() -> None:
    """The usage of the answer that counts is its own."""

    def untold(request: UpstreamRequest) -> Reply:
        if request.url.endswith("/invoke"):
            return json_reply({"embedding": [1e39]})
        return answer(request)

    async with two(untold) as edge:
        _, ctx = await edge.ask({"model": "both", "input": "x" * 400, "encoding_format": "base64"}, OPENAI)
        assert ctx.usage is not None
        assert (ctx.provider, ctx.usage.input_tokens, ctx.usage.estimated) == ("mine", 2, False)


async def test_an_estimate_says_so() -> None:
    """In the record; the body has the number."""
    async with two(lambda _: json_reply({"embedding": [1.0]})) as edge:
        made, ctx = await edge.ask({"model": "titan", "input": ["x" * 400, "y"]}, OPENAI)
        assert ctx.usage is not None
        assert (ctx.usage.input_tokens, ctx.usage.estimated) == (101, True)
        assert made["usage"] == {"prompt_tokens": 101, "total_tokens": 101}


async def test_errors_are_edge_errors() -> None:
    """An unreadable refusal as well."""
    async with two(lambda _: json_reply(b"<html>", 500), routing={"retries": {"attempts": 1}}) as edge:
        for route, body in ((INVOKE, {"model": "titan", "inputText": "x"}), (OPENAI, {"model": "titan", "input": ["x", "y"]})):
            with pytest.raises(EdgeError) as caught:
                await edge.ask(body, route)
            assert caught.value.status == 500

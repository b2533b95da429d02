"""`/v1/embeddings` as OpenAI's SDK uses it: at the echo provider, and at scripted upstreams of every kind that has embeddings."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import openai
import pytest
from google import genai

from tests.support.embedding_answers import answering, openai_embeddings, packed, vector_of
from tests.support.eventually import eventually
from tests.support.gateway import KEY, Running, running, settings
from tests.support.upstream import Upstream, failing, json_answer
from tests.support.valkey import Valkey

TITAN, GEMINI = "amazon.titan-embed-text-v2:0", "gemini-embedding-001"
TARGETS = {"openai": "text-embedding-3-small", "azure": "my-deployment", "bedrock": TITAN, "gemini": GEMINI}


def providers(url: str) -> dict[str, Any]:
    return {
        "openai": {"kind": "openai", "base_url": f"{url}/v1", "api_keys": ["sk-x-1234567890"]},
        "azure": {"kind": "azure", "base_url": url, "api_keys": ["azure-key-1234567890"]},
        "bedrock": {"kind": "bedrock", "base_url": url, "api_keys": ["bedrock-api-key-1234567890"]},
        "gemini": {"kind": "gemini", "base_url": url, "api_keys": ["gemini-api-key-1234567890"]},
    }


def config(up: Upstream, **more: Any) -> Any:
    """`emb-PROVIDER` for each provider."""
    models = {f"emb-{name}": {"targets": [{"provider": name, "model": model}]} for name, model in TARGETS.items()}
    return settings(**{"providers": providers(up.url), "models": models, **more})


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as up:
        up.on(answering())
        yield up


@asynccontextmanager
async def opened(upstream: Upstream) -> AsyncIterator[tuple[Running, openai.AsyncOpenAI]]:
    async with (
        running(config(upstream)) as edge,
        openai.AsyncOpenAI(base_url=f"{edge.url}/v1", api_key=KEY, max_retries=0) as sdk,
    ):
        yield edge, sdk


async def post(edge: Running, body: dict[str, Any], path: str = "/v1/embeddings", **headers: str) -> httpx2.Response:
    return await edge.client.post(path, json=body, headers={name.replace("_", "-"): value for name, value in headers.items()})


@pytest.mark.parametrize("provider", TARGETS)
async def test_the_sdks_own_default(upstream: Upstream, provider: str) -> None:
    """It asks for base64 and gives floats: one text and several, in order."""
    async with opened(upstream) as (_, sdk):
        one = await sdk.embeddings.create(model=f"emb-{provider}", input="hello")
        assert one.data[0].embedding == vector_of("hello")
        texts = ["first", "zweiter Text", "3"]
        several = await sdk.embeddings.create(model=f"emb-{provider}", input=texts)
        assert [item.embedding for item in several.data] == [vector_of(text) for text in texts]
        assert [item.index for item in several.data] == [0, 1, 2]
        assert several.usage.prompt_tokens == several.usage.total_tokens > 0


@pytest.mark.parametrize("provider", TARGETS)
@pytest.mark.parametrize("encoding", ["float", "base64"])
async def test_each_encoding_with_dimensions(upstream: Upstream, provider: str, encoding: Any) -> None:
    """As asked for on the wire, whatever the provider can."""
    async with opened(upstream) as (_, sdk):
        answer = await sdk.embeddings.with_raw_response.create(
            model=f"emb-{provider}", input=["hello"], dimensions=5, encoding_format=encoding
        )
        expected = vector_of("hello", 5)
        shown = answer.http_response.json()["data"][0]["embedding"]
        assert shown == (expected if encoding == "float" else packed(expected))
        assert answer.headers["x-llm-edge-provider"] == provider
        assert answer.headers["x-llm-edge-model"] == TARGETS[provider]
        assert answer.headers["x-llm-edge-cache"] == "miss"
        assert "x-llm-edge-dropped" not in answer.headers


async def test_token_ids(upstream: Upstream) -> None:
    """One array is one input, several are several; as they came."""
    async with opened(upstream) as (_, sdk):
        one = await sdk.embeddings.create(model="emb-openai", input=[1, 2, 3])
        two = await sdk.embeddings.create(model="emb-openai", input=[[1, 2], [3]])
        assert (len(one.data), len(two.data)) == (1, 2)
        assert [call.json["input"] for call in upstream.calls] == [[1, 2, 3], [[1, 2], [3]]]


async def test_the_sync_client_and_the_demo() -> None:
    """At the echo provider: vectors of length 1, the same for the same text."""

    def call(url: str) -> list[list[float]]:
        with openai.OpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0) as client:
            made = [client.embeddings.create(model="echo", input=["Hello", "other", "Hello"], dimensions=32)]
            made.append(client.embeddings.create(model="echo", input="Hello", dimensions=32, encoding_format="float"))
            return [item.embedding for answer in made for item in answer.data]

    async with running(settings()) as edge:
        first, other, again, alone = await asyncio.to_thread(call, edge.url)
    assert first == again == pytest.approx(alone, abs=1e-7)
    assert other != first
    assert math.hypot(*first) == pytest.approx(1.0, abs=1e-6)


async def test_azures_client(upstream: Upstream) -> None:
    """Its path in, and out to an Azure deployment."""
    async with opened(upstream) as (edge, _):
        async with openai.AsyncAzureOpenAI(azure_endpoint=edge.url, api_key=KEY, api_version="2024-10-21", max_retries=0) as client:
            answer = await client.embeddings.create(model="emb-azure", input="hello")
        assert answer.data[0].embedding == vector_of("hello")
        assert upstream.calls[0].path == "/openai/deployments/my-deployment/embeddings?api-version=2024-10-21"
        assert upstream.calls[0].headers["api-key"] == "azure-key-1234567890"


@pytest.mark.parametrize("path", ["/v1/embeddings", "/embeddings", "/llm-gateway/v1/embeddings", "/api/llm-gateway/embeddings"])
async def test_every_path(upstream: Upstream, path: str) -> None:
    """Short, long, below the prefixes; the deployment's name is the model."""
    async with opened(upstream) as (edge, _):
        assert (await post(edge, {"model": "emb-openai", "input": "x"}, path)).status_code == 200
        deployment = path.removesuffix("/v1/embeddings").removesuffix("/embeddings") + "/openai/deployments/emb-openai/embeddings"
        assert (await post(edge, {"input": "x"}, deployment)).headers["x-llm-edge-model"] == "text-embedding-3-small"


async def test_the_same_dialect_passes_unchanged(upstream: Upstream) -> None:
    """Request but for the model, answer byte for byte; a `metadata` is not added, since clients of embeddings know none."""
    async with opened(upstream) as (edge, _):
        raw = b'{ "data":[{"embedding":[1e-3,  2],"index":0, "new": null}],"usage":{"prompt_tokens":1,"total_tokens":1},\n"x":1}'
        upstream.on(json_answer(raw))
        answer = await post(edge, {"model": "emb-openai", "input": ["x"], "input_type": "query", "user": "u"})
        assert answer.content == raw
        assert upstream.calls[0].json == {"model": "text-embedding-3-small", "input": ["x"], "input_type": "query", "user": "u"}
        assert upstream.calls[0].path == "/v1/embeddings"


async def test_titan_gets_a_call_a_text(upstream: Upstream) -> None:
    """In order, tokens summed, one attempt; the model stands in the path."""
    async with opened(upstream) as (_, sdk):
        texts = [f"text {'x' * i}" for i in range(30)]
        answer = await sdk.embeddings.with_raw_response.create(model="emb-bedrock", input=texts, dimensions=4)
        made = answer.parse()
        assert [item.embedding for item in made.data] == [vector_of(text, 4) for text in texts]
        assert (made.usage.prompt_tokens, made.model, answer.headers["x-llm-edge-attempts"]) == (60, TITAN, "1")
        assert {call.path for call in upstream.calls} == {"/model/amazon.titan-embed-text-v2%3A0/invoke"}
        assert sorted(call.json["inputText"] for call in upstream.calls) == sorted(texts)
        assert all(set(call.json) == {"inputText", "dimensions"} for call in upstream.calls)


async def test_gemini_gets_batches(upstream: Upstream) -> None:
    """Of a hundred; one text alone is an embedContent, with Gemini's own options where the client names them."""
    async with opened(upstream) as (_, sdk):
        texts = [f"t{i}" for i in range(250)]
        answer = await sdk.embeddings.create(model="emb-gemini", input=texts)
        assert [item.embedding for item in answer.data] == [vector_of(text) for text in texts]
        assert sorted(len(call.json["requests"]) for call in upstream.calls) == [50, 100, 100]
        assert {call.path for call in upstream.calls} == {f"/v1beta/models/{GEMINI}:batchEmbedContents"}
        assert {item["model"] for item in upstream.calls[0].json["requests"]} == {f"models/{GEMINI}"}
        await sdk.embeddings.create(model="emb-gemini", input="one", dimensions=2, extra_body={"taskType": "RETRIEVAL_QUERY"})
        assert upstream.calls[-1].path == f"/v1beta/models/{GEMINI}:embedContent"
        body = {"content": {"parts": [{"text": "one"}]}, "taskType": "RETRIEVAL_QUERY", "outputDimensionality": 2}
        assert upstream.calls[-1].json == body


@pytest.mark.parametrize(("provider", "dropped"), [("bedrock", "user, input_type"), ("gemini", "user, input_type"), ("openai", None)])
async def test_what_is_lost_is_said(upstream: Upstream, provider: str, dropped: str | None) -> None:
    """By name, or refused before any call; a provider of the dialect gets everything."""
    async with opened(upstream) as (edge, _):
        body = {"model": f"emb-{provider}", "input": ["x", "y"], "user": "u", "input_type": "query"}
        answer = await post(edge, body)
        assert answer.headers.get("x-llm-edge-dropped") == (dropped.replace(" ", "") if dropped else None)
        calls = len(upstream.calls)
        strict = await post(edge, {**body, "input": "other"}, x_llm_edge_strict="true")
        assert strict.status_code == (422 if dropped else 200)
        if dropped:
            assert (strict.json()["error"]["code"], len(upstream.calls)) == ("untranslatable", calls)


@pytest.mark.parametrize(
    ("provider", "body", "param"),
    [
        ("openai", {"input": None}, "input"),
        ("openai", {"input": []}, "input"),
        ("openai", {"input": ""}, "input"),
        ("openai", {"input": 5}, "input"),
        ("openai", {"input": ["a", ""]}, "input[1]"),
        ("openai", {"input": ["a", 5]}, "input[1]"),
        ("openai", {"input": [1, "a"]}, "input[1]"),
        ("openai", {"input": ["a", [1]]}, "input[1]"),
        ("openai", {"input": ["a"] * 2049}, "input"),
        ("openai", {"input": "a", "model": None}, "model"),
        ("bedrock", {"input": [1, 2]}, "input"),
        ("gemini", {"input": [[1], [2]]}, "input"),
        ("bedrock", {"input": "a", "encoding_format": "hex"}, "encoding_format"),
        ("gemini", {"input": "a", "dimensions": 0}, "dimensions"),
        ("gemini", {"input": "a", "dimensions": "3"}, "dimensions"),
    ],
)
async def test_bad_input_names_the_field(upstream: Upstream, provider: str, body: dict[str, Any], param: str) -> None:
    """Before any call."""
    async with opened(upstream) as (edge, _):
        answer = await post(edge, {"model": f"emb-{provider}", **body})
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)
        assert answer.headers["x-llm-edge-error-source"] == "gateway"
        assert upstream.calls == []


async def test_errors_are_the_sdks_own_types(upstream: Upstream) -> None:
    """The provider's refusal of one text of many is the answer, in OpenAI's shape."""
    async with opened(upstream) as (_, sdk):
        with pytest.raises(openai.BadRequestError) as bad:
            await sdk.embeddings.create(model="emb-openai", input=[])
        assert bad.value.param == "input"
        with pytest.raises(openai.NotFoundError):
            await sdk.embeddings.create(model="nothing", input="x")
        upstream.on(json_answer({"message": "Too many tokens"}, 400, {"x-amzn-errortype": "ValidationException"}))
        with pytest.raises(openai.BadRequestError, match="Too many tokens"):
            await sdk.embeddings.create(model="emb-bedrock", input=[f"t{i}" for i in range(20)])
        upstream.on(failing(429, headers={"retry-after": "30"}))
        with pytest.raises(openai.RateLimitError):
            await sdk.embeddings.create(model="emb-openai", input="y")


@pytest.mark.parametrize(
    ("provider", "answer"),
    [
        ("openai", {"data": [{"embedding": [1]}]}),
        ("openai", {"data": [{"embedding": [1]}] * 3}),
        ("openai", {"data": []}),
        ("openai", {"data": {}}),
        ("openai", {"error": {"message": "no"}}),
        ("bedrock", {"embedding": []}),
        ("bedrock", {"embedding": [1, "x"]}),
        ("bedrock", {"message": "no"}),
        ("bedrock", b"<html>"),
        ("gemini", {"embeddings": [{"values": [1]}]}),
        ("gemini", {"embeddings": [{"values": [1]}, {"values": [1, 2]}]}),
        ("gemini", {"embeddings": [{"values": [1]}, {"values": [None]}]}),
        ("gemini", {"embeddings": [{"values": [1]}, {}]}),
        ("gemini", b"<html>"),
    ],
)
async def test_broken_answers_are_502(upstream: Upstream, provider: str, answer: Any) -> None:
    """Wrong number, wrong length, no number; never stored."""
    upstream.on(json_answer(answer))
    async with running(config(upstream, routing={"retries": {"attempts": 1}})) as edge:
        for _ in range(2):
            got = await post(edge, {"model": f"emb-{provider}", "input": ["a", "b"]})
            assert (got.status_code, got.json()["error"]["code"]) == (502, "invalid_upstream_answer")
            assert got.headers["x-llm-edge-error-source"] == "provider"


async def test_a_repeat_is_a_hit(upstream: Upstream) -> None:
    """Byte for byte and at no cost; another encoding, length or text is another question, another user is not."""
    async with opened(upstream) as (edge, _):
        body = {"model": "emb-openai", "input": ["a", "b"], "encoding_format": "base64"}
        first, again = await post(edge, body), await post(edge, {**body, "user": "u"})
        assert (again.headers["x-llm-edge-cache"], again.content) == ("hit", first.content)
        assert again.headers["x-llm-edge-cost-usd"] == "0.000000000"
        assert len(upstream.calls) == 1
        for other in ({"encoding_format": "float"}, {"dimensions": 3}, {"input": ["b", "a"]}):
            assert (await post(edge, {**body, **other})).headers["x-llm-edge-cache"] == "miss"
        assert (await post(edge, body, cache_control="no-store")).headers["x-llm-edge-cache"] == "bypass"


async def test_replicas_share_answers(upstream: Upstream) -> None:
    """Through Redis (L2): the other gateway calls nobody."""
    with Valkey() as valkey:
        made = config(upstream, stores={"redis": valkey.url})
        async with running(made) as one, running(made) as other:
            body = {"model": "emb-gemini", "input": ["a", "b"]}
            first = await post(one, body)
            await eventually(lambda: valkey.command("DBSIZE") != b":0\r\n")
            again = await post(other, body)
            assert (again.headers["x-llm-edge-cache-tier"], again.content) == ("l2", first.content)
            assert len(upstream.calls) == 1


async def test_embeddings_are_always_deterministic(upstream: Upstream) -> None:
    """`cache.when: temperature_0` keeps them in."""
    async with running(config(upstream, cache={"when": "temperature_0"})) as edge:
        paths: dict[str, Any] = {
            "/v1/embeddings": {"model": "emb-openai", "input": "x"},
            "/v1beta/models/emb-openai:embedContent": {"content": {"parts": [{"text": "x"}]}},
        }
        for path, body in paths.items():
            got = [(await post(edge, body, path)).headers["x-llm-edge-cache"] for _ in range(2)]
            assert got == ["miss", "hit"]


async def test_the_same_question_at_the_same_time_is_one_call(upstream: Upstream) -> None:
    """Single flight: followers get the leader's bytes."""
    go = asyncio.Event()

    async def slow(call: Any) -> None:
        await go.wait()
        await answering()(call)

    upstream.on(slow)
    async with running(config(upstream)) as edge:
        body = {"model": "emb-bedrock", "input": "x"}
        asked = [asyncio.ensure_future(post(edge, body)) for _ in range(5)]
        await upstream.received(1)
        while sum(s.values[0] for s in edge.gateway.metrics.snapshot() if s.family == "llm_edge_single_flight_joins_total") < 4:
            await asyncio.sleep(0.005)
        go.set()
        answers = await asyncio.gather(*asked)
        assert {answer.content for answer in answers} == {answers[0].content}
        assert sorted(answer.headers["x-llm-edge-cache"] for answer in answers) == ["hit"] * 4 + ["miss"]
        assert len(upstream.calls) == 1


async def test_another_kind_of_provider_takes_over(upstream: Upstream) -> None:
    """The first target fails, the second one's calls are one more attempt."""

    async def handle(call: Any) -> None:
        await (failing(503) if call.path == "/v1/embeddings" else answering())(call)

    upstream.on(handle)
    targets = [{"provider": "openai", "model": "text-embedding-3-small"}, {"provider": "bedrock", "model": TITAN}]
    async with running(config(upstream, models={"m": {"strategy": "failover", "targets": targets}})) as edge:
        answer = await post(edge, {"model": "m", "input": ["a", "b", "c"]})
        assert (answer.status_code, answer.headers["x-llm-edge-provider"], answer.headers["x-llm-edge-attempts"]) == (200, "bedrock", "2")
        assert len(upstream.calls) == 4


async def test_one_deadline_for_all_calls(upstream: Upstream) -> None:
    """However many an input needs."""

    async def never(call: Any) -> None:
        await call.until_gone()

    upstream.on(never)
    async with running(config(upstream)) as edge:
        answer = await post(edge, {"model": "emb-bedrock", "input": [f"t{i}" for i in range(40)]}, x_llm_edge_timeout_s="0.3")
        assert (answer.status_code, answer.json()["error"]["code"]) == (504, "upstream_timeout")
        assert len(upstream.calls) <= 16


async def test_a_model_without_embeddings(upstream: Upstream) -> None:
    """Named, and no retry is asked for; of several targets those without are passed over."""
    claude = {"provider": "anthropic", "model": "claude-x"}
    small = {"provider": "openai", "model": "text-embedding-3-small"}
    made: dict[str, Any] = {
        "providers": {
            **providers(upstream.url),
            "anthropic": {"kind": "anthropic", "base_url": upstream.url, "api_keys": ["sk-ant-1234567890"]},
            "chat-only": {"kind": "openai", "base_url": f"{upstream.url}/v1", "dialects": ["chat"]},
        },
        "models": {
            "claude": {"targets": [claude]},
            "nova": {"targets": [{"provider": "bedrock", "model": "amazon.nova-lite-v1:0"}]},
            "chat": {"targets": [{"provider": "chat-only", "model": "gpt-4o"}]},
            "both": {"strategy": "failover", "targets": [claude, small]},
        },
    }
    async with running(settings(**made)) as edge:
        for model in ("claude", "nova", "chat"):
            answer = await post(edge, {"model": model, "input": "x"})
            assert (answer.status_code, answer.json()["error"]["param"]) == (400, "model")
            assert f"'{model}' has no embeddings" in answer.json()["error"]["message"]
            assert answer.headers["x-should-retry"] == "false"
        assert upstream.calls == []
        answer = await post(edge, {"model": "both", "input": "x"})
        assert (answer.headers["x-llm-edge-provider"], answer.headers["x-llm-edge-attempts"]) == ("openai", "1")


async def test_a_provider_of_embeddings_alone(upstream: Upstream) -> None:
    """`dialects: [embeddings]`: chat at it is 501 and says why."""
    alone = {"kind": "openai_compatible", "base_url": f"{upstream.url}/v1", "dialects": ["embeddings"]}
    async with running(settings(providers={"tei": alone})) as edge:
        assert (await post(edge, {"model": "bge-small", "input": "x"})).status_code == 200
        answer = await edge.chat(model="bge-small")
        assert (answer.status_code, answer.json()["error"]["code"]) == (501, "not_implemented")
        assert "embeddings alone" in answer.json()["error"]["message"]


async def test_texts_are_spread_over_a_pool(upstream: Upstream) -> None:
    """They are no conversation; a refused key gives way to the next."""
    pool = ["sk-a-1234567890", "sk-b-1234567890"]
    made = {"openai": {"kind": "openai", "base_url": f"{upstream.url}/v1", "api_keys": pool}}
    async with running(settings(providers=made)) as edge:
        for i in range(16):
            await post(edge, {"model": "m", "input": f"text {i}"}, **({"cache_control": "no-store"} if i % 2 else {}))
        assert {call.headers["authorization"].removeprefix("Bearer ") for call in upstream.calls} == set(pool)

        async def picky(call: Any) -> None:
            await (failing(401) if call.headers["authorization"].endswith(pool[0]) else answering())(call)

        upstream.on(picky)
        for i in range(8):
            assert (await post(edge, {"model": "m", "input": f"other {i}"})).status_code == 200


async def test_usage_is_counted(upstream: Upstream) -> None:
    """Tokens in the log and the metrics; where the provider tells none, an estimate that says so."""
    ends: list[Any] = []

    class Recorder:
        def write(self, ctx: Any, seconds: float) -> None:
            ends.append(ctx)

    async with running(config(upstream), access_log=Recorder()) as edge:
        for provider in TARGETS:
            await post(edge, {"model": f"emb-{provider}", "input": ["12345678", "1234"]})
        await edge.idle()
        text = (await edge.client.get("/metrics")).text
    ends = [ctx for ctx in ends if ctx.route.name == "/v1/embeddings"]
    assert [(ctx.usage.input_tokens, ctx.usage.estimated) for ctx in ends] == [(4, False), (4, False), (4, False), (3, True)]
    assert [ctx.provider_request_id for ctx in ends] == ["req-openai", "req-openai", "req-titan", None]
    assert 'route="/v1/embeddings"' in text


async def test_googles_own_sdk(upstream: Upstream) -> None:
    """google-genai's embed_content at Gemini, unchanged, and at OpenAI, translated."""
    async with opened(upstream) as (edge, _):
        options = genai.types.HttpOptions(base_url=edge.url, retry_options=genai.types.HttpRetryOptions(attempts=1))
        client = genai.Client(api_key=KEY, http_options=options)
        try:
            contents: Any = [genai.types.Content(parts=[genai.types.Part(text=text)]) for text in ("a", "bc")]
            for provider in ("gemini", "openai"):
                config = genai.types.EmbedContentConfig(output_dimensionality=4)
                made = await client.aio.models.embed_content(model=f"emb-{provider}", contents=contents, config=config)
                assert [item.values for item in made.embeddings or []] == [vector_of("a", 4), vector_of("bc", 4)]
            assert upstream.calls[0].json["requests"][0]["model"] == f"models/{GEMINI}"
            assert upstream.calls[1].json == {"model": "text-embedding-3-small", "input": ["a", "bc"], "dimensions": 4}
            with pytest.raises(genai.errors.ClientError) as refused:
                await client.aio.models.embed_content(model="nothing", contents="x")
            assert refused.value.code == 404
        finally:
            await client.aio.aclose()
            client.close()


async def test_what_the_upstream_helper_says(upstream: Upstream) -> None:
    """The scripted vectors are exact in 32 bits, so that both encodings can be compared."""
    plain = openai_embeddings({"model": "m", "input": "ab"})["data"][0]["embedding"]
    assert openai_embeddings({"model": "m", "input": ["ab"], "encoding_format": "base64"})["data"][0]["embedding"] == packed(plain)

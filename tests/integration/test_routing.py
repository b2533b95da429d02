"""Strategies, overrides and explanations over real sockets: who was chosen is who got the call."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import openai
import pytest

from proxy.cli.main import main
from proxy.settings import Settings
from tests.support.doors import DOORS, one_each, stream_events, stream_type, whole_answer
from tests.support.gateway import ADMIN_KEY, KEY, Running, running, settings
from tests.support.upstream import Call, Upstream, chat, chat_stream, json_answer, stream_answer

ADMIN = {"authorization": f"Bearer {ADMIN_KEY}"}
DEBUG = {**ADMIN, "x-llm-edge-debug": "route"}
PRICES = {"cheap/m": {"input": 1, "output": 1}, "dear/m": {"input": 10, "output": 10}, "middle/m": {"input": 5, "output": 5}}
NAMES = ("dear", "cheap", "middle")


@pytest.fixture
async def upstreams() -> AsyncIterator[dict[str, Upstream]]:
    async with Upstream() as dear, Upstream() as cheap, Upstream() as middle:
        found = dict(zip(NAMES, (dear, cheap, middle), strict=True))
        for name, up in found.items():
            up.on(json_answer(chat(name)))
        yield found


def three(upstreams: dict[str, Upstream], strategy: str, targets: dict[str, dict[str, Any]] | None = None, **entry: Any) -> Settings:
    """One entry over all of them, under the prices above."""
    providers = {name: {"kind": "openai", "base_url": f"{up.url}/v1", "api_keys": ["sk-1234567890"]} for name, up in upstreams.items()}
    listed = [{"provider": name, "model": "m", **(targets or {}).get(name, {})} for name in upstreams]
    return settings(
        providers=providers,
        models={"smart": {"strategy": strategy, "targets": listed, **entry}},
        prices=PRICES,
        cache={"enabled": False},
    )


async def served(edge: Running, count: int = 1, headers: dict[str, str] | None = None, **body: Any) -> list[str]:
    """The providers that answered."""
    answers = [await edge.chat("hi", model="smart", headers=headers, **body) for _ in range(count)]
    assert {answer.status_code for answer in answers} == {200}
    for answer in answers:
        assert answer.json()["choices"][0]["message"]["content"] == answer.headers["x-llm-edge-provider"]
    return [answer.headers["x-llm-edge-provider"] for answer in answers]


@pytest.mark.parametrize("synonym", ["cost", "cost_based", "cost-optimized"])
async def test_the_cheapest_is_asked(upstreams: dict[str, Upstream], synonym: str) -> None:
    """By any of its names."""
    async with running(three(upstreams, synonym)) as edge:
        assert await served(edge, 3) == ["cheap"] * 3


async def test_the_quality_floor_holds(upstreams: dict[str, Upstream]) -> None:
    """The cheapest that is good enough."""
    targets = {"dear": {"quality": 0.9}, "middle": {"quality": 0.8}, "cheap": {"quality": 0.2}}
    async with running(three(upstreams, "cost", targets, quality_floor=0.7)) as edge:
        assert await served(edge) == ["middle"]


async def test_priority_decides_for_failover(upstreams: dict[str, Upstream]) -> None:
    """And when the first fails the next is asked, within the same request."""
    upstreams["middle"].on(json_answer({"error": {"message": "down"}}, 500))
    async with running(three(upstreams, "failover", {"dear": {"priority": 2}, "cheap": {"priority": 1}})) as edge:
        assert await served(edge) == ["cheap"]
        assert len(upstreams["middle"].calls) == 1


async def test_round_robin_goes_round(upstreams: dict[str, Upstream]) -> None:
    """In the configured order."""
    async with running(three(upstreams, "round-robin")) as edge:
        assert await served(edge, 6) == [*NAMES, *NAMES]


async def test_the_slow_one_is_avoided(upstreams: dict[str, Upstream]) -> None:
    """Once it is known; each is tried first."""

    async def slow(call: Call) -> None:
        await asyncio.sleep(0.15)
        await call.answer(200, chat("dear"))

    upstreams["dear"].on(slow)
    async with running(three(upstreams, "latency")) as edge:
        while {up for up, found in upstreams.items() if found.calls} != set(NAMES):
            await served(edge)
        counts = Counter(await served(edge, 20))
        assert counts["dear"] == 0
        assert counts["cheap"] > 0


async def test_hybrid_weighs(upstreams: dict[str, Upstream]) -> None:
    """By cost alone the cheap one, whatever else."""
    async with running(three(upstreams, "hybrid", hybrid={"cost": 1, "latency": 0, "reliability": 0})) as edge:
        assert await served(edge, 3) == ["cheap"] * 3


async def test_a_canary_gets_its_share_and_whoever_is_sticky_stays(upstreams: dict[str, Upstream]) -> None:
    """By the user that the request names, and by a header."""
    targets = {"dear": {"weight": 60}, "cheap": {"weight": 40}, "middle": {"weight": 0}}
    async with running(three(upstreams, "canary", targets, sticky="user")) as edge:
        by_user = {f"u{n}": (await served(edge, user=f"u{n}"))[0] for n in range(60)}
        again = {user: (await served(edge, user=user))[0] for user in by_user}
        assert again == by_user
        assert 10 < Counter(by_user.values())["cheap"] < 38
    async with running(three(upstreams, "weighted", targets, sticky="header:x-session")) as edge:
        for n in range(10):
            assert len(set(await served(edge, 3, {"x-session": f"{n}"}))) == 1
    assert upstreams["middle"].calls == []


async def test_content_decides(upstreams: dict[str, Upstream]) -> None:
    """Words, needs, length and headers."""
    rules = [
        {"when": {"keywords": ["stack trace"]}, "targets": ["middle/m"]},
        {"when": {"needs": ["tools"]}, "targets": ["cheap/m"]},
        {"when": {"prompt_tokens_over": 500}, "targets": ["middle/m"]},
        {"when": {"headers": {"X-Tier": "free"}}, "targets": ["cheap/m"]},
    ]
    async with running(three(upstreams, "content", rules=rules)) as edge:

        async def provider(text: str, headers: dict[str, str] | None = None, **body: Any) -> str:
            return (await edge.chat(text, model="smart", headers=headers, **body)).headers["x-llm-edge-provider"]

        assert await provider("hello") == "dear"
        assert await provider("explain this Stack\nTrace, please") == "middle"
        assert await provider("hello", tools=[{"type": "function", "function": {"name": "f", "parameters": {}}}]) == "cheap"
        assert await provider("word " * 600) == "middle"
        assert await provider("hello", {"x-tier": "free"}) == "cheap"


async def test_overrides_with_the_real_sdk(upstreams: dict[str, Upstream]) -> None:
    """Strategy, tags and the decision in the head, of whole answers and streams; refusals as the SDK knows them."""
    upstreams["middle"].on(stream_answer(chat_stream("hel", "lo")))
    config = three(upstreams, "failover", {"middle": {"region": "eu"}})
    async with running(config) as edge, openai.AsyncOpenAI(api_key=ADMIN_KEY, base_url=f"{edge.url}/v1", max_retries=0) as admin:
        ask: Any = {"model": "smart", "messages": [{"role": "user", "content": "hi"}]}
        raw = await admin.chat.completions.with_raw_response.create(
            **ask, extra_headers={"x-llm-edge-strategy": "cost", "x-llm-edge-debug": "route"}
        )
        shown = json.loads(raw.headers["x-llm-edge-route"])
        assert (shown["chosen"], shown["strategy"]) == ("cheap/m", "cost")
        assert raw.parse().choices[0].message.content == "cheap"
        headers = {"x-llm-edge-tags": "region=EU", "x-llm-edge-debug": "route"}
        async with admin.chat.completions.with_streaming_response.create(**ask, stream=True, extra_headers=headers) as stream:
            shown = json.loads(stream.headers["x-llm-edge-route"])
            assert (shown["order"], [one["target"] for one in shown["rejected"]]) == (["middle/m"], ["dear/m", "cheap/m"])
            assert "hel" in await stream.text()
        client = admin.with_options(api_key=KEY)
        with pytest.raises(openai.PermissionDeniedError) as denied:
            await client.chat.completions.create(**ask, extra_headers={"x-llm-edge-strategy": "cost"})
        assert (denied.value.code, denied.value.param) == ("scope_required", "x-llm-edge-strategy")
        with pytest.raises(openai.BadRequestError) as refused:
            await client.chat.completions.create(**ask, extra_headers={"x-llm-edge-tags": "region=ap"})
        assert (refused.value.code, refused.value.param) == ("no_target_with_tags", "x-llm-edge-tags")


async def test_a_prompt_that_fits_nowhere_is_refused_without_a_call(upstreams: dict[str, Upstream]) -> None:
    """400 with the figures; one that fits somewhere goes there."""
    providers = {name: {"kind": "openai", "base_url": f"{up.url}/v1", "api_keys": ["sk-1234567890"]} for name, up in upstreams.items()}
    targets = [{"provider": "dear", "model": "gpt-4"}, {"provider": "cheap", "model": "gpt-3.5-turbo"}]
    async with running(settings(providers=providers, models={"smart": {"targets": targets}}, cache={"enabled": False})) as edge:
        assert (await edge.chat("word " * 8000, model="smart")).headers["x-llm-edge-provider"] == "cheap"
        answer = await edge.chat("word " * 40_000, model="smart")
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (400, "context_length_exceeded")
        assert "maximum context length is 16385 tokens. However, the prompt has about 500" in error["message"]
    assert [len(upstreams[name].calls) for name in ("dear", "cheap")] == [0, 1]


async def test_counting_and_embedding_know_no_window(upstreams: dict[str, Upstream]) -> None:
    """A prompt that is too long can be counted; each input of an embedding stands for itself."""
    up = upstreams["dear"]
    up.on(
        json_answer(
            {
                "object": "list",
                "model": "m",
                "data": [{"index": n, "embedding": [0.5]} for n in range(20)],
                "usage": {"prompt_tokens": 1, "total_tokens": 1},
            }
        )
    )
    provider = {"kind": "openai", "base_url": f"{up.url}/v1", "api_keys": ["sk-1234567890"], "dialects": ["chat", "embeddings"]}
    models = {
        "chat": {"targets": [{"provider": "dear", "model": "gpt-4"}, {"provider": "dear", "model": "gpt-3.5-turbo"}]},
        "vectors": {"targets": [{"provider": "dear", "model": f"text-embedding-3-{size}"} for size in ("small", "large")]},
    }
    async with running(settings(providers={"dear": provider}, models=models, cache={"enabled": False})) as edge:
        body = {"model": "chat", "messages": [{"role": "user", "content": "word " * 40_000}]}
        counted = await edge.client.post("/v1/messages/count_tokens", json=body)
        assert (counted.status_code, counted.json()["input_tokens"] > 40_000) == (200, True)
        embedded = await edge.client.post("/v1/embeddings", json={"model": "vectors", "input": ["word " * 4000] * 20})
        assert embedded.status_code == 200, embedded.text


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("door", list(DOORS))
async def test_every_dialect_can_be_told_the_decision(door: str, streamed: bool) -> None:
    """On answers, streams and errors, in the head; and every dialect is refused what the key may not do."""
    async with Upstream() as up:

        async def respond(call: Call) -> None:
            if not streamed:
                await call.answer(200, whole_answer(door))
                return
            await call.head(200, {"content-type": stream_type(door), "transfer-encoding": "chunked"})
            for event in stream_events(door):
                await call.chunk(event)
            await call.end_stream()

        up.on(respond)
        provider = DOORS[door].provider
        models = {
            "two": {"targets": [{"provider": provider, "model": "claude-a", "tags": ["x"]}, {"provider": provider, "model": "claude-b"}]}
        }
        async with running(one_each(up.url, models=models)) as edge:
            path, body = DOORS[door].ask("two", stream=streamed)
            answer = await edge.client.post(path, json=body, headers=DEBUG)
            assert answer.status_code == 200, answer.text
            shown = json.loads(answer.headers["x-llm-edge-route"])
            assert (shown["chosen"], len(shown["order"])) == (f"{provider}/claude-a", 2)
            missing = await edge.client.post(path, json=body, headers={**DEBUG, "x-llm-edge-tags": "y"})
            assert missing.status_code == 400
            assert "x-llm-edge-tags" in missing.text
            assert json.loads(missing.headers["x-llm-edge-route"])["chosen"] is None
            denied = await edge.client.post(path, json=body, headers={"x-llm-edge-debug": "route"})
            assert denied.status_code == 403
            assert "x-llm-edge-debug" in denied.text
        assert len(up.calls) == 1


async def test_a_running_gateway_explains_itself(upstreams: dict[str, Upstream], capsys: pytest.CaptureFixture[str]) -> None:
    """By the admin API and by the command, with what it has seen; no call is made for it and no turn is taken."""
    async with running(three(upstreams, "round_robin")) as edge:
        assert await served(edge, 3) == list(NAMES)
        answer = await edge.client.get("/v1/admin/routes/smart?tokens=100&strategy=cost", headers=ADMIN)
        decision = answer.json()["decision"]
        assert (decision["chosen"], decision["strategy"]) == ("cheap/m", "cost")
        assert all(0 < one["whole_s"] < 5 for one in decision["order"])
        wrong = await edge.client.get("/v1/admin/routes/smart?tokens=some", headers=ADMIN)
        assert wrong.status_code == 400
        assert "tokens must be a whole number" in wrong.text
        code = await asyncio.to_thread(main, ["routes", "explain", "smart", "--url", edge.url, "--key", ADMIN_KEY, "--json"])
        shown = json.loads(capsys.readouterr().out)
        assert (code, shown["strategy"], shown["chosen"]) == (0, "round_robin", "dear/m")
        assert await served(edge) == ["dear"]


async def test_an_admin_route_is_no_clients_business(upstreams: dict[str, Upstream]) -> None:
    """403."""
    async with running(three(upstreams, "cost")) as edge, httpx2.AsyncClient(base_url=edge.url, trust_env=False) as stranger:
        assert (await edge.client.get("/v1/admin/routes/smart")).status_code == 403
        assert (await stranger.get("/v1/admin/routes/smart")).status_code == 401

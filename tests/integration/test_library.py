"""The gateway as a library: mounted, called in process, with parts of one's own."""

import asyncio
import importlib
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from random import Random
from typing import Any, assert_type

import httpx2
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

import proxy
from proxy import Gateway, Settings, build_app, load_settings
from proxy.routing.candidate import Candidate, RequestFacts
from proxy.routing.target import Decision
from tests.support.eventually import eventually
from tests.support.gateway import KEY, chat_body, settings
from tests.support.library import client_of, in_process, json_reply, one_provider
from tests.support.upstream import Call, Upstream, chat, chat_chunk, chat_stream, json_answer, stream_answer


def test_the_public_names_are_typed() -> None:
    """What a user's type checker sees (mypy reads these lines), and no other names."""
    config = Settings.of(providers={"echo": {"kind": "echo"}}, stores={"records": "memory://"})
    assert_type(config, Settings)
    assert_type(build_app(config), Gateway)
    assert_type(proxy.__version__, str)
    assert callable(load_settings)
    assert sorted(proxy.__all__) == ["Gateway", "Settings", "__version__", "build_app", "load_settings"]


def test_importing_the_package_alone_loads_no_gateway() -> None:
    """The names resolve on first use; `dir` and typing need no import of the framework."""
    code = "import sys, proxy; print(sorted(m for m in sys.modules if m.split('.')[0] in ('starlette', 'pydantic', 'httpx2', 'redis')))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


async def home(request: Request) -> PlainTextResponse:
    return PlainTextResponse("the outer application")


async def test_mounted_under_another_application_with_its_lifespan() -> None:
    """Served below the mount point, beside the outer application's own routes; the lifespan opens and closes it."""
    gateway = build_app(settings())
    outer = Starlette(routes=[Route("/", home), Mount("/llm", app=gateway)], lifespan=gateway.lifespan)
    async with outer.router.lifespan_context(outer), client_of(outer) as client:
        answer = await client.post("/llm/v1/chat/completions", json=chat_body())
        assert (answer.status_code, answer.json()["object"]) == (200, "chat.completion")
        assert (await client.get("/")).text == "the outer application"
        assert (await client.get("/llm/health/ready")).json()["ready"] is True
        assert (await client.get("/llm/v1/nothing")).json()["error"]["message"] == "no such path: GET /v1/nothing"
    with pytest.raises(RuntimeError, match="lifespan"):
        _ = gateway.state


async def test_before_its_lifespan_it_says_so() -> None:
    """503 in OpenAI's shape, not a crash."""
    async with client_of(build_app(settings())) as client:
        answer = await client.post("/v1/chat/completions", json=chat_body())
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "not_started")


async def test_a_gateway_can_be_opened_again() -> None:
    """After one lifespan ended, another begins."""
    gateway = build_app(settings())
    for _ in range(2):
        async with gateway.lifespan(), client_of(gateway) as client:
            assert (await client.post("/v1/chat/completions", json=chat_body())).status_code == 200


async def test_an_own_provider_answers_by_its_configured_name() -> None:
    """It wins over the built-in adapter of the configured kind, and gets the call with its own credential."""
    async with in_process(json_reply(chat("from mine"))) as edge:
        answer = await edge.chat()
        assert answer.json()["choices"][0]["message"]["content"] == "from mine"
        assert answer.headers["x-llm-edge-provider"] == "mine"
        assert (b"authorization", b"Bearer sk-provider-canary-1234567890") in edge.sent[0].headers


class LastFirst:
    """A strategy of the user's own."""

    def choose(self, candidates: Sequence[Candidate], facts: RequestFacts, now: float, rng: Random) -> Decision:
        return Decision(tuple(reversed(candidates)), "the last one first")


async def test_an_own_strategy_orders_the_targets() -> None:
    """Under a name that the configuration knows."""
    targets = [{"provider": "mine", "model": "first"}, {"provider": "mine", "model": "last"}]
    config = one_provider(models={"m": {"strategy": "weighted", "targets": targets}})
    async with in_process(json_reply(chat()), config=config, strategies={"weighted": LastFirst()}) as edge:
        assert (await edge.chat(model="m")).headers["x-llm-edge-model"] == "last"


@asynccontextmanager
async def plain_server(app: Any) -> AsyncIterator[str]:
    """The base URL of uvicorn's own server around the application: no hook of ours in the scope."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, lifespan="on", log_config=None, timeout_graceful_shutdown=5))
    server.config.load()
    task = asyncio.ensure_future(server.serve())
    await eventually(lambda: server.started or task.done())
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


@pytest.mark.parametrize("stream", [False, True])
async def test_under_a_plain_server_a_client_that_leaves_ends_the_call(stream: bool) -> None:
    """Contract A without our own server's hook."""
    gone, asked = asyncio.Event(), asyncio.Event()

    async def hold(call: Call) -> None:
        if stream:
            await call.begin_stream()
            await call.chunk(chat_chunk({"content": "hello"}))
        asked.set()
        await call.until_gone()
        gone.set()

    async with Upstream() as upstream:
        upstream.on(hold)
        gateway = build_app(settings(upstream.url))
        async with plain_server(gateway) as url, httpx2.AsyncClient(base_url=url, headers={"x-api-key": KEY}, trust_env=False) as client:
            call = asyncio.ensure_future(client.post("/v1/chat/completions", json=chat_body(stream=stream)))
            await asked.wait()
            call.cancel()
            async with asyncio.timeout(1.0):
                await gone.wait()
            await eventually(lambda: not gateway.metrics.active)
            assert gateway.state.in_flight.requests == 0


@pytest.mark.parametrize("stream", [False, True])
async def test_under_a_plain_server_a_whole_answer_is_no_disconnect(stream: bool) -> None:
    """The `http.disconnect` that follows every answer is not taken for a client that left."""
    async with Upstream() as upstream:
        upstream.on(stream_answer(chat_stream("a", "b")) if stream else json_answer(chat()))
        gateway = build_app(settings(upstream.url))
        async with plain_server(gateway) as url, httpx2.AsyncClient(base_url=url, headers={"x-api-key": KEY}, trust_env=False) as client:
            for n in range(20):
                answer = await client.post("/v1/chat/completions", json=chat_body(str(n), stream=stream))
                assert answer.status_code == 200
            await eventually(lambda: not gateway.metrics.active)
            metrics = (await client.get("/metrics")).text
            assert 'status="499"' not in metrics
            left = [line for line in metrics.splitlines() if line.startswith("llm_edge_client_disconnects_total")]
            assert sum(float(line.rsplit(" ", 1)[1]) for line in left) == 0


def test_unknown_names_are_attribute_errors() -> None:
    """With the module's name, as Python's own."""
    with pytest.raises(AttributeError, match="module 'proxy' has no attribute 'nothing'"):
        _ = importlib.import_module("proxy").nothing

"""A provider of kind litellm by itself: embeddings, a closed answer, what importing the package does and leaves alone."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from proxy.core.embeddings import unpack
from proxy.providers.base import Outgoing
from proxy.providers.litellm_bridge import LitellmBridge, build_bridge
from proxy.transport.base import Timeouts, UpstreamResponse
from tests.support.eventually import eventually
from tests.support.litellm_edge import ANTHROPIC, MODELS, anthropic_events, bridged, require_litellm
from tests.support.serving import ROOT
from tests.support.upstream import Call, Upstream, chat_stream, json_answer

pytestmark = [pytest.mark.filterwarnings("ignore::UserWarning"), pytest.mark.filterwarnings("ignore::DeprecationWarning")]
WITHIN_S = 1.0
VECTOR = [0.25, -0.5, 1.0]


@pytest.fixture(autouse=True, scope="module")
def _litellm() -> None:
    require_litellm()


@asynccontextmanager
async def provider(url: str, name: str) -> AsyncIterator[LitellmBridge]:
    bridge = build_bridge(name, bridged(url).providers[name])
    try:
        yield bridge
    finally:
        await bridge.aclose()


async def send(bridge: LitellmBridge, dialect: str, model: str, *, stream: bool = False, **body: Any) -> UpstreamResponse:
    wanted = {"model": model, **({"stream": True} if stream else {}), **body}
    bridge.amend(wanted, dialect)
    call = Outgoing(
        model=model,
        dialect=dialect,
        body=json.dumps(wanted).encode(),
        stream=stream,
        headers={},
        query=b"",
        timeouts=Timeouts(deadline=asyncio.get_running_loop().time() + 20),
        max_response_bytes=1 << 20,
    )
    return await bridge.transport.send(bridge.request(call, bridge.keys.members[0]))


def openai_embeddings(n: int) -> dict[str, Any]:
    data = [{"object": "embedding", "index": i, "embedding": VECTOR} for i in range(n)]
    return {"object": "list", "data": data, "model": "text-embedding-3-small", "usage": {"prompt_tokens": 4, "total_tokens": 4}}


@pytest.mark.parametrize("encoding", [None, "float", "base64"])
async def test_embeddings(encoding: str | None) -> None:
    """Floats, or packed here where the client wants base64: few providers know that."""
    async with Upstream() as up, provider(up.url, "oai") as bridge:
        up.on(json_answer(openai_embeddings(2)))
        body: dict[str, Any] = {"input": ["a", "b"], "dimensions": 3, "user": "u", **({"encoding_format": encoding} if encoding else {})}
        response = await send(bridge, "openai_embeddings", "text-embedding-3-small", **body)
        answer = json.loads(await response.read())
        response.close()
        vectors = [item["embedding"] for item in answer["data"]]
        assert (response.status, answer["object"], [item["index"] for item in answer["data"]]) == (200, "list", [0, 1])
        assert ([list(unpack(v)) for v in vectors] if encoding == "base64" else vectors) == [VECTOR, VECTOR]
        assert answer["usage"] == {"prompt_tokens": 4, "total_tokens": 4}
        (call,) = up.calls
        assert (call.path, call.json["input"], call.json["dimensions"]) == ("/v1/embeddings", ["a", "b"], 3)
        assert bridge.transport.stats().in_use == 0


async def test_embeddings_of_a_provider_with_its_own_dialect() -> None:
    """Cohere's, translated by the package."""
    own = {"oai": {"model_prefix": "cohere/", "base_url": None}}
    async with Upstream() as up:
        settings = bridged(up.url, own={**own, "oai": {**own["oai"], "base_url": f"{up.url}/v2/embed"}}).providers["oai"]
        bridge = build_bridge("co", settings)
        up.on(json_answer({"id": "1", "embeddings": {"float": [VECTOR]}, "texts": ["a"], "meta": {"billed_units": {"input_tokens": 4}}}))
        try:
            response = await send(bridge, "openai_embeddings", "embed-v4.0", input="a", encoding_format="base64")
            answer = json.loads(await response.read())
        finally:
            await bridge.aclose()
        assert list(unpack(answer["data"][0]["embedding"])) == VECTOR
        assert answer["usage"]["prompt_tokens"] == 4


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_embeddings_that_fail_are_one_try(status: int) -> None:
    """With the provider's status: OpenAI's SDK below makes none of its own either (contract C)."""
    async with Upstream() as up, provider(up.url, "oai") as bridge:
        up.on(json_answer({"error": {"message": "busy"}}, status))
        response = await send(bridge, "openai_embeddings", "text-embedding-3-small", input="a")
        assert (response.status, json.loads(await response.read())["error"]["message"], len(up.calls)) == (status, "busy", 1)


@pytest.mark.parametrize("model", MODELS)
async def test_a_closed_stream_closes_its_socket(model: str) -> None:
    """Also while nobody waits for its next chunk (contract A)."""
    gone = asyncio.Event()
    events = anthropic_events()[:4] if model == ANTHROPIC else chat_stream("Hel", "lo")[:3]
    name, _, own_model = model.partition("/")

    async def handle(call: Call) -> None:
        await call.begin_stream()
        for event in events:
            await call.chunk(event)
        await call.until_gone()
        gone.set()

    async with Upstream() as up, provider(up.url, name) as bridge:
        up.on(handle)
        response = await send(bridge, "openai_chat", own_model, stream=True, messages=[{"role": "user", "content": "hi"}], max_tokens=5)
        assert await response.next_chunk()
        response.close()
        async with asyncio.timeout(WITHIN_S):
            await gone.wait()
        await eventually(lambda: bridge.transport.stats().in_use == 0)


PROGRAM = """
import asyncio, json, logging, os, sys
from proxy.app import build_app
from proxy.settings import Settings

async def main():
    settings = Settings.of(auth={"enabled": False}, insecure=True, stores={"records": "memory://"}, providers=json.loads(sys.argv[1]))
    gateway = build_app(settings)
    states = []
    async with gateway.lifespan():
        states.append(gateway.lifecycle.state)
        async with asyncio.timeout(60):
            while gateway.lifecycle.state != "ready":
                await asyncio.sleep(0.01)
        states.append("litellm" in sys.modules)
    litellm = sys.modules.get("litellm")
    print(json.dumps({
        "states": states,
        "env": os.environ.get("FROM_DOTENV"),
        "switches": None if litellm is None else [litellm.drop_params, litellm.callbacks, litellm.cache, litellm.num_retries],
        "handlers": len(logging.getLogger("LiteLLM").handlers),
    }))

asyncio.run(main())
"""


def run(cwd: Path, providers: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """What the program found, and what else was printed. The network is a black hole with a name."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(providers)], capture_output=True, text=True, cwd=cwd, env=env, timeout=110, check=True
    )
    *rest, last = done.stdout.splitlines()
    return json.loads(last), "\n".join(rest) + done.stderr


def test_a_gateway_without_such_a_provider_never_imports_the_package(tmp_path: Path) -> None:
    """Nor waits for it."""
    found, _ = run(tmp_path, {"echo": {"kind": "echo"}})
    assert found["states"] == ["ready", False]


def test_the_package_is_imported_after_the_start_and_before_ready(tmp_path: Path) -> None:
    """In a thread: serving begins at once. Nothing is fetched, printed, or read from `.env` into the environment."""
    (tmp_path / ".env").write_text("FROM_DOTENV=leaked\n")
    found, printed = run(tmp_path, {"groq": {"kind": "litellm", "model_prefix": "groq/"}})
    assert found["states"] == ["starting", True]
    assert found["env"] is None
    assert found["switches"] == [False, [], None, None]
    assert found["handlers"] == 0
    assert "LiteLLM" not in printed
    assert "Traceback" not in printed

"""A gateway in this process, as a library's user has it: no server; its provider answers from a script.

async with in_process(json_reply(chat("hello"))) as edge:
    answer = await edge.chat()
"""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx2

from proxy.app import Gateway, build_app
from proxy.providers.key_pool import KeyPool
from proxy.providers.openai_compatible import OpenAICompatible
from proxy.settings import Settings
from proxy.transport.base import Header, Transport, UpstreamRequest
from proxy.transport.scripted import Reply, ScriptedTransport
from tests.support.gateway import KEY, chat_body, settings

EDGE = "http://edge.test"
PROVIDER_KEY = "sk-provider-canary-1234567890"


class InProcess:
    """`client` sends the client key; `sent`: what reached the provider."""

    def __init__(self, gateway: Gateway, client: httpx2.AsyncClient, transport: ScriptedTransport) -> None:
        self.gateway = gateway
        self.client = client
        self.sent = transport.requests

    async def chat(self, text: str = "hi", *, headers: dict[str, str] | None = None, **body: Any) -> httpx2.Response:
        return await self.client.post("/v1/chat/completions", json=chat_body(text, **body), headers=headers or {})


def one_provider(**more: Any) -> Settings:
    """Names the provider `mine`, which the test brings itself."""
    return settings(providers={"mine": {"kind": "openai_compatible", "base_url": "http://upstream.test/v1"}}, **more)


def provider(transport: Transport, name: str = "mine") -> OpenAICompatible:
    return OpenAICompatible(name, base_url="http://upstream.test/v1", keys=KeyPool([PROVIDER_KEY]), transport=transport)


@asynccontextmanager
async def in_process(
    *script: Reply | Callable[[UpstreamRequest], Reply], config: Settings | None = None, **own: Any
) -> AsyncIterator[InProcess]:
    """`script`: replies one after the other, or one function from request to reply."""
    first = script[0] if script else None
    transport = ScriptedTransport(first if callable(first) else [reply for reply in script if isinstance(reply, Reply)])
    gateway = build_app(config or one_provider(), **{"providers": {"mine": provider(transport)}, **own})
    async with gateway.lifespan(), client_of(gateway) as client:
        yield InProcess(gateway, client, transport)


def client_of(app: Any, base_url: str = EDGE) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=base_url, headers={"authorization": f"Bearer {KEY}"})


def json_reply(body: Any, status: int = 200, headers: tuple[Header, ...] = ()) -> Reply:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(status=status, headers=((b"content-type", b"application/json"), *headers), chunks=(data,) if data else ())


def stream_reply(events: list[bytes], **more: Any) -> Reply:
    return Reply(headers=((b"content-type", b"text/event-stream"),), chunks=tuple(events), **more)


def data_of(stream: str) -> list[Any]:
    """The JSON objects of an event stream, without `[DONE]`."""
    return [json.loads(line[6:]) for line in stream.splitlines() if line.startswith("data: {")]

"""A whole gateway on a real socket, served by our own protocol, in the test's loop."""

import asyncio
import gc
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2

from proxy.app import Gateway, build_app
from proxy.serving.options import ServeOptions
from proxy.serving.server import EdgeServer
from proxy.settings import Settings

KEY = "test-key-0123456789"
ADMIN_KEY = "test-admin-key-0123456789"


class Running:
    """`client` sends the client key."""

    def __init__(self, gateway: Gateway, url: str, client: httpx2.AsyncClient) -> None:
        self.gateway = gateway
        self.url = url
        self.client = client

    async def chat(self, text: str = "hi", *, headers: dict[str, str] | None = None, **body: Any) -> httpx2.Response:
        return await self.client.post("/v1/chat/completions", json=chat_body(text, **body), headers=headers or {})

    async def idle(self) -> None:
        """Until no request is in flight and no task of the gateway's is left but its own few."""
        state = self.gateway.state
        async with asyncio.timeout(10):
            while state.in_flight.requests or len(state.pipeline.flights) or self.gateway.metrics.active:
                await asyncio.sleep(0.005)


def chat_body(text: str = "hi", **more: Any) -> dict[str, Any]:
    return {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": text}], **more}


def settings(upstream: str | None = None, **more: Any) -> Settings:
    """One OpenAI-compatible provider at `upstream`, static keys, records in memory. Sections in `more` win."""
    values: dict[str, Any] = {
        "server": {"host": "127.0.0.1", "port": 0, "metrics_port": None, "drain_delay_s": 0, "grace_s": 0.2},
        "auth": {"static_keys": [KEY], "admin_key": ADMIN_KEY},
        "stores": {"records": "memory://"},
        "providers": {"openai": {"kind": "openai", "base_url": f"{upstream}/v1", "api_keys": ["sk-provider-canary-1234567890"]}}
        if upstream
        else {"echo": {"kind": "echo"}},
    }
    for name, section in more.items():
        values[name] = {**values.get(name, {}), **section} if isinstance(section, dict) and name not in ("providers", "models") else section
    return Settings.of(**values)


@asynccontextmanager
async def running(config: Settings, **own: Any) -> AsyncIterator[Running]:
    gateway = build_app(config, **own)
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    options = ServeOptions.of(config)
    server = EdgeServer(gateway, options=options, lifecycle=gateway.lifecycle, metrics=gateway.metrics)
    port = listener.getsockname()[1]
    task = asyncio.ensure_future(server.serve([listener]))
    url = f"http://127.0.0.1:{port}"
    try:
        while not gateway.lifecycle.is_ready:
            if task.done():
                await task
            await asyncio.sleep(0.005)
        async with httpx2.AsyncClient(base_url=url, headers={"authorization": f"Bearer {KEY}"}, timeout=20, trust_env=False) as client:
            yield Running(gateway, url, client)
    finally:
        server.begin_drain(delay_s=0.0)
        await task
        gc.unfreeze()  # a server keeps what it began with out of the collector's way for good; this one was not for good

"""A gateway in the test's loop, and its administrator."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2

from proxy.app import Gateway
from proxy.settings import Settings
from tests.support.gateway import ADMIN_KEY, KEY, chat_body, running, settings

TWO = {"old": {"kind": "echo"}, "new": {"kind": "echo"}}
MODELS: dict[str, Any] = {
    "canary": {
        "strategy": "weighted",
        "targets": [{"provider": "old", "model": "m", "weight": 95}, {"provider": "new", "model": "org/m", "weight": 5}],
    },
    "plain": {"strategy": "failover", "targets": [{"provider": "old", "model": "m"}, {"provider": "new", "model": "org/m"}]},
    "only/old": {"targets": [{"provider": "old", "model": "m"}]},
}


def two_providers(**more: Any) -> Settings:
    """Echo providers `old` and `new`; entries `canary` (95 to 5), `plain`, `only/old`."""
    return settings(**{"providers": TWO, "models": MODELS, "cache": {"enabled": False}, **more})


class Administered:
    def __init__(self, gateway: Gateway, client: httpx2.AsyncClient) -> None:
        self.gateway = gateway
        self.client = client
        """Sends the client key."""

    async def call(self, method: str, path: str, body: Any = None, *, key: str | None = ADMIN_KEY, **headers: str) -> httpx2.Response:
        """`path`: below `/v1/admin`; `headers`: with `_` for `-`."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()} | {"authorization": f"Bearer {key}" if key else ""}
        return await self.client.request(method, f"/v1/admin{path}", json=body, headers=sent)

    async def get(self, path: str) -> Any:
        answer = await self.call("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def provider(self, model: str = "canary", **headers: str) -> str | None:
        """Which one answers."""
        answer = await self.client.post("/v1/chat/completions", json=chat_body(model=model), headers=headers)
        return answer.headers["x-llm-edge-provider"] if answer.status_code == 200 else None


@asynccontextmanager
async def administered(config: Settings | None = None, **own: Any) -> AsyncIterator[Administered]:
    async with running(config or two_providers(), **own) as edge:
        yield Administered(edge.gateway, edge.client)


__all__ = ["ADMIN_KEY", "KEY", "MODELS", "TWO", "Administered", "administered", "two_providers"]

"""The governance stack around a small application of the test's."""

from typing import Any

import httpx2
from starlette.types import ASGIApp

from proxy.core.clock import SystemClock
from proxy.core.context import RequestContext
from proxy.core.identity import Principal
from proxy.core.route import RouteInfo
from proxy.governance.admission import InFlight
from proxy.governance.auth import Keys
from proxy.governance.bodies import ErrorBodies
from proxy.governance.stack import StackOptions, govern

CHAT = RouteInfo(name="/v1/chat/completions", family="openai", dialect="openai_chat", reads_body=True)
ADMIN = RouteInfo(name="/v1/admin/x", family="admin", admin=True)
OPS = RouteInfo(name="/health", family="ops", public=True)


class TwoKeys:
    """`good` is a client, `boss` an admin; `slow` is known only to the store."""

    def peek(self, key: str) -> Principal | None:
        return {"good": Principal(key_id="k1", tenant="t1"), "boss": Principal(key_id="k2", tenant="t1", role="admin")}.get(key)

    async def verify(self, key: str) -> Principal | None:
        return Principal(key_id="k3", tenant="t3", models=frozenset({"only"})) if key == "slow" else None


class Ends:
    """Remembers how requests ended."""

    def __init__(self) -> None:
        self.started = 0
        self.done: list[RequestContext] = []

    def request_started(self) -> None:
        self.started += 1

    def request_done(self, ctx: RequestContext, seconds: float) -> None:
        self.done.append(ctx)


def classify(method: str, path: str) -> RouteInfo:
    return {"/v1/chat/completions": CHAT, "/v1/admin/x": ADMIN}.get(path, OPS)


def stack(app: ASGIApp, **more: Any) -> tuple[httpx2.AsyncClient, Ends]:
    ends = Ends()
    keys: Keys | None = more.pop("keys", TwoKeys())
    options = StackOptions(
        classify=classify,
        bodies=ErrorBodies({}),
        meter=ends,
        clock=SystemClock(),
        keys=keys,
        in_flight=more.pop("in_flight", InFlight()),
        models_max=more.pop("models_max", 1000),
        admin_max=100,
        **more,
    )
    governed = govern(app, options)
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(governed), base_url="http://edge.test"), ends

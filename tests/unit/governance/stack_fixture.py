"""The governance stack around a small application of the test's."""

from typing import Any

import httpx2
from starlette.types import ASGIApp, Receive, Scope, Send

from proxy.api.json_response import send_json
from proxy.core.clock import SystemClock
from proxy.core.context import SCOPE_KEY, RequestContext
from proxy.core.identity import Principal
from proxy.core.route import RouteInfo
from proxy.governance.admission import InFlight
from proxy.governance.auth import Keys
from proxy.governance.bodies import ErrorBodies
from proxy.governance.keys import Ended, key_digest
from proxy.governance.stack import StackOptions, govern

CHAT = RouteInfo(name="/v1/chat/completions", family="openai", dialect="openai_chat", reads_body=True)
ADMIN = RouteInfo(name="/v1/admin/x", family="admin", admin=True, reads_body=True)
INVOKE = RouteInfo(name="/v1/agent/invoke", family="invoke", scope="agents")
CHAT_PATH = "/v1/chat/completions"
GOOD = {"authorization": "Bearer good"}
MESSAGES = RouteInfo(name="/v1/messages", family="anthropic", public=True)
OPS = RouteInfo(name="/health", family="ops", public=True)


class TwoKeys:
    """`good` is a client, `boss` an admin, `near` and `far` are bound to addresses, `auditor` may read what administrators may; `slow` is
    known only to the store."""

    def __init__(self) -> None:
        self._known = {
            key_digest("good"): Principal(key_id="k1", tenant="t1"),
            key_digest("boss"): Principal(key_id="k2", tenant="t1", role="admin"),
            key_digest("near"): Principal(key_id="k4", tenant="t4", allowed_ips=("127.0.0.0/8",)),
            key_digest("far"): Principal(key_id="k5", tenant="t5", role="admin", allowed_ips=("10.0.0.1",)),
            key_digest("auditor"): Principal(key_id="k6", tenant="t6", role="auditor", scopes=frozenset({"admin_read"})),
        }

    def find(self, digest: bytes) -> Principal | None:
        return self._known.get(digest)

    async def verify(self, key: str) -> Principal | None:
        if key == "slow":
            return Principal(key_id="k3", tenant="t3", models=frozenset({"only"}))
        return self.find(key_digest(key))

    def ended(self, digest: bytes) -> Ended | None:
        """`old` was live once."""
        return "expired" if digest == key_digest("old") else None


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
    return {"/v1/chat/completions": CHAT, "/v1/admin/x": ADMIN, "/v1/messages": MESSAGES, "/v1/agent/invoke": INVOKE}.get(path, OPS)


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with what the wrappers left behind."""
    ctx = scope[SCOPE_KEY]
    seen: dict[str, Any] = {
        "json": ctx.json,
        "key": ctx.principal.key_id if ctx.principal else None,
        "ip": ctx.client_ip,
        "trace": ctx.trace_id,
    }
    await send_json(send, 200, seen)


def governed(app: ASGIApp, **more: Any) -> tuple[ASGIApp, Ends]:
    ends = Ends()
    keys: Keys | None = more.pop("keys", TwoKeys())
    options = StackOptions(
        classify=classify,
        bodies=ErrorBodies(more.pop("encoders", {})),
        meter=ends,
        clock=SystemClock(),
        keys=keys,
        in_flight=more.pop("in_flight", InFlight()),
        models_max=more.pop("models_max", 1000),
        admin_max=100,
        **more,
    )
    return govern(app, options), ends


def stack(app: ASGIApp, **more: Any) -> tuple[httpx2.AsyncClient, Ends]:
    """A client of the governed application, and how its requests ended."""
    wrapped, ends = governed(app, **more)
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(wrapped), base_url="http://edge.test"), ends

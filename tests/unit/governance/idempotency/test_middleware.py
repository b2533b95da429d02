"""Who leads, who follows, and what they get. Over sockets: tests/contract/test_contract_q_*.py."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
from starlette.types import Receive, Scope, Send

from proxy.api.json_response import send_json
from proxy.core.context import SCOPE_KEY, RequestContext
from proxy.core.errors import ClientFault
from proxy.core.tasks import TaskSupervisor
from proxy.governance.idempotency.live import Repeats, Result, Rules
from proxy.storage.hot.base import RedisDown
from proxy.storage.hot.idempotency import Answer, Claim, Name
from proxy.storage.hot.idempotency_memory import MemoryIdempotency
from tests.support.clock import FakeClock
from tests.unit.governance.stack_fixture import CHAT_PATH, GOOD, governed, stack

RULES = Rules(wait_s=5, ttl_s=60, lease_s=30, max_bytes=1000, total_s=0.1)
ONCE = {**GOOD, "idempotency-key": "k"}


class Answering:
    """Waits until it is let go, and counts."""

    def __init__(self, error: Exception | None = None) -> None:
        self.runs = 0
        self.go = asyncio.Event()
        self.error = error

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.runs += 1
        ctx: RequestContext = scope[SCOPE_KEY]
        await self.go.wait()
        if self.error is not None:
            raise self.error
        ctx.model, ctx.provider, ctx.served_model = "only", "p", "m"
        await send_json(send, 200, {"run": self.runs})


class Counts:
    """A meter."""

    def __init__(self) -> None:
        self.of: dict[str, int] = {}

    def idempotent(self, result: Result) -> None:
        self.of[result] = self.of.get(result, 0) + 1


def repeats(store: Any = None, counts: Counts | None = None, rules: Rules = RULES) -> dict[str, Any]:
    store = MemoryIdempotency(FakeClock()) if store is None else store
    return {"repeats": Repeats(store, TaskSupervisor(), counts or Counts()), "repeat_rules": rules}


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_duplicates_share_a_failure_and_the_next_one_runs() -> None:
    """In its own words, marked."""
    app = Answering(ClientFault("full", status=429, code="rate_limit_exceeded"))
    client, _ = stack(app, **repeats())
    asking = [asyncio.ensure_future(client.post(CHAT_PATH, json={}, headers=ONCE)) for _ in range(3)]
    await settled()
    app.go.set()
    answers = await asyncio.gather(*asking)
    assert (app.runs, {answer.status_code for answer in answers}) == (1, {429})
    assert sorted("idempotency-replayed" in answer.headers for answer in answers) == [False, True, True]
    app.error = None
    assert (await client.post(CHAT_PATH, json={}, headers=ONCE)).json() == {"run": 2}


async def test_other_routes_and_requests_without_a_key_are_let_by() -> None:
    """Each runs."""
    app = Answering()
    app.go.set()
    client, _ = stack(app, **repeats())
    for path, headers in ((CHAT_PATH, GOOD), (CHAT_PATH, GOOD), ("/v1/agent/invoke", ONCE), ("/v1/agent/invoke", ONCE)):
        await client.post(path, json={}, headers=headers)
    assert app.runs >= 2


async def test_without_its_store_nothing_runs() -> None:
    """503."""

    class Lost(MemoryIdempotency):
        async def claim(self, name: Name, fingerprint: bytes, token: str, *, lease_s: float, ttl_s: float) -> Claim:
            raise RedisDown("gone")

        async def release(self, name: Name, token: str) -> bool:
            raise RedisDown("gone")

    app = Answering()
    client, _ = stack(app, **repeats(Lost(FakeClock())))
    answer = await client.post(CHAT_PATH, json={}, headers=ONCE)
    assert (answer.status_code, app.runs) == (503, 0)


async def test_an_answer_that_could_not_be_stored_says_so() -> None:
    """It is given all the same."""

    class Forgetful(MemoryIdempotency):
        async def finish(self, name: Name, token: str, answer: Answer, *, ttl_s: float) -> bool:
            raise RedisDown("gone")

    app = Answering()
    app.go.set()
    client, _ = stack(app, **repeats(Forgetful(FakeClock())))
    answer = await client.post(CHAT_PATH, json={}, headers=ONCE)
    assert (answer.status_code, answer.headers["idempotency-stored"]) == (200, "false")


async def left_behind(app: Answering, then: Callable[[], Awaitable[None]]) -> list[str]:
    """What is sent to a client that leaves when its body has been read."""
    wrapped, _ = governed(app, **repeats())
    sent: list[str] = []
    messages = iter([{"type": "http.request", "body": b"{}"}])

    async def receive() -> Any:
        return next(messages, {"type": "http.disconnect"})

    async def send(message: Any) -> None:
        sent.append(message["type"])

    scope = {
        "type": "http", "method": "POST", "path": CHAT_PATH, "query_string": b"", "client": ("127.0.0.1", 1),
        "headers": [(b"authorization", b"Bearer good"), (b"content-type", b"application/json"), (b"idempotency-key", b"k")],
    }  # fmt: skip
    running = asyncio.ensure_future(wrapped(scope, receive, send))
    await settled()
    await then()
    await running
    return sent


class Watching(Answering):
    """As a handler under another server does."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        watcher = asyncio.ensure_future(receive())
        try:
            await super().__call__(scope, receive, send)
        finally:
            watcher.cancel()


async def test_who_leaves_does_not_end_it() -> None:
    """Its handler does not even hear of it."""
    app = Watching()

    async def go() -> None:
        app.go.set()

    assert await left_behind(app, go) == ["http.response.start", "http.response.body"]


async def test_but_its_time_does() -> None:
    """`total_s` after its beginning."""
    app = Watching()

    async def nothing() -> None:
        return

    async with asyncio.timeout(5):
        assert await left_behind(app, nothing) == []


async def test_nobody_gets_an_answer_of_a_model_that_it_may_not_use() -> None:
    """Keys of one tenant have one set of idempotency keys, and may have different models."""
    app = Answering()
    app.go.set()
    store = MemoryIdempotency(FakeClock())
    client, _ = stack(app, **repeats(store))
    slow = {**ONCE, "authorization": "Bearer slow"}
    assert (await client.post(CHAT_PATH, json={}, headers=slow)).status_code == 200
    assert "idempotency-replayed" in (await client.post(CHAT_PATH, json={}, headers=slow)).headers
    entry = store._kept[Name("t3", b"k")]
    entry.answer = Answer(status=200, headers=(), body=b"", stream=False, asked="x", provider="p", model="m")
    assert (await client.post(CHAT_PATH, json={}, headers=slow)).status_code == 403


@pytest.mark.parametrize("status", [404, 500])
async def test_what_an_application_answers_itself_is_kept_only_if_it_went_well(status: int) -> None:
    """By its status."""
    runs = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        runs.append(1)
        await send_json(send, status, {})

    client, _ = stack(app, **repeats())
    for _ in range(2):
        assert (await client.post(CHAT_PATH, json={}, headers=ONCE)).status_code == status
    assert len(runs) == 2


async def test_what_became_of_each_is_counted() -> None:
    """First, joined, replayed, another request's, still under way, taken over."""
    clock, counts, app = FakeClock(), Counts(), Answering()
    store = MemoryIdempotency(clock)
    options = repeats(store, counts, msgspec.structs.replace(RULES, wait_s=0.05))
    client, _ = stack(app, **options)
    first = asyncio.ensure_future(client.post(CHAT_PATH, json={}, headers=ONCE))
    await settled()
    assert (await client.post(CHAT_PATH, json={}, headers=ONCE)).status_code == 409
    second = asyncio.ensure_future(client.post(CHAT_PATH, json={}, headers=ONCE))
    await settled()
    app.go.set()
    await asyncio.gather(first, second)
    await client.post(CHAT_PATH, json={}, headers=ONCE)
    assert (await client.post(CHAT_PATH, json={"n": 1}, headers=ONCE)).status_code == 422
    tenant = next(iter(store._kept)).tenant
    other = Name(tenant, b"other")
    entry = next(iter(store._kept.values()))
    await store.claim(other, entry.fingerprint, "dead", lease_s=1, ttl_s=60)
    clock.advance(2)
    assert (await client.post(CHAT_PATH, json={}, headers={**ONCE, "idempotency-key": "other"})).status_code == 200
    assert counts.of == {"first": 1, "in_progress": 1, "joined": 1, "replayed": 1, "mismatch": 1, "taken_over": 1}

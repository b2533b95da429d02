"""The outermost wrapper."""

import asyncio

import pytest
from starlette.types import Message, Receive, Scope, Send

from proxy.api.json_response import send_json
from proxy.core.context import SCOPE_KEY
from proxy.core.errors import BadRequest, ClientGone, ErrorInfo, ProviderRejected
from proxy.governance.trace import ClientAddress
from tests.unit.governance.stack_fixture import CHAT_PATH, GOOD, echo, governed, stack


async def test_every_answer_carries_its_ids() -> None:
    """X-Trace-ID, x-request-id, nosniff and DENY; a traceparent is continued."""
    client, _ = stack(echo)
    trace = "0af7651916cd43dd8448eb211c80319c"
    answer = await client.get("/health", headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"})
    assert answer.headers["x-trace-id"] == answer.json()["trace"] == trace
    assert len(answer.headers["x-request-id"]) == 32
    assert answer.headers["x-request-id"] != trace
    assert (answer.headers["x-content-type-options"], answer.headers["x-frame-options"]) == ("nosniff", "DENY")


async def test_a_crash_is_a_clean_500() -> None:
    """No traceback reaches a client."""

    async def crash(scope: Scope, receive: Receive, send: Send) -> None:
        raise ValueError("secret detail")

    client, ends = stack(crash)
    answer = await client.get("/health")
    assert answer.status_code == 500
    assert "secret detail" not in answer.text
    assert ends.done[0].error == "internal_error"


async def test_an_error_keeps_its_headers() -> None:
    """Retry-After in whole seconds, the source of the error, and x-should-retry where it cannot help."""

    async def limited(scope: Scope, receive: Receive, send: Send) -> None:
        raise ProviderRejected(ErrorInfo(status=429, message="slow down", blame="provider", retryable=True, retry_after_s=1.2))

    client, _ = stack(limited)
    answer = await client.get("/health")
    assert (answer.status_code, answer.headers["retry-after"], answer.headers["x-llm-edge-error-source"]) == (429, "2", "provider")
    assert "x-should-retry" not in answer.headers

    async def wrong(scope: Scope, receive: Receive, send: Send) -> None:
        raise BadRequest("no", param="x")

    client, _ = stack(wrong)
    answer = await client.get("/health")
    assert (answer.headers["x-should-retry"], answer.headers["x-llm-edge-error-source"]) == ("false", "gateway")


async def test_the_client_address_is_the_last_untrusted_hop() -> None:
    """X-Forwarded-For is believed from trusted proxies only."""
    client, _ = stack(echo, trusted_proxies=("127.0.0.1", "10.0.0.0/8"))
    answer = await client.get("/health", headers={"x-forwarded-for": "203.0.113.9, 198.51.100.7, 10.1.2.3"})
    assert answer.json()["ip"] == "198.51.100.7"
    plain, _ = stack(echo)
    assert (await plain.get("/health", headers={"x-forwarded-for": "203.0.113.9"})).json()["ip"] == "127.0.0.1"


@pytest.mark.parametrize("parent", ["", "00-xyz-b7ad6b7169203331-01", "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01"])
async def test_a_broken_traceparent_is_ignored(parent: str) -> None:
    """The request gets a trace of its own."""
    client, _ = stack(echo)
    answer = await client.get("/health", headers={"traceparent": parent})
    assert answer.headers["x-trace-id"] == answer.headers["x-request-id"]


async def test_a_failure_after_the_start_cannot_be_answered_any_more() -> None:
    """It reaches the server, which cuts the connection; the record has the reason."""

    async def half(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise BadRequest("too late")

    client, ends = stack(half)
    with pytest.raises(BadRequest):
        await client.get("/health")
    assert (ends.done[0].status, ends.done[0].error) == (200, "invalid_request")


async def test_a_crash_after_the_start_reaches_the_server_too() -> None:
    """No second answer is begun."""

    async def half(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ValueError("boom")

    client, ends = stack(half)
    with pytest.raises(ValueError, match="boom"):
        await client.get("/health")
    assert ends.done[0].error == "internal_error"


async def test_a_client_that_left_is_recorded_and_nothing_else_happens() -> None:
    """The cancellation ends in the wrapper: status 499, one record, and the task is not cancelled any more."""

    async def leave(scope: Scope, receive: Receive, send: Send) -> None:
        scope[SCOPE_KEY].client_left()
        await asyncio.sleep(60)

    app, ends = governed(leave)

    async def receive() -> Message:
        raise AssertionError

    async def send(message: Message) -> None:
        raise AssertionError

    await app({"type": "http", "method": "GET", "path": "/health", "query_string": b"", "headers": []}, receive, send)
    await asyncio.sleep(0)
    (record,) = ends.done
    assert (record.status, record.error, record.cancelled) == (ClientGone.status, ClientGone.code, True)


async def test_anybody_elses_cancellation_goes_through() -> None:
    """A server that stops its tasks must see them stop; the request is still recorded."""

    async def hang(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(60)

    client, ends = stack(hang)
    task = asyncio.ensure_future(client.get("/health"))
    while not ends.started:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(ends.done) == 1


async def test_paths_are_classified_below_the_mount_point() -> None:
    """What an outer application consumed is no part of them."""
    app, ends = governed(echo)
    sent: list[Message] = []

    async def receive() -> Message:
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/llm/v1/admin/x", "root_path": "/llm", "query_string": b"", "headers": []}
    await app(scope, receive, send)
    assert (ends.done[0].route.name, sent[0]["status"]) == ("/v1/admin/x", 401)


async def test_bytes_and_status_are_recorded() -> None:
    """For the access log."""

    async def two(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 201, "headers": []})
        await send({"type": "http.response.body", "body": b"abc", "more_body": True})
        await send({"type": "http.response.body"})

    client, ends = stack(two)
    await client.get("/health")
    assert (ends.done[0].status, ends.done[0].bytes_out) == (201, 3)


async def test_anthropics_request_id_has_its_own_name() -> None:
    """`request-id`, as that API calls it; elsewhere `x-request-id`."""
    client, _ = stack(echo)
    answer = await client.get("/v1/messages")
    assert "request-id" in answer.headers
    assert "x-request-id" not in answer.headers


async def test_model_routes_tell_how_they_were_served() -> None:
    """Provider, model, cache, attempts, cost and losses, each once, and only where known."""

    async def served(scope: Scope, receive: Receive, send: Send) -> None:
        ctx = scope[SCOPE_KEY]
        ctx.provider, ctx.served_model, ctx.cache_status, ctx.cache_tier, ctx.cost_nanos = "p", "mü", "hit", "l2", 1_500_000
        ctx.provider_request_id, ctx.dropped = "req_1", ["a[0]", "b"]
        await send_json(send, 200, {})

    client, _ = stack(served)
    headers = (await client.post(CHAT_PATH, json={}, headers=GOOD)).headers
    told = {name.removeprefix("x-llm-edge-"): value for name, value in headers.items() if name.startswith("x-llm-edge-")}
    assert float(told.pop("overhead-ms")) >= 0
    assert told == {
        "provider": "p",
        "model": "m%C3%BC",
        "cache": "hit",
        "cache-tier": "l2",
        "attempts": "0",
        "cost-usd": "0.001500000",
        "provider-request-id": "req_1",
        "dropped": "a[0],b",
    }
    assert (headers["x-cache-status"], headers["x-cache-layer"]) == ("HIT", "L2")


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("203.0.113.1", "198.51.100.7", "203.0.113.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "not an address", "not an address"),
        ("10.0.0.1", "10.0.0.2", "10.0.0.1"),
        ("unix:", "198.51.100.7", "unix:"),
    ],
)
def test_only_trusted_proxies_are_believed(peer: str, forwarded: str, address: str) -> None:
    """A chain of nothing but proxies leaves the peer."""
    assert ClientAddress(("10.0.0.0/8",))(peer, {b"x-forwarded-for": forwarded.encode()}) == address

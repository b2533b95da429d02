"""The gateway as its own client."""

import asyncio
from hashlib import sha256
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from proxy.api.in_process import MAX_ANSWER_BYTES, InProcess, OneTimeKeys
from proxy.core.context import SCOPE_KEY, RequestContext
from proxy.core.errors import Unauthenticated
from proxy.core.identity import ANONYMOUS
from proxy.core.route import RouteInfo
from proxy.core.tasks import TaskSupervisor
from proxy.pipeline.background import Answered


def place(of: str = "any", at_most: int = 1) -> dict[str, Any]:
    return {"of": of, "at_most": at_most}


def context(headers: dict[bytes, bytes] | None = None) -> RequestContext:
    ctx = RequestContext(RouteInfo(name="/", family="openai"), "t", 0.0)
    ctx.headers = headers or {}
    ctx.query = b"key=sk-secret&alt=sse"
    return ctx


async def test_a_request_leaves_the_clients_credentials_behind() -> None:
    """It has a key of its own, which is good once."""
    seen: list[Scope] = []
    done: list[Answered] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)
        scope[SCOPE_KEY] = context()
        assert (await receive())["body"] == b'{"a":1}'
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x" * MAX_ANSWER_BYTES, "more_body": True})
        await send({"type": "http.response.body", "body": b"more"})

    tasks = TaskSupervisor()
    own = InProcess(tasks)
    own.app = app
    secret = {b"authorization": b"Bearer sk-secret", b"x-api-key": b"sk-secret", b"x-other": b"kept", b"content-encoding": b"gzip"}
    assert own.start(
        context(secret), ANONYMOUS, b'{"a":1}', path="/p", headers={b"cache-control": b"no-store"}, **place(), done=done.append
    )
    await tasks.close(grace_s=5)
    headers = dict(seen[0]["headers"])
    assert "sk-secret" not in repr(seen[0])
    assert headers[b"x-other"] == b"kept"
    assert headers[b"cache-control"] == b"no-store"
    assert b"content-encoding" not in headers
    assert seen[0]["query_string"] == b"alt=sse"
    key = headers[b"authorization"].removeprefix(b"Bearer ")
    assert own.keys.find(sha256(key).digest()) is ANONYMOUS
    assert own.keys.find(sha256(key).digest()) is None
    assert (done[0].status, len(done[0].body), own.running) == (200, MAX_ANSWER_BYTES, {})


async def test_only_so_many_run_at_once() -> None:
    """For one thing: another has places of its own. None before there is an application."""
    tasks = TaskSupervisor()
    own = InProcess(tasks)
    assert not own.start(context(), ANONYMOUS, b"", path="/", headers={}, **place())

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await receive()  # this client does not leave

    own.app = app
    for of in ("one", "other"):
        started = [own.start(context(), ANONYMOUS, b"", path="/", headers={}, **place(of, 3)) for _ in range(4)]
        assert started == [True] * 3 + [False]
    assert own.start(context(), ANONYMOUS, b"", path="/", headers={}, **place("one", 4))
    await asyncio.sleep(0)
    await tasks.close()
    assert own.running == {}


async def test_other_keys_are_none_of_them() -> None:
    """Nor signatures."""
    keys = OneTimeKeys()
    assert await keys.verify("sk-guess") is None
    with pytest.raises(Unauthenticated):
        await keys.verify_signed("POST", b"/", b"", [], b"")


async def test_the_end_is_told_however_it_came() -> None:
    """Else what waits for it would wait for ever: a budget's money, a stale answer's turn."""
    done: list[Answered] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError("broken")

    tasks = TaskSupervisor(on_failure=lambda name, exc: None)
    own = InProcess(tasks)
    own.app = app
    assert own.start(context(), ANONYMOUS, b"", path="/", headers={}, **place(), done=done.append)
    await tasks.close(grace_s=5)
    assert ([answered.error for answered in done], own.running) == (["internal_error"], {})


async def test_a_header_can_be_left_out() -> None:
    """By naming it with nothing."""
    seen: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)

    tasks = TaskSupervisor()
    own = InProcess(tasks)
    own.app = app
    assert own.start(context({b"x-a": b"1", b"x-b": b"2"}), ANONYMOUS, b"", path="/", headers={b"x-a": None, b"x-b": b"3"}, **place())
    await tasks.close(grace_s=5)
    headers = dict(seen[0]["headers"])
    assert (b"x-a" in headers, headers[b"x-b"]) == (False, b"3")

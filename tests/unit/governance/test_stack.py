"""The order of the wrappers: what one refuses, the ones inside of it never see."""

import httpx2
import pytest
from starlette.types import Message, Receive, Scope, Send

from proxy.api.json_response import send_json
from tests.unit.governance.stack_fixture import CHAT_PATH, GOOD, echo, governed, stack


async def test_a_refused_body_is_never_read() -> None:
    """401 comes before a byte of the body is taken, and the connection is not used again."""
    app, ends = governed(echo)

    async def receive() -> Message:
        raise AssertionError("the body was asked for")

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"authorization", b"Bearer nope"), (b"content-length", b"5")]
    scope = {"type": "http", "method": "POST", "path": CHAT_PATH, "query_string": b"", "headers": headers, "client": ("127.0.0.1", 1)}
    await app(scope, receive, send)
    assert sent[0]["status"] == ends.done[0].status == 401


async def test_the_key_is_judged_before_the_body() -> None:
    """A stranger's broken body gets 401, not 400."""
    client, _ = stack(echo)
    assert (await client.post(CHAT_PATH, content=b"{", headers={"x-api-key": "nope"})).status_code == 401


async def test_refusals_claim_nothing() -> None:
    """Admission is innermost: what never ran has nothing to settle."""
    client, ends = stack(echo)
    await client.post(CHAT_PATH, content=b"{", headers=GOOD)
    assert ends.done[0].settle == []


async def test_cors_headers_are_on_refusals_too() -> None:
    """Else a browser hides the reason from its own page."""
    client, _ = stack(echo, cors_origins=("*",))
    answer = await client.post(CHAT_PATH, json={}, headers={"origin": "https://app.example"})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (401, "*")


@pytest.mark.parametrize("kind", ["websocket", "lifespan"])
async def test_what_is_not_http_passes_untouched(kind: str) -> None:
    """Every wrapper hands it on."""
    seen: list[Scope] = []

    async def note(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)

    async def never() -> Message:
        raise AssertionError

    async def ignore(message: Message) -> None:
        raise AssertionError

    app, _ = governed(note, cors_origins=("*",))
    await app({"type": kind}, never, ignore)
    assert seen == [{"type": kind}]


async def test_an_answer_passes_every_wrapper() -> None:
    """Nothing in between changes body or status."""

    async def teapot(scope: Scope, receive: Receive, send: Send) -> None:
        await send_json(send, 418, {"short": "stout"})

    client, _ = stack(teapot)
    answer: httpx2.Response = await client.get("/health")
    assert (answer.status_code, answer.json()) == (418, {"short": "stout"})

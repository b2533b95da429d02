"""The body: read once, capped, parsed once."""

import gzip
from typing import Any

import pytest
import zstandard
from starlette.types import Message

from tests.unit.governance.stack_fixture import CHAT_PATH, GOOD, echo, governed, stack


async def test_the_body_is_parsed_once_and_capped() -> None:
    """Over the cap: 413, by length and by count."""
    client, _ = stack(echo, models_max=50)
    assert (await client.post(CHAT_PATH, json={"a": 1}, headers=GOOD)).json()["json"] == {"a": 1}
    assert (await client.post(CHAT_PATH, json={"a": "x" * 60}, headers=GOOD)).status_code == 413

    async def pieces() -> Any:
        for _ in range(10):
            yield b"x" * 10

    assert (await client.post(CHAT_PATH, content=pieces(), headers=GOOD)).status_code == 413


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
async def test_compressed_bodies_are_capped_after_decompression(encoding: str) -> None:
    """gzip and zstd are taken; a bomb is 413; damage is 400."""
    client, _ = stack(echo)
    pack = gzip.compress if encoding == "gzip" else zstandard.ZstdCompressor().compress
    headers = {**GOOD, "content-encoding": encoding, "content-type": "application/json"}
    assert (await client.post(CHAT_PATH, content=pack(b'{"a":1}'), headers=headers)).json()["json"] == {"a": 1}
    assert (await client.post(CHAT_PATH, content=pack(b" " * 100_000), headers=headers)).status_code == 413
    assert (await client.post(CHAT_PATH, content=b"\x00garbage", headers=headers)).status_code == 400
    assert (await client.post(CHAT_PATH, content=pack(b'{"a":1}')[:-3], headers=headers)).status_code == 400


async def test_other_encodings_and_types_are_415() -> None:
    """Said before the body is read."""
    client, _ = stack(echo)
    assert (await client.post(CHAT_PATH, content=b"x", headers={**GOOD, "content-encoding": "br"})).status_code == 415
    assert (await client.post(CHAT_PATH, content=b"x", headers={**GOOD, "content-type": "text/plain"})).status_code == 415


async def test_bad_json_says_where() -> None:
    """Line and column."""
    client, _ = stack(echo)
    answer = await client.post(CHAT_PATH, content=b'{"a": }', headers=GOOD)
    assert answer.status_code == 400
    assert "column" in answer.text


async def respond(*messages: Message, headers: dict[bytes, bytes] | None = None) -> list[Message]:
    """What the governed application sends when the server hands it these messages."""
    app, _ = governed(echo)
    told = {b"authorization": b"Bearer good", b"content-type": b"application/json", **(headers or {})}
    left = list(messages)
    sent: list[Message] = []

    async def receive() -> Message:
        return left.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": CHAT_PATH, "query_string": b"", "headers": list(told.items()), "client": None}
    await app(scope, receive, send)
    return sent


async def test_a_body_may_come_in_pieces() -> None:
    """Empty ones included."""
    pieces = [b'{"a"', b"", b":1}"]
    sent = await respond(*({"type": "http.request", "body": piece, "more_body": n < 2} for n, piece in enumerate(pieces)))
    assert b'"json":{"a":1}' in sent[1]["body"]


async def test_a_message_without_a_body_is_an_empty_one() -> None:
    """ASGI gives `body` a default: 400, not a crash."""
    sent = await respond({"type": "http.request"})
    assert sent[0]["status"] == 400


async def test_a_client_that_leaves_while_its_body_is_read_gets_no_answer() -> None:
    """There is nobody to read it."""
    assert await respond({"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}) == []
    assert await respond({"type": "http.disconnect"}) == []


async def test_a_connection_whose_body_was_left_unread_is_closed() -> None:
    """Else the rest would be taken for the next request."""
    sent = await respond({"type": "http.request", "body": b"x", "more_body": True}, headers={b"content-length": b"100000"})
    assert sent[0]["status"] == 413
    assert (b"connection", b"close") in sent[0]["headers"]


@pytest.mark.parametrize("media", ["application/json; charset=utf-8", "APPLICATION/JSON", "application/vnd.api+json", "text/json"])
async def test_json_by_any_of_its_names(media: str) -> None:
    """Parameters and case do not count."""
    client, _ = stack(echo)
    assert (await client.post(CHAT_PATH, content=b"{}", headers={**GOOD, "content-type": media})).status_code == 200


async def test_json_too_deep_is_400() -> None:
    """The cap is the stack's."""
    client, _ = stack(echo, max_depth=4)
    for depth, status in ((3, 200), (8, 400)):
        body = b'{"a":' * depth + b"1" + b"}" * depth
        assert (await client.post(CHAT_PATH, content=body, headers=GOOD)).status_code == status


async def test_an_administrator_may_send_nothing() -> None:
    """A's clients revoke without a body; elsewhere a body is needed."""
    client, _ = stack(echo)
    boss = {"x-api-key": "boss"}
    assert (await client.post("/v1/admin/x", headers=boss)).json()["json"] == {}
    assert (await client.post("/v1/admin/x", content=b"nonsense", headers=boss)).status_code == 400
    assert (await client.post(CHAT_PATH, headers=GOOD)).status_code == 400

"""Small whole answers."""

from starlette.types import Message

from proxy.api.json_response import send_bytes, send_json


async def test_an_answer_says_its_length_and_is_not_kept() -> None:
    """By caches in between: health and listings are of the moment."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await send_json(send, 201, {"a": "ü"})
    await send_bytes(send, 200, b"text/plain", b"hello")
    start, body, start2, body2 = sent
    assert start["status"] == 201
    assert dict(start["headers"]) == {b"content-type": b"application/json", b"content-length": b"10", b"cache-control": b"no-store"}
    assert body["body"] == '{"a":"ü"}'.encode()
    assert (dict(start2["headers"])[b"content-type"], body2["body"]) == (b"text/plain", b"hello")

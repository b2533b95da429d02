"""Small whole answers."""

from typing import Any

import orjson
from starlette.types import Send


async def send_json(send: Send, status: int, body: Any) -> None:
    await send_bytes(send, status, b"application/json", orjson.dumps(body))


async def send_bytes(send: Send, status: int, media: bytes, body: bytes) -> None:
    headers = [(b"content-type", media), (b"content-length", b"%d" % len(body)), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})

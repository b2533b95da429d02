"""The stand-in that shows what uvicorn alone costs: it reads the body and answers with the upstream's bytes, calling nobody."""

from collections.abc import Awaitable, Callable
from typing import Any

from benchmarks.payloads import upstream_answer

_BODY = upstream_answer()
_START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"application/json"), (b"content-length", str(len(_BODY)).encode())],
}
_REST = {"type": "http.response.body", "body": _BODY}

Message = dict[str, Any]


async def app(scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]) -> None:
    while (await receive()).get("more_body"):
        pass
    await send(_START)
    await send(_REST)

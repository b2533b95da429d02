"""Requests that end in every way there is: a scripted provider and the clients, for what must be true after any traffic."""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from itertools import count
from random import Random
from typing import Any

from tests.support.gateway import KEY, chat_body
from tests.support.upstream import Call, Upstream, chat, chat_chunk, chat_stream

CLIENTS = 16
MODELS = {"gpt-4o-mini": {"targets": [{"provider": "openai"}]}}
USAGE = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12, "prompt_tokens_details": {"cached_tokens": 4}}
STATUSES = {
    **{kind: {200} for kind in ("new", "hit", "stream", "stream hit", "followers", "cut")},
    **{kind: {0} for kind in ("left before", "left within", "left following")},
    **{"refused": {400}, "malformed": {400}, "stranger": {401}, "unknown": {404}, "failed": {500}, "reset": {502}, "time-out": {504}},
}
"""What each kind of request ends with (0: its client did not wait), at one attempt a request."""


async def scripted(call: Call) -> None:
    """Does what the prompt's first word says."""
    body = call.json
    word = body["messages"][-1]["content"].split(" ", 1)[0]
    if word == "hang":
        await call.until_gone()
    elif word == "reset":
        call.reset()
    elif word == "refuse":
        await call.answer(400, {"error": {"message": "no", "type": "invalid_request_error", "code": None, "param": None}})
    elif word == "fail":
        await call.answer(500, {"error": {"message": "no", "type": "server_error", "code": None, "param": None}})
    elif not body.get("stream"):
        await call.answer(200, chat("hello", usage=USAGE))
    elif word == "dribble":
        await call.begin_stream()
        await call.chunk(chat_chunk({"content": "hello"}))
        await call.until_gone()
    else:
        await stream(call, word)


async def stream(call: Call, word: str) -> None:
    await call.begin_stream()
    events = chat_stream("one ", "two ", "three")
    for event in events[: 3 if word == "cut" else None]:
        if word == "slow":
            await asyncio.sleep(0.002)
        await call.chunk(event)
    if word == "cut":
        call.close()
    else:
        await call.end_stream()


class Mix:
    """Every kind of ending, as coroutines by name; `seen` counts statuses by kind (0: none came)."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._numbers = count()
        self.seen: Counter[tuple[str, int]] = Counter()
        self.kinds: dict[str, Callable[[], Awaitable[None]]] = {
            "new": lambda: self.whole("new", f"say {self.number}"),
            "hit": lambda: self.whole("hit", f"say again {self.number % 5}"),
            "stream": lambda: self.whole("stream", f"say {self.number}", stream=True),
            "stream hit": lambda: self.whole("stream hit", f"say again {self.number % 5}", stream=True),
            "followers": self.followers,
            "refused": lambda: self.whole("refused", f"refuse {self.number}"),
            "failed": lambda: self.whole("failed", f"fail {self.number}"),
            "reset": lambda: self.whole("reset", f"reset {self.number}"),
            "cut": lambda: self.whole("cut", f"cut {self.number}", stream=True),
            "unknown": lambda: self.whole("unknown", "say", model=f"model-{self.number}"),
            "malformed": lambda: self.send("malformed", b'{"model": '),
            "stranger": lambda: self.send("stranger", b"{}", key="wrong"),
            "time-out": lambda: self.whole("time-out", f"hang {self.number}", extra="x-llm-edge-timeout-s: 0.05\r\n"),
            "left before": lambda: self.leave("left before", f"hang {self.number}"),
            "left within": lambda: self.leave("left within", f"dribble {self.number}", stream=True, until=b"hello"),
        }

    @property
    def number(self) -> int:
        return next(self._numbers)

    def statuses(self) -> dict[str, set[int]]:
        """By kind; to be compared with STATUSES."""
        return {kind: {status for k, status in self.seen if k == kind} for kind, _ in self.seen}

    async def whole(self, kind: str, text: str, *, extra: str = "", **more: Any) -> None:
        await self.send(kind, json.dumps(chat_body(text, **more)).encode(), extra=extra)

    async def followers(self) -> None:
        """Four that ask for the same stream; the last leaves after its first bytes."""
        text = f"slow {self.number}"
        await asyncio.gather(
            *(self.whole("followers", text, stream=True) for _ in range(3)), self.leave("left following", text, stream=True, until=b"one")
        )

    async def send(self, kind: str, body: bytes, *, key: str = KEY, extra: str = "") -> None:
        reader, writer = await self._begin(body, key, extra + "connection: close\r\n")
        try:
            answer = await reader.read(-1)
        finally:
            writer.close()
        self.seen[kind, int(answer[9:12] or b"0")] += 1

    async def leave(self, kind: str, text: str, *, until: bytes | None = None, **more: Any) -> None:
        """Reset the connection once `until` was read, or soon after asking."""
        reader, writer = await self._begin(json.dumps(chat_body(text, **more)).encode(), KEY, "")
        if until is not None:
            await reader.readuntil(until)
        else:
            await asyncio.sleep(0.002)
        writer.transport.abort()
        self.seen[kind, 0] += 1

    async def _begin(self, body: bytes, key: str, extra: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nx-api-key: {key}\r\n{extra}content-length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        return reader, writer


async def run(mix: Mix, upstream: Upstream, requests: int, seed: int) -> None:
    """`requests` of all kinds in a random order that is the same every time."""
    rng = Random(seed)
    kinds = sorted(mix.kinds)
    order = iter([rng.choice(kinds) for _ in range(requests)])

    async def client() -> None:
        for kind in order:
            async with asyncio.timeout(20):
                await mix.kinds[kind]()
            upstream.calls.clear()

    await asyncio.gather(*(client() for _ in range(CLIENTS)))

"""A scripted provider that keeps responses, one collection for each of its accounts, on a real socket.

async with Upstream() as up:
    accounts = KeepingProvider()
    up.on(accounts.handle)
"""

import json
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.support.upstream import Call

USAGE = {
    "input_tokens": 3,
    "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
    "output_tokens": 1,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 4,
}


def response(response_id: str, text: str, **more: Any) -> dict[str, Any]:
    message = {
        "type": "message",
        "id": f"msg_{response_id}",
        "status": "completed",
        "role": "assistant",
        "content": [{"type": "output_text", "text": text, "annotations": [], "logprobs": []}],
    }
    return {
        "id": response_id,
        "object": "response",
        "created_at": 1_700_000_000,
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "model": "gpt-4o-2024-08-06",
        "output": [message],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "metadata": {},
        "instructions": None,
        "temperature": 1.0,
        "top_p": 1.0,
        "usage": USAGE,
        **more,
    }


def events(whole: dict[str, Any]) -> list[bytes]:
    """The stream of a whole response with one text."""
    begun = {**whole, "status": "in_progress", "output": [], "usage": None}
    item = whole["output"][0]
    place = {"item_id": item["id"], "output_index": 0, "content_index": 0}
    text = item["content"][0]["text"]
    steps: list[dict[str, Any]] = [
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
        {"type": "response.output_item.added", "output_index": 0, "item": {**item, "status": "in_progress", "content": []}},
        {"type": "response.content_part.added", **place, "part": {**item["content"][0], "text": ""}},
        {"type": "response.output_text.delta", **place, "delta": text, "logprobs": []},
        {"type": "response.output_text.done", **place, "text": text, "logprobs": []},
        {"type": "response.content_part.done", **place, "part": item["content"][0]},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": whole},
    ]
    return [
        f"event: {step['type']}\ndata: {json.dumps({**step, 'sequence_number': number})}\n\n".encode() for number, step in enumerate(steps)
    ]


class KeepingProvider:
    """`kept`: account (bearer token) → response id → (response, input items)."""

    def __init__(self) -> None:
        self.kept: dict[str, dict[str, tuple[dict[str, Any], list[Any]]]] = {}
        self.served: list[tuple[str, str, str]] = []
        """(account, method, path with query) of every call."""
        self._number = 0

    async def handle(self, call: Call) -> None:
        account = call.headers["authorization"].removeprefix("Bearer ")
        self.served.append((account, call.method, call.path))
        own = self.kept.setdefault(account, {})
        parts = urlsplit(call.path)
        if call.method == "POST" and parts.path == "/v1/responses":
            await self._create(call, own)
            return
        response_id, _, rest = unquote(parts.path.removeprefix("/v1/responses/")).partition("/")
        if response_id not in own:
            await _error(call, 404, f"Response with id '{response_id}' not found.")
            return
        whole, items = own[response_id]
        if call.method == "DELETE":
            del own[response_id]
            await call.answer(200, {"id": response_id, "object": "response", "deleted": True})
        elif rest == "input_items":
            page = {"object": "list", "data": items, "first_id": items[0]["id"], "last_id": items[-1]["id"], "has_more": False}
            await call.answer(200, page)
        elif rest == "cancel":
            own[response_id] = ({**whole, "status": "cancelled"}, items)
            await call.answer(200, own[response_id][0])
        elif parse_qs(parts.query).get("stream") == ["true"]:
            await _stream(call, events(whole)[int(parse_qs(parts.query).get("starting_after", ["-1"])[0]) + 1 :])
        else:
            await call.answer(200, whole)

    async def _create(self, call: Call, own: dict[str, tuple[dict[str, Any], list[Any]]]) -> None:
        body = call.json
        previous = body.get("previous_response_id")
        if previous is not None and previous not in own:
            await _error(call, 400, f"Previous response with id '{previous}' not found.", code="previous_response_not_found")
            return
        self._number += 1
        seen = own[previous][1] if previous is not None else []
        text = f"answer {self._number} to {len(seen) + 1} inputs"
        whole = response(f"resp_{self._number:032x}", text, previous_response_id=previous, background=bool(body.get("background")))
        if body.get("background"):
            whole |= {"status": "queued", "output": [], "usage": None}
        item = {
            "id": f"msg_in{self._number}",
            "type": "message",
            "role": "user",
            "status": "completed",
            "content": [{"type": "input_text", "text": str(body.get("input"))}],
        }
        if body.get("store") is not False:
            own[whole["id"]] = (whole, [*seen, item])
        if body.get("stream"):
            await _stream(call, events(whole))
        else:
            await call.answer(200, whole)


async def _stream(call: Call, pieces: list[bytes]) -> None:
    await call.begin_stream()
    for piece in pieces:
        await call.chunk(piece)
    await call.end_stream()


async def _error(call: Call, status: int, message: str, code: str | None = None) -> None:
    await call.answer(status, {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}})

"""Answers that the gateway keeps itself: packed for the store, continued, and shown as the API shows them.

    follow-up      its input is the whole of the kept one's input, its output, then what is new; instructions are not carried over
    input items    the kept input, each with an id and a type

Source: OpenAI API reference, "Conversation state", "Get a model response", "List input items", read 2026-11-25.
"""

from typing import Any

import msgspec
import orjson

from proxy.codecs.base import InvalidBody
from proxy.codecs.openai_chat.finish import invented_id
from proxy.codecs.openai_responses.thinking import is_foreign

Items = list[dict[str, Any]]

PAGE_DEFAULT = 20
PAGE_MAX = 100
_PREFIXES = {"message": "msg_", "function_call": "fc_", "function_call_output": "fco_", "reasoning": "rs_"}
_decode = msgspec.json.Decoder().decode


class Kept(msgspec.Struct, frozen=True):
    input: Items
    response: dict[str, Any]
    """The response object."""

    @property
    def output(self) -> Items:
        output = self.response.get("output")
        return output if isinstance(output, list) else []


def pack(input: Any, response: dict[str, Any]) -> bytes:
    """`input`: as in a request: a string, a list of items, or nothing."""
    return orjson.dumps({"input": as_items(input), "response": response})


def unpack(data: bytes) -> Kept | None:
    """None for what no release of ours packed."""
    try:
        return msgspec.convert(_decode(data), Kept)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def as_items(input: Any) -> Items:
    if isinstance(input, str):
        return [{"role": "user", "content": input}]
    return [item for item in input if isinstance(item, dict)] if isinstance(input, list) else []


def continued(body: dict[str, Any], kept: Kept) -> dict[str, Any]:
    """A follow-up as a request that stands alone. Raises InvalidBody where its own input is neither a string nor a list of items."""
    new = body.get("input")
    if new is not None and not isinstance(new, str | list):
        raise InvalidBody("input must be a string or an array of items", "input")
    if isinstance(new, list) and not all(isinstance(item, dict) for item in new):
        raise InvalidBody("input must hold items, which are objects", "input")
    rest = {key: value for key, value in body.items() if key != "previous_response_id"}
    return {**rest, "input": [*kept.input, *kept.output, *as_items(new)]}


def without_foreign(input: Any) -> Any:
    """For an upstream of this dialect: reasoning that another provider sealed, it would refuse."""
    return [item for item in input if not is_foreign(item)] if isinstance(input, list) else input


def input_page(kept: Kept, response_id: str, *, order: str = "desc", limit: int = PAGE_DEFAULT, after: str | None = None) -> dict[str, Any]:
    """Newest first by default. Raises InvalidBody for an `after` that names none of the items."""
    items = [_shown(item, response_id, index) for index, item in enumerate(kept.input)]
    if order == "desc":
        items.reverse()
    if after is not None:
        at = next((i for i, item in enumerate(items) if item["id"] == after), None)
        if at is None:
            raise InvalidBody("after names no item of this response", "after")
        items = items[at + 1 :]
    page = items[:limit]
    return {
        "object": "list",
        "data": page,
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
        "has_more": len(items) > len(page),
    }


def _shown(item: dict[str, Any], response_id: str, index: int) -> dict[str, Any]:
    """With what clients expect of a listed item: an id, a type, a message's content as parts."""
    kind = item.get("type") or "message"
    shown: dict[str, Any] = {"id": invented_id(_PREFIXES.get(kind, "item_"), response_id, index), **item, "type": kind}
    if not shown["id"]:
        shown["id"] = invented_id(_PREFIXES.get(kind, "item_"), response_id, index)
    if kind in _PREFIXES and kind != "reasoning":
        shown.setdefault("status", "completed")
    content = item.get("content")
    if kind == "message" and isinstance(content, str):
        said = item.get("role") == "assistant"
        part = {"type": "output_text", "text": content, "annotations": []} if said else {"type": "input_text", "text": content}
        shown["content"] = [part]
    return shown

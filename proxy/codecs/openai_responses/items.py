"""Input items → canonical messages: one message an item, in the client's order.

    message                  its role, with its content
    function_call            role assistant, one ToolUsePart
    function_call_output     role tool, one ToolResultPart
    reasoning                role assistant, one ThinkingPart (thinking.py)
    item_reference, built-in tools' calls, custom calls, compactions, every unknown type     one OpaquePart

An item's id, status and spelled-out `type` say nothing to another dialect: they are in `Message.own`; unknown fields are in `extra`.
Source: openai-python 3.54, types/responses/response_input_item.py, read 2026-11-25.
"""

from typing import Any

from proxy.codecs.base import InvalidBody
from proxy.codecs.openai_chat.fields import keep_rest, optional, record, required, string
from proxy.codecs.openai_chat.messages import arguments_text
from proxy.codecs.openai_responses.content import ContentReader
from proxy.codecs.openai_responses.fields import DIALECT
from proxy.codecs.openai_responses.thinking import decode_reasoning
from proxy.core.messages import DocumentPart, ImagePart, Message, OpaquePart, Part, Role, TextPart, ToolResultPart, ToolUsePart

_ROLES: dict[str, Role] = {"system": "system", "developer": "developer", "user": "user", "assistant": "assistant"}
_SILENT = frozenset({"id", "status", "type"})


def decode_input(value: Any, places: dict[str, str]) -> tuple[Message, ...]:
    """`places`: as ChatRequest's, filled here."""
    if isinstance(value, str):
        return (Message(role="user", content=(TextPart(text=value),), path="input", single=True),)
    if not isinstance(value, list):
        raise InvalidBody("input must be a string or an array of items", "input")
    return tuple(_item(record(item, f"input[{i}]"), f"input[{i}]", places) for i, item in enumerate(value))


def _item(item: dict[str, Any], path: str, places: dict[str, str]) -> Message:
    kind = optional(item, "type", string, path)
    if kind == "message" or (kind is None and "role" in item):
        return _message(item, path, places)
    if kind == "function_call":
        arguments = arguments_text(item.get("arguments"), f"{path}.arguments")
        call = ToolUsePart(id=required(item, "call_id", string, path), name=required(item, "name", string, path), arguments=arguments)
        return _single(item, path, "assistant", call, "call_id", "name", "arguments")
    if kind == "function_call_output":
        return _result(item, path, places)
    if kind == "reasoning":
        part = decode_reasoning(item, path)
        message = _single(item, path, "assistant", part, "summary", "content", "encrypted_content")
        message.own.update((key, item[key]) for key in ("summary", "content", "encrypted_content") if key in item)
        return message
    if kind is None and "id" not in item:
        raise InvalidBody(f"{path}.type is required", f"{path}.type")
    # an answer to an opaque call is the client's word, everything else is the model's
    role: Role = "user" if kind is None or kind.endswith(("_output", "_response", "_reference")) else "assistant"
    return Message(role=role, content=(OpaquePart(dialect=DIALECT, value=item),), path=path, single=True)


def _single(item: dict[str, Any], path: str, role: Role, part: Part, *known: str) -> Message:
    extra: dict[str, Any] = {}
    keep_rest(item, {*known, *_SILENT}, "", extra)
    own = {key: item[key] for key in ("id", "status") if item.get(key) is not None}
    return Message(role=role, content=(part,), path=path, extra=extra, own=own, single=True)


def _message(item: dict[str, Any], path: str, places: dict[str, str]) -> Message:
    name = required(item, "role", string, path)
    role = _ROLES.get(name)
    if role is None:
        raise InvalidBody(f"{path}.role must be one of {', '.join(_ROLES)}; not {name[:40]!r}", f"{path}.role")
    if item.get("content") is None:
        raise InvalidBody(f"{path}.content is required", f"{path}.content")
    extra: dict[str, Any] = {}
    own = {key: item[key] for key in _SILENT & item.keys() if item[key] is not None}
    keep_rest(item, {"role", "content", *_SILENT}, "", extra)
    reader = ContentReader(path, extra, own, places, usual="output_text" if role == "assistant" else "input_text")
    return Message(role=role, content=tuple(reader.read(item["content"], "content")), path=path, extra=extra, own=own)


def _result(item: dict[str, Any], path: str, places: dict[str, str]) -> Message:
    call_id = required(item, "call_id", string, path)
    if item.get("output") is None:
        raise InvalidBody(f"{path}.output is required", f"{path}.output")
    message = _single(item, path, "tool", ToolResultPart(tool_use_id=call_id), "call_id", "output")
    content = ContentReader(path, message.extra, message.own, places, usual="input_text").read(item["output"], "output")
    kept = tuple(part for part in content if isinstance(part, TextPart | ImagePart | DocumentPart | OpaquePart))
    if len(kept) != len(content):
        raise InvalidBody(f"{path}.output may hold text, images and files only", f"{path}.output")
    result = ToolResultPart(tool_use_id=call_id, content=kept)
    return Message(role="tool", content=(result,), path=path, extra=message.extra, own=message.own, single=True)

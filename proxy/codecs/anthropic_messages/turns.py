"""Messages of any dialect → `system` and `messages` in the form that the API accepts.

The API wants instructions apart from the conversation, a call's results at the beginning of the user turn right after it, no turn
without content and no text that is only white space; turns of one role in a row are one turn to it. A system message in the middle
of the conversation moves to `system` (reported): only the newest models take one in its place.
"""

from typing import Any

from proxy.codecs.anthropic_messages.parts import encode_part
from proxy.codecs.part_path import part_path
from proxy.core.messages import Message, OpaquePart, TextPart, ToolResultPart
from proxy.core.request import ChatRequest

Blocks = list[dict[str, Any]]


def encode_turns(request: ChatRequest, dropped: list[str]) -> tuple[str | Blocks | None, list[dict[str, Any]]]:
    """`system` (a string where it is one plain text) and `messages`."""
    system: Blocks = []
    turns: list[dict[str, Any]] = []
    instructions: list[Message] = []
    lost_calls: set[str] = set()
    for message in request.messages:
        _report_extras(message, dropped)
        if message.role in ("system", "developer"):
            if turns:
                dropped.append(message.path)
            system += _instructions(message, request.dialect, dropped)
            instructions.append(message)
        else:
            _add_turn(turns, message, _blocks(message, request.dialect, lost_calls, dropped), dropped)
    _finish(turns)
    if not turns and system:
        # the API needs a user turn: the instructions become one
        dropped.append(instructions[-1].path)
        turns.append({"role": "user", "content": system})
        system = []
    return _shortest(system), [{"role": turn["role"], "content": _shortest(turn["content"])} for turn in turns]


def _shortest(blocks: Blocks) -> str | Blocks | None:
    if len(blocks) == 1 and blocks[0].keys() == {"type", "text"}:
        return str(blocks[0]["text"])
    return blocks or None


def _report_extras(message: Message, dropped: list[str]) -> None:
    if message.name is not None:
        dropped.append(f"{message.path}.name")
    dropped.extend(f"{message.path}.{key}" for key, value in message.extra.items() if told(value))


def told(value: Any) -> bool:
    """Whether a field that the client sent says anything: null, false and empty ones do not."""
    return value is not None and value is not False and value not in ("", [], {})


def _instructions(message: Message, dialect: str, dropped: list[str]) -> Blocks:
    blocks: Blocks = []
    for i, part in enumerate(message.content):
        path = part_path(message, i, dialect)
        if not isinstance(part, TextPart):
            dropped.append(path)
        elif part.text.strip():
            block = encode_part(part, path, dropped, own=False)
            if block is not None:
                blocks.append(block)
    return blocks


def _add_turn(turns: list[dict[str, Any]], message: Message, blocks: Blocks, dropped: list[str]) -> None:
    role = "assistant" if message.role == "assistant" else "user"
    if not blocks:
        if message.content:
            dropped.append(message.path)
        return
    if not turns or turns[-1]["role"] != role:
        turns.append({"role": role, "content": blocks})
        return
    content: Blocks = turns[-1]["content"]
    content += blocks
    if any(block["type"] == "tool_result" for block in blocks):
        content.sort(key=_results_first)


def _blocks(message: Message, dialect: str, lost_calls: set[str], dropped: list[str]) -> Blocks:
    """`lost_calls`: ids of calls that have no form here; their results would hang in the air and go with them."""
    blocks: Blocks = []
    for i, part in enumerate(message.content):
        path = part_path(message, i, dialect)
        if isinstance(part, TextPart) and not part.text.strip():
            if part.citations:
                dropped.append(f"{path}.citations")
            continue
        if isinstance(part, ToolResultPart) and part.tool_use_id in lost_calls:
            dropped.append(path)
            continue
        block = encode_part(part, path, dropped, own=False)
        if block is not None:
            blocks.append(block)
        elif isinstance(part, OpaquePart) and isinstance(part.value.get("id"), str):
            lost_calls.add(part.value["id"])
    if any(isinstance(part, ToolResultPart) for part in message.content):
        blocks.sort(key=_results_first)
    return blocks


def _results_first(block: dict[str, Any]) -> bool:
    return bool(block["type"] != "tool_result")


def _finish(turns: list[dict[str, Any]]) -> None:
    """A final assistant text (the answer's beginning) must not end in white space."""
    if not turns or turns[-1]["role"] != "assistant":
        return
    last = turns[-1]["content"][-1]
    if last["type"] == "text":
        last["text"] = last["text"].rstrip()

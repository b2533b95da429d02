"""Messages of any dialect → `system` and `messages` in the form that the API accepts.

Turns alternate, begin with the user's and hold no blank text; a call's results stand at the beginning of the user turn right after it.
Turns of one role in a row are one turn. A system message in the middle of the conversation moves to `system` (reported).
"""

from typing import Any

from proxy.codecs.anthropic_messages.turns import told
from proxy.codecs.bedrock_converse.parts import Block, BlockWriter
from proxy.codecs.part_path import part_path
from proxy.core.messages import Message, OpaquePart, TextPart, ToolResultPart
from proxy.core.request import ChatRequest

Turn = dict[str, Any]


def encode_turns(request: ChatRequest, writer: BlockWriter) -> tuple[list[Block], list[Turn]]:
    """`system` and `messages`."""
    dropped = writer.dropped
    system: list[Block] = []
    turns: list[Turn] = []
    lost_calls: set[str] = set()
    instructions = ""
    for message in request.messages:
        _report_extras(message, dropped)
        if message.role in ("system", "developer"):
            if turns:
                dropped.append(message.path)
            system += _instructions(message, request.dialect, writer)
            instructions = message.path
        else:
            _add_turn(turns, message, _blocks(message, request.dialect, lost_calls, writer), dropped)
    if not turns and system:
        # the API needs a user turn: the instructions become one
        dropped.append(instructions)
        return [], [{"role": "user", "content": system}]
    _finish(turns)
    return system, turns


def _report_extras(message: Message, dropped: list[str]) -> None:
    if message.name is not None:
        dropped.append(f"{message.path}.name")
    dropped.extend(f"{message.path}.{key}" for key, value in message.extra.items() if told(value))


def _instructions(message: Message, dialect: str, writer: BlockWriter) -> list[Block]:
    blocks: list[Block] = []
    for index, part in enumerate(message.content):
        path = part_path(message, index, dialect)
        if not isinstance(part, TextPart):
            writer.dropped.append(path)
        elif part.text.strip():
            blocks += writer.write(part, path)
    return blocks


def _blocks(message: Message, dialect: str, lost_calls: set[str], writer: BlockWriter) -> list[Block]:
    """`lost_calls`: ids of calls that have no form here; their results go with them."""
    results: list[Block] = []
    others: list[Block] = []
    for index, part in enumerate(message.content):
        if isinstance(part, TextPart) and not part.text.strip() and not part.citations:
            continue
        path = part_path(message, index, dialect)
        if isinstance(part, ToolResultPart) and part.tool_use_id in lost_calls:
            writer.dropped.append(path)
            continue
        blocks = writer.write(part, path)
        if isinstance(part, TextPart) and not part.text.strip():
            continue
        if not blocks and isinstance(part, OpaquePart) and isinstance(part.value.get("id"), str):
            lost_calls.add(part.value["id"])
        (results if isinstance(part, ToolResultPart) else others).extend(blocks)
    return results + others


def _add_turn(turns: list[Turn], message: Message, blocks: list[Block], dropped: list[str]) -> None:
    role = "assistant" if message.role == "assistant" else "user"
    if not blocks:
        if message.content:
            dropped.append(message.path)
    elif not turns or turns[-1]["role"] != role:
        turns.append({"role": role, "content": blocks})
    else:
        content: list[Block] = turns[-1]["content"]
        turns[-1]["content"] = _results_first(content, blocks) if "toolResult" in blocks[0] else content + blocks


def _results_first(content: list[Block], blocks: list[Block]) -> list[Block]:
    """New results go behind the turn's earlier ones, cache points staying with their block."""
    at = _end_of_results(content)
    new = _end_of_results(blocks)
    return content[:at] + blocks[:new] + content[at:] + blocks[new:]


def _end_of_results(blocks: list[Block]) -> int:
    """How many blocks at the beginning are results and their cache points."""
    end = 0
    while end < len(blocks) and ("toolResult" in blocks[end] or (end > 0 and "cachePoint" in blocks[end])):
        end += 1
    return end


def _finish(turns: list[Turn]) -> None:
    """A final assistant text (the answer's beginning) must not end in white space."""
    if turns and turns[-1]["role"] == "assistant":
        last: Block = turns[-1]["content"][-1]
        if "text" in last:
            last["text"] = last["text"].rstrip()

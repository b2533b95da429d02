"""Tools that take free text (`custom`), between OpenAI chat and Responses: the same thing, nested differently.

    chat        {"type": "custom", "custom": {"name", "description", "format"}}        format {"type": "grammar", "grammar": {…}}
    Responses   {"type": "custom", "name", "description", "format"}                    format {"type": "grammar", …}
    chat        tool_calls[] {"id", "type": "custom", "custom": {"name", "input"}}     result: a tool message
    Responses   {"type": "custom_tool_call", "call_id", "name", "input"}               result: custom_tool_call_output

Neither has a canonical form: they are opaque parts and tools, which every other dialect reports. Source: openai-python 3.54,
types/chat/chat_completion_custom_tool_param.py and types/responses/custom_tool_param.py, read 2026-11-25.
"""

from typing import Any

from proxy.core.messages import OpaquePart, Part

Json = dict[str, Any]
_TOOL = ("name", "description")


def tool_for_chat(tool: Json) -> Json | None:
    """A tool of Responses; None for a type that chat lacks."""
    if tool.get("type") != "custom" or not tool.keys() <= {"type", "format", *_TOOL}:
        return None
    custom = {key: tool[key] for key in _TOOL if key in tool}
    wanted = tool.get("format")
    if isinstance(wanted, dict) and wanted.get("type") == "grammar":
        wanted = {"type": "grammar", "grammar": {key: value for key, value in wanted.items() if key != "type"}}
    return {"type": "custom", "custom": custom if wanted is None else {**custom, "format": wanted}}


def tool_for_responses(tool: Json) -> Json | None:
    """A tool of chat; None for a type that Responses lacks."""
    custom = tool.get("custom")
    if tool.get("type") != "custom" or not isinstance(custom, dict) or not custom.keys() <= {"format", *_TOOL}:
        return None
    wanted = custom.get("format")
    if isinstance(wanted, dict) and isinstance(wanted.get("grammar"), dict):
        wanted = {"type": "grammar", **wanted["grammar"]}
    return {"type": "custom", **custom, **({} if wanted is None else {"format": wanted})}


def call_for_chat(part: Part) -> Json | None:
    """An entry of `tool_calls` for a custom call of Responses; None for any other part."""
    if not isinstance(part, OpaquePart) or part.dialect != "openai_responses" or part.value.get("type") != "custom_tool_call":
        return None
    item = part.value
    return {"id": str(item.get("call_id")), "type": "custom", "custom": {"name": item.get("name"), "input": item.get("input") or ""}}


def call_for_responses(part: Part) -> Json | None:
    """An item without its id for a custom call of chat; None for any other part."""
    if not isinstance(part, OpaquePart) or part.dialect != "openai_chat" or part.value.get("type") != "custom":
        return None
    custom = part.value.get("custom")
    if "id" not in part.value or not isinstance(custom, dict):
        return None
    return {"type": "custom_tool_call", "call_id": part.value["id"], "name": custom.get("name"), "input": custom.get("input") or ""}


def result_for_chat(part: Part) -> Json | None:
    """A tool message for the result of a custom call of Responses; None for any other part, and where there is more than text."""
    if not isinstance(part, OpaquePart) or part.dialect != "openai_responses" or part.value.get("type") != "custom_tool_call_output":
        return None
    output = part.value.get("output")
    if isinstance(output, list) and all(isinstance(item, dict) and isinstance(item.get("text"), str) for item in output):
        output = "".join(item["text"] for item in output)
    return {"role": "tool", "tool_call_id": str(part.value.get("call_id")), "content": output} if isinstance(output, str) else None


def input_piece(value: Json) -> str | None:
    """Of an event of a streamed custom call of Responses: the piece of its input; None where it brings none."""
    piece = value.get("delta") if value.get("type") == "response.custom_tool_call_input.delta" else None
    return piece if isinstance(piece, str) else None


def input_of(value: Json) -> str | None:
    """The whole input, where the event that ends the call tells it."""
    item = value.get("item") if value.get("type") == "response.output_item.done" else None
    given = item.get("input") if isinstance(item, dict) else None
    return given if isinstance(given, str) else None

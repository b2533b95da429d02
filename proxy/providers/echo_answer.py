"""What the echo provider says: a pure function of the request's body.

- Text: `Echo: ` and the last user text (parts that are no text by their type in brackets); after a tool result, that result's text;
  choice i > 0 begins `Echo i: `, so that mixed-up choices show.
- Tools, unless `tool_choice` is none or a tool has just answered: a call of the named tool, else of the first one allowed, with the
  smallest arguments that its schema takes.
- `response_format`: `{"echo": …}` or the smallest instance of the schema.
- Usage: one token is 4 bytes of UTF-8, rounded up, over all message text, and over text and arguments of the answer.
- `max_tokens` cuts text (not tool arguments) to that many tokens with finish_reason `length`; `stop` cuts before its first match.
- Ids derive from a digest given by the caller: the same request gets the same answer.
"""

from typing import Any

import msgspec
import orjson

from proxy.providers.echo_schema import minimal_instance
from proxy.providers.echo_script import Script

_MAX_CHOICES = 128
_ROLES = ("system", "developer", "user", "assistant", "tool", "function")
_FILLER = "lorem ipsum dolor sit amet "


class InvalidRequest(ValueError):
    """The body is no request of its kind; `param` is the JSON path, None for the whole."""

    def __init__(self, message: str, param: str | None) -> None:
        super().__init__(message)
        self.param = param


class Call(msgspec.Struct, frozen=True):
    id: str
    name: str
    arguments: str
    custom: bool = False

    def as_dict(self) -> dict[str, Any]:
        if self.custom:
            return {"id": self.id, "type": "custom", "custom": {"name": self.name, "input": self.arguments}}
        return {"id": self.id, "type": "function", "function": {"name": self.name, "arguments": self.arguments}}


class Answer(msgspec.Struct, frozen=True):
    """One choice. `text` is None where there are calls."""

    text: str | None
    calls: tuple[Call, ...] = ()
    finish: str = "stop"


def last_text(body: dict[str, Any]) -> tuple[str, str, int]:
    """(text of the last user message, text to answer, prompt tokens). Raises InvalidRequest."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise InvalidRequest("messages must be a list with at least one message", "messages")
    user, size, text = "", 0, ""
    for i, message in enumerate(messages):
        if not isinstance(message, dict):
            raise InvalidRequest("each message must be an object", f"messages[{i}]")
        if message.get("role") not in _ROLES:
            raise InvalidRequest(f"messages[{i}].role must be one of {', '.join(_ROLES)}", f"messages[{i}].role")
        content = message.get("content")
        text = content if isinstance(content, str) else _flatten(content)
        size += len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
        if message.get("role") == "user":
            user = text
    return user, text if messages[-1].get("role") == "tool" else user, tokens_of(size)


def _flatten(content: object) -> str:
    return " ".join(part["text"] if isinstance(part.get("text"), str) else f"[{part.get('type')}]" for part in _dicts(content))


def _dicts(value: object) -> list[dict[str, Any]]:
    """The objects of a list; junk counts as absent."""
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def tokens_of(size_bytes: int) -> int:
    return -(-size_bytes // 4)


def make_answers(body: dict[str, Any], text: str, script: Script, digest: str) -> list[Answer]:
    count = body.get("n")
    choices = min(count, _MAX_CHOICES) if isinstance(count, int) and count > 1 else 1
    calls = _calls(body, text, script, digest) if body.get("tools") else ()
    if calls:
        return [Answer(None, calls, "tool_calls")] * choices
    return [_text_answer(body, text, script, i) for i in range(choices)]


def _text_answer(body: dict[str, Any], text: str, script: Script, choice: int) -> Answer:
    said = _said(body, text, script, f"Echo {choice}: " if choice else "Echo: ")
    stop = body.get("stop")
    words = stop if isinstance(stop, list) else [stop]
    for word in words:
        if isinstance(word, str) and word and (at := said.find(word)) >= 0:
            said = said[:at]
    cap = body.get("max_completion_tokens")
    if cap is None:
        cap = body.get("max_tokens")
    if isinstance(cap, int) and 4 * len(said) > cap and len(raw := said.encode("utf-8", "replace")) > 4 * cap:
        return Answer(raw[: 4 * max(cap, 0)].decode("utf-8", "ignore"), (), "length")
    return Answer(said)


def _said(body: dict[str, Any], text: str, script: Script, prefix: str) -> str:
    wanted = body.get("response_format")
    kind = wanted.get("type") if isinstance(wanted, dict) else None
    if isinstance(wanted, dict) and kind == "json_schema":
        spec = wanted.get("json_schema")
        return orjson.dumps(minimal_instance(spec.get("schema") if isinstance(spec, dict) else None)).decode()
    if kind == "json_object":
        return orjson.dumps({"echo": text}).decode()
    if script.bytes is not None:
        return (_FILLER * (script.bytes // len(_FILLER) + 1))[: script.bytes]
    return prefix + text


def _calls(body: dict[str, Any], text: str, script: Script, digest: str) -> tuple[Call, ...]:
    choice = body.get("tool_choice")
    if choice == "none" or body["messages"][-1].get("role") == "tool":
        return ()
    tools = [tool for tool in _dicts(body["tools"]) if _name(tool)]
    allowed = _allowed(choice)
    tools = [tool for tool in tools if allowed is None or _name(tool) in allowed]
    if not tools:
        return ()
    twice = script.parallel and body.get("parallel_tool_calls") is not False
    chosen = (tools * 2)[:2] if twice else tools[:1]
    return tuple(_call(tool, text, f"call_{digest[:22]}{i:02d}") for i, tool in enumerate(chosen))


def _allowed(choice: object) -> set[str] | None:
    """Names that `tool_choice` leaves; None: all."""
    if not isinstance(choice, dict):
        return None
    if choice.get("type") == "allowed_tools":
        spec = choice.get("allowed_tools")
        return {_name(tool) for tool in _dicts(spec.get("tools") if isinstance(spec, dict) else None)}
    return {_name(choice)}


def _name(tool: dict[str, Any]) -> str:
    spec = tool.get("function") or tool.get("custom")
    name = spec.get("name") if isinstance(spec, dict) else tool.get("name")
    return name if isinstance(name, str) else ""


def _call(tool: dict[str, Any], text: str, call_id: str) -> Call:
    if tool.get("type") == "custom":
        return Call(call_id, _name(tool), text, custom=True)
    spec = tool.get("function")
    parameters = (spec.get("parameters") if isinstance(spec, dict) else None) or {"type": "object"}
    return Call(call_id, _name(tool), orjson.dumps(minimal_instance(parameters)).decode())


def usage_of(answers: list[Answer], prompt_tokens: int) -> dict[str, Any]:
    completion = sum(tokens_of(len((answer.text or "").encode("utf-8", "replace"))) for answer in answers)
    completion += sum(tokens_of(len(call.arguments.encode())) for answer in answers for call in answer.calls)
    return {"prompt_tokens": prompt_tokens, "completion_tokens": completion, "total_tokens": prompt_tokens + completion}

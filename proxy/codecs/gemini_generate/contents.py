"""`systemInstruction` and `contents` → canonical messages.

Source: ai.google.dev "Content", read 2026-11-25. `role` is `user` or `model`; without one, or as `function` (older), it is the user's.
Thoughts in a row are one thought, as streams deliver it in pieces with the signature on the last.
"""

from typing import Any

from proxy.codecs.base import InvalidBody
from proxy.codecs.gemini_generate import fields
from proxy.codecs.gemini_generate.calls import Calls
from proxy.codecs.gemini_generate.parts import decode_part
from proxy.core.messages import Message, Part, Role, TextPart, ThinkingPart, ToolResultPart

_ROLES: dict[str, Role] = {"user": "user", "model": "assistant", "function": "user"}
_CONTENT = frozenset(("role", "parts"))


def decode_messages(body: dict[str, Any], places: dict[str, str]) -> tuple[Message, ...]:
    """`places`: as ChatRequest's, filled here. Raises InvalidBody where there is no content, or a part that says nothing."""
    messages: list[Message] = []
    system = fields.optional_content(body, "systemInstruction")
    if system is not None:
        message = _system(system, fields.key_of(body, "systemInstruction"), places)
        if message.content:
            messages.append(message)
    contents = fields.optional_list(body, "contents", "")
    if not contents:
        raise InvalidBody("contents must not be empty", "contents")
    calls = Calls()
    for i, value in enumerate(contents):
        calls.turn = i
        messages.append(_message(fields.as_object(value, f"contents[{i}]"), f"contents[{i}]", calls, places))
    return tuple(messages)


def _system(value: dict[str, Any], path: str, places: dict[str, str]) -> Message:
    content, telling = _parts(value, path, Calls(), places)
    for i, part in enumerate(content):
        if not isinstance(part, TextPart):
            place = places[f"{path}.content[{i}]"]
            raise InvalidBody(f"{place}: a system instruction holds text only", place)
    return Message(role="system", content=content, path=path, extra=telling)


def _message(value: dict[str, Any], path: str, calls: Calls, places: dict[str, str]) -> Message:
    name = fields.optional_text(value, "role", path) or "user"
    role = _ROLES.get(name)
    if role is None:
        raise InvalidBody(f"{path}.role must be user or model, not {name[:40]!r}", f"{path}.role")
    content, telling = _parts(value, path, calls, places)
    return Message(role=role, content=content, path=path, extra=telling)


def _parts(value: dict[str, Any], path: str, calls: Calls, places: dict[str, str]) -> tuple[tuple[Part, ...], dict[str, Any]]:
    """(parts, fields without a canonical place)."""
    telling: dict[str, Any] = {}
    content: list[Part] = []
    for i, item in enumerate(fields.optional_list(value, "parts", path)):
        place = f"{path}.parts[{i}]"
        part = {"text": item} if isinstance(item, str) else fields.as_object(item, place)
        for decoded in decode_part(part, place, calls, telling):
            joined = _joined(content[-1], decoded) if content and part.get("thought") is True else None
            if joined is not None:
                content[-1] = joined
            else:
                here = f"{path}.content[{len(content)}]"
                places[here] = place
                if isinstance(decoded, ToolResultPart):
                    _place_result(decoded, here, part, place, places)
                content.append(decoded)
    telling.update((f"{path}.{key}", item) for key, item in fields.rest(value, _CONTENT).items())
    return tuple(content), {key[len(path) + 1 :]: item for key, item in telling.items()}


def _place_result(result: ToolResultPart, here: str, part: dict[str, Any], place: str, places: dict[str, str]) -> None:
    """What belongs to a function's response: its text is `response`, its files are `parts`."""
    key = fields.key_of(part, "functionResponse")
    places[f"{here}.is_error"] = f"{place}.{key}.response.error"
    texts = sum(isinstance(item, TextPart) for item in result.content)
    for i in range(len(result.content)):
        places[f"{here}.content[{i}]"] = f"{place}.{key}.response" if i < texts else f"{place}.{key}.parts[{i - texts}]"


def _joined(last: Part, part: Part) -> Part | None:
    """A thought that goes on with the one before it, which is not signed yet."""
    if isinstance(part, ThinkingPart) and isinstance(last, ThinkingPart) and last.signature is None:
        return ThinkingPart(text=last.text + part.text, signature=part.signature)
    return None

"""A part of a request's content → canonical parts.

A part has one kind of data and may carry a `thoughtSignature`. On a thought it is that thinking's own; on any other part it becomes a
thinking part without text in front of it, so that clients and canonical history of every dialect carry it (see signatures.py).
Source: ai.google.dev "Content", "Part", read 2026-11-25.
"""

from typing import Any

from proxy.codecs.base import InvalidBody
from proxy.codecs.gemini_generate import fields, signatures
from proxy.codecs.gemini_generate.calls import Calls
from proxy.codecs.gemini_generate.functions import text_of
from proxy.codecs.gemini_generate.media import decode_file, decode_inline
from proxy.codecs.jsonbody import dump_text
from proxy.core.messages import DocumentPart, ImagePart, OpaquePart, Part, TextPart, ThinkingPart, ToolResultPart, ToolUsePart

_KNOWN = frozenset(("text", "thought", "thoughtSignature", "inlineData", "fileData", "functionCall", "functionResponse"))
_OPAQUE = frozenset(("executableCode", "codeExecutionResult", "toolCall", "toolResponse"))
_CALL = frozenset(("id", "name", "args"))
_RESULT = frozenset(("id", "name", "response", "parts"))


def decode_part(part: dict[str, Any], path: str, calls: Calls, telling: dict[str, Any]) -> list[Part]:
    """`telling`: collects, by path, the fields that have no canonical place."""
    signature = fields.optional_text(part, "thoughtSignature", path)
    said = fields.optional_text(part, "text", path)
    if fields.optional_flag(part, "thought", path) and not (part.keys() - {"text", "thought", "thoughtSignature", "thought_signature"}):
        return [signatures.decode(signature, said or "") if signature else ThinkingPart(text=said or "")]
    data = _data(part, path, calls, telling)
    for key, value in fields.rest(part, _KNOWN | _OPAQUE).items():
        telling[f"{path}.{key}"] = value
    if data is None:
        if not signature and said is None:
            raise InvalidBody(f"{path} has no data: text, inlineData, functionCall or another kind", path)
        parts: list[Part] = [TextPart(text=said)] if said or (said is not None and not signature) else []
    else:
        parts = [data]
    if not signature or isinstance(data, OpaquePart):
        return parts
    return [signatures.decode(signature), *parts]


def _data(part: dict[str, Any], path: str, calls: Calls, telling: dict[str, Any]) -> Part | None:
    """Of any kind but text."""
    if (value := fields.pick(part, "functionCall")) is not None:
        return _call(fields.as_object(value, at := _at(path, part, "functionCall")), at, part, calls, telling)
    if (value := fields.pick(part, "functionResponse")) is not None:
        return _result(fields.as_object(value, at := _at(path, part, "functionResponse")), at, calls, telling)
    if fields.pick(part, "inlineData") is not None:
        return decode_inline(part, _at(path, part, "inlineData"))
    if fields.pick(part, "fileData") is not None:
        return decode_file(part, _at(path, part, "fileData"))
    if "text" in part or not fields.rest(part, _KNOWN):
        return None
    return OpaquePart(dialect=fields.DIALECT, value=part)


def _at(path: str, part: dict[str, Any], name: str) -> str:
    return f"{path}.{fields.key_of(part, name)}"


def _call(call: dict[str, Any], path: str, part: dict[str, Any], calls: Calls, telling: dict[str, Any]) -> Part:
    """One that is still being streamed (`partialArgs`) is this dialect's own."""
    if fields.pick(call, "partialArgs") is not None or fields.pick(call, "willContinue"):
        return OpaquePart(dialect=fields.DIALECT, value=part)
    name = fields.text(call, "name", path)
    given = fields.optional_object(call, "args", path) or {}
    for key, value in fields.rest(call, _CALL).items():
        telling[f"{path}.{key}"] = value
    return ToolUsePart(id=calls.called(name, fields.optional_text(call, "id", path)), name=name, arguments=dump_text(given))


def _result(result: dict[str, Any], path: str, calls: Calls, telling: dict[str, Any]) -> Part:
    name = fields.text(result, "name", path)
    text, is_error = text_of(fields.optional_object(result, "response", path) or {})
    content: list[TextPart | ImagePart | DocumentPart | OpaquePart] = [TextPart(text=text)] if text else []
    for i, item in enumerate(fields.optional_list(result, "parts", path)):
        content.append(_attached(fields.as_object(item, f"{path}.parts[{i}]"), f"{path}.parts[{i}]"))
    for key, value in fields.rest(result, _RESULT).items():
        telling[f"{path}.{key}"] = value
    call_id = calls.answered(name, fields.optional_text(result, "id", path))
    return ToolResultPart(tool_use_id=call_id, content=tuple(content), is_error=is_error)


def _attached(part: dict[str, Any], path: str) -> ImagePart | DocumentPart | OpaquePart:
    media: Part | None = None
    if fields.pick(part, "inlineData") is not None:
        media = decode_inline(part, f"{path}.{fields.key_of(part, 'inlineData')}")
    elif fields.pick(part, "fileData") is not None:
        media = decode_file(part, f"{path}.{fields.key_of(part, 'fileData')}")
    return media if isinstance(media, ImagePart | DocumentPart) else OpaquePart(dialect=fields.DIALECT, value=part)

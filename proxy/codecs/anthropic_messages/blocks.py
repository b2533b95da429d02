"""Content blocks of a request or an answer → canonical parts.

Source: the Messages API as typed by the anthropic SDK 2.12 (types/*_block_param.py), read 2026-11-22. A block of a type, or with a
source type, that has no canonical form becomes an OpaquePart: the API grows a block type every few weeks.
"""

import binascii
from collections.abc import Callable
from typing import Any

from proxy.codecs.anthropic_messages import fields
from proxy.codecs.anthropic_messages.shape import Residue
from proxy.codecs.base import InvalidBody
from proxy.codecs.jsonbody import dump_text
from proxy.core.messages import (
    CacheHint,
    DocumentPart,
    ImagePart,
    OpaquePart,
    Part,
    RedactedThinkingPart,
    TextPart,
    ThinkingPart,
    ToolResultPart,
    ToolUsePart,
)

_OPTIONAL = {
    "text": frozenset(("cache_control", "citations")),
    "image": frozenset(("cache_control",)),
    "document": frozenset(("cache_control", "citations", "title", "context")),
    "tool_use": frozenset(("cache_control",)),
    "tool_result": frozenset(("cache_control", "content", "is_error")),
    "thinking": frozenset(("signature",)),
    "redacted_thinking": frozenset(),
}
_REQUIRED = {
    "text": frozenset(("type", "text")),
    "image": frozenset(("type", "source")),
    "document": frozenset(("type", "source")),
    "tool_use": frozenset(("type", "id", "name", "input")),
    "tool_result": frozenset(("type", "tool_use_id")),
    "thinking": frozenset(("type", "thinking")),
    "redacted_thinking": frozenset(("type", "data")),
}


def decode_content(value: Any, path: str, residue: Residue) -> tuple[Part, ...]:
    """A string or an array of blocks. `path`: of the content itself."""
    if isinstance(value, str):
        residue.strings.add(path)
        return (TextPart(text=value),)
    return tuple(decode_block(block, f"{path}[{i}]", residue) for i, block in enumerate(fields.as_array(value, path)))


def decode_block(value: Any, path: str, residue: Residue) -> Part:
    block = fields.as_object(value, path)
    kind = fields.name(block, "type", path)
    decoder = _DECODERS.get(kind)
    part = decoder(block, path, residue) if decoder is not None else None
    if part is None:
        return OpaquePart(dialect=fields.DIALECT, value=block)
    residue.keep(block, path, _REQUIRED[kind], _OPTIONAL[kind])
    if path in residue.fields:
        residue.keep_field(path, "type", kind)
    return part


def decode_cache(obj: dict[str, Any], path: str, residue: Residue) -> CacheHint | None:
    """`cache_control`. One of another type, or with fields that a CacheHint lacks, is kept for the same dialect."""
    value = obj.get("cache_control")
    if value is None:
        return None
    at = fields.join(path, "cache_control")
    control = fields.as_object(value, at)
    ttl = fields.optional_text(control, "ttl", at)
    if fields.text(control, "type", at) != "ephemeral":
        residue.keep_field(path, "cache_control", control)
        return None
    if len(control) > (1 if ttl is None else 2):
        residue.keep_field(path, "cache_control", control)
    return CacheHint(ttl)


def _text(block: dict[str, Any], path: str, residue: Residue) -> Part:
    citations = block.get("citations")
    if citations is not None:
        at = fields.join(path, "citations")
        citations = tuple(fields.as_object(c, f"{at}[{i}]") for i, c in enumerate(fields.as_array(citations, at)))
    return TextPart(
        text=fields.text(block, "text", path),
        cache=decode_cache(block, path, residue),
        citations=citations or (),
        citations_dialect=fields.DIALECT if citations else None,
    )


def _image(block: dict[str, Any], path: str, residue: Residue) -> Part | None:
    source, at = _source(block, path)
    kind = fields.text(source, "type", at)
    cache = decode_cache(block, path, residue)
    if kind == "base64":
        return ImagePart(data=_base64(source, at), media_type=fields.name(source, "media_type", at), cache=cache)
    if kind == "url":
        return ImagePart(url=fields.name(source, "url", at), cache=cache)
    if kind == "file":
        return ImagePart(file_id=fields.name(source, "file_id", at), cache=cache)
    return None


def _document(block: dict[str, Any], path: str, residue: Residue) -> Part | None:
    source, at = _source(block, path)
    kind = fields.text(source, "type", at)
    url = data = plain = file_id = None
    if kind == "base64":
        data = _base64(source, at)
    elif kind == "text":
        plain = fields.text(source, "data", at)
    elif kind == "url":
        url = fields.name(source, "url", at)
    elif kind == "file":
        file_id = fields.name(source, "file_id", at)
    else:
        return None
    media_type = fields.name(source, "media_type", at) if kind in ("base64", "text") else None
    return DocumentPart(
        url=url,
        data=data,
        text=plain,
        file_id=file_id,
        media_type=media_type,
        title=fields.optional_text(block, "title", path),
        context=fields.optional_text(block, "context", path),
        citations=_citing(block, path, residue),
        cache=decode_cache(block, path, residue),
    )


def _citing(block: dict[str, Any], path: str, residue: Residue) -> bool | None:
    value = block.get("citations")
    if value is None:
        return None
    at = fields.join(path, "citations")
    enabled = fields.optional_flag(fields.as_object(value, at), "enabled", at)
    if enabled is None or len(value) > 1:
        residue.keep_field(path, "citations", value)
    return enabled


def _tool_use(block: dict[str, Any], path: str, residue: Residue) -> Part:
    if "input" not in block:
        raise fields.missing(fields.join(path, "input"))
    given = fields.as_object(block["input"], fields.join(path, "input"))
    return ToolUsePart(
        id=fields.name(block, "id", path),
        name=fields.name(block, "name", path),
        arguments=dump_text(given),
        cache=decode_cache(block, path, residue),
    )


def _tool_result(block: dict[str, Any], path: str, residue: Residue) -> Part:
    content: list[TextPart | ImagePart | DocumentPart | OpaquePart] = []
    if block.get("content") is not None and block["content"] not in ("", []):
        at = fields.join(path, "content")
        for i, part in enumerate(decode_content(block["content"], at, residue)):
            if isinstance(part, TextPart | ImagePart | DocumentPart | OpaquePart):
                content.append(part)
            else:
                raise InvalidBody(f"{at}[{i}].type: a tool_result cannot hold this block", f"{at}[{i}].type")
    return ToolResultPart(
        tool_use_id=fields.name(block, "tool_use_id", path),
        content=tuple(content),
        is_error=fields.optional_flag(block, "is_error", path) or False,
        cache=decode_cache(block, path, residue),
    )


def _thinking(block: dict[str, Any], path: str, residue: Residue) -> Part:
    return ThinkingPart(text=fields.text(block, "thinking", path), signature=fields.optional_text(block, "signature", path))


def _redacted(block: dict[str, Any], path: str, residue: Residue) -> Part:
    return RedactedThinkingPart(data=fields.text(block, "data", path))


def _source(block: dict[str, Any], path: str) -> tuple[dict[str, Any], str]:
    at = fields.join(path, "source")
    if "source" not in block:
        raise fields.missing(at)
    return fields.as_object(block["source"], at), at


def _base64(source: dict[str, Any], path: str) -> str:
    data = fields.name(source, "data", path)
    try:
        binascii.a2b_base64(data, strict_mode=True)
    except ValueError:
        raise InvalidBody(f"{path}.data: invalid base64", f"{path}.data") from None
    return data


_DECODERS: dict[str, Callable[[dict[str, Any], str, Residue], Part | None]] = {
    "text": _text,
    "image": _image,
    "document": _document,
    "tool_use": _tool_use,
    "tool_result": _tool_result,
    "thinking": _thinking,
    "redacted_thinking": _redacted,
}

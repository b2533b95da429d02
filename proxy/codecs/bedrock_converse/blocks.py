"""Content blocks of a request or an answer → canonical parts.

A block is a union with one member. What has no exact canonical form (s3 locations, videos, search results, calls of server tools, fields
that are new) becomes an OpaquePart. A `cachePoint` is a hint on the part before it; at the head of a list it is a part of its own.

    guardContent.text, a result's json    a TextPart, and the block kept for the same dialect
    citationsContent                      a TextPart with citations

Source: botocore 1.44.5, bedrock-runtime service model (ContentBlock), read 2026-11-25.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from proxy.codecs.base import InvalidBody
from proxy.codecs.bedrock_converse import blobs, fields
from proxy.codecs.bedrock_converse.media import DOCUMENT_TYPES, IMAGE_TYPES
from proxy.codecs.bedrock_converse.shape import Shape
from proxy.codecs.jsonbody import dump_text
from proxy.core.messages import (
    AudioPart,
    CacheHint,
    DocumentPart,
    ImagePart,
    OpaquePart,
    Part,
    TextPart,
    ThinkingPart,
    ToolResultPart,
    ToolUsePart,
)

PLAIN_TYPES = frozenset((None, "tool_use", "tool_result"))
"""`type` of a call or result of the client's own tools, which Nova spells out; a server tool's has another."""
_TOOL_USE = frozenset(("toolUseId", "name", "input"))
_TOOL_RESULT = frozenset(("toolUseId", "content", "status"))
_DOCUMENT = frozenset(("format", "name", "source", "context", "citations"))
_CITED = frozenset(("content", "citations"))
Decoder = Callable[[Any, str, str, Shape], Part | None]
"""(member, canonical place, client's path, shape) → part, or None where it has no exact canonical form."""


def decode_content(value: Any, place: str, path: str, shape: Shape) -> tuple[Part, ...]:
    """`place`: canonical path of the list; `path`: the client's."""
    parts: list[Part] = []
    for index, item in enumerate(fields.as_array(value, path)):
        at = f"{path}[{index}]"
        kind, member = fields.union(item, at)
        hint = cache_hint(member) if kind == "cachePoint" else None
        if hint is not None and parts and (cached := _with_cache(parts[-1], hint)) is not None:
            shape.places[f"{place}[{len(parts) - 1}].cache_control"] = at
            parts[-1] = cached
            continue
        here = f"{place}[{len(parts)}]"
        if here != at:
            shape.places[here] = at
        parts.append(_decode_block(item, kind, member, here, at, shape))
    return tuple(parts)


def cache_hint(value: Any) -> CacheHint | None:
    """None for a form that a CacheHint does not hold."""
    if isinstance(value, dict) and value.get("type") == "default" and value.keys() <= {"type", "ttl"}:
        ttl = value.get("ttl")
        if isinstance(ttl, str) or "ttl" not in value:
            return CacheHint(ttl)
    return None


def _with_cache(part: Part, hint: CacheHint) -> Part | None:
    if isinstance(part, TextPart | ImagePart | DocumentPart | ToolUsePart | ToolResultPart) and part.cache is None:
        return msgspec.structs.replace(part, cache=hint)
    return None


def _decode_block(block: dict[str, Any], kind: str, member: Any, place: str, path: str, shape: Shape) -> Part:
    decoder = _DECODERS.get(kind)
    part = decoder(member, place, f"{path}.{kind}", shape) if decoder is not None else None
    return OpaquePart(dialect=fields.DIALECT, value=block) if part is None else part


def _text(value: Any, place: str, path: str, shape: Shape) -> Part:
    return TextPart(text=fields.as_text(value, path))


def _json(value: Any, place: str, path: str, shape: Shape) -> Part:
    shape.kept[place] = {"json": value}
    return TextPart(text=dump_text(value))


def _guarded(value: Any, place: str, path: str, shape: Shape) -> Part | None:
    """The text is carried everywhere, that the guardrail is to look at it nowhere else."""
    kind, member = fields.union(value, path)
    if kind != "text":
        return None
    text = fields.text(fields.as_object(member, f"{path}.text"), "text", f"{path}.text")
    shape.kept[place] = {"guardContent": value}
    shape.telling[f"{place}.guardContent"] = value
    return TextPart(text=text)


def _cited(value: Any, place: str, path: str, shape: Shape) -> Part | None:
    cited = fields.as_object(value, path)
    if not cited.keys() <= _CITED:
        return None
    content = fields.as_array(cited.get("content", []), f"{path}.content")
    texts = [fields.text(fields.as_object(item, f"{path}.content[{i}]"), "text", f"{path}.content[{i}]") for i, item in enumerate(content)]
    given = fields.as_array(cited.get("citations", []), f"{path}.citations")
    citations = tuple(fields.as_object(item, f"{path}.citations[{i}]") for i, item in enumerate(given))
    shape.places[f"{place}.citations"] = f"{path}.citations"
    part = TextPart(text="".join(texts), citations=citations, citations_dialect=fields.DIALECT if citations else None)
    if not citations or cited != cited_content(part):
        shape.kept[place] = {"citationsContent": cited}
    return part


def cited_content(part: TextPart) -> dict[str, Any]:
    """`citationsContent` of a text with this dialect's citations."""
    content = {"content": [{"text": part.text}]} if part.text else {}
    return {**content, "citations": list(part.citations)}


def _image(value: Any, place: str, path: str, shape: Shape) -> Part | None:
    image = fields.as_object(value, path)
    source = fields.as_object(fields.required(image, "source", path), f"{path}.source")
    media_type = IMAGE_TYPES.get(fields.text(image, "format", path))
    if media_type is None or len(image) > 2 or source.keys() != {"bytes"}:
        return None
    return ImagePart(data=blobs.checked(source["bytes"], f"{path}.source.bytes"), media_type=media_type)


def _document(value: Any, place: str, path: str, shape: Shape) -> Part | None:
    document = fields.as_object(value, path)
    source = fields.as_object(fields.required(document, "source", path), f"{path}.source")
    title = fields.text(document, "name", path)
    word = fields.optional_text(document, "format", path)
    if not document.keys() <= _DOCUMENT or source.keys() not in ({"bytes"}, {"text"}) or (word is not None and word not in DOCUMENT_TYPES):
        return None
    citing = document.get("citations")
    if None in document.values() or (citing is not None and not _is_flag(citing)):
        return None
    shape.places.update((f"{place}.{name}", f"{path}.{name}") for name in ("context", "citations"))
    return DocumentPart(
        data=blobs.checked(source["bytes"], f"{path}.source.bytes") if "bytes" in source else None,
        text=fields.text(source, "text", f"{path}.source") if "text" in source else None,
        media_type=DOCUMENT_TYPES[word] if word else None,
        title=title,
        context=fields.optional_text(document, "context", path),
        citations=citing["enabled"] if citing is not None else None,
    )


def _is_flag(citations: Any) -> bool:
    return isinstance(citations, dict) and citations.keys() == {"enabled"} and isinstance(citations["enabled"], bool)


def _audio(value: Any, place: str, path: str, shape: Shape) -> Part | None:
    audio = fields.as_object(value, path)
    source = fields.as_object(fields.required(audio, "source", path), f"{path}.source")
    if len(audio) > 2 or source.keys() != {"bytes"}:
        return None
    return AudioPart(data=blobs.checked(source["bytes"], f"{path}.source.bytes"), format=fields.name(audio, "format", path))


def _tool_use(value: Any, place: str, path: str, shape: Shape) -> Part | None:
    call = fields.as_object(value, path)
    call_id, name = fields.name(call, "toolUseId", path), fields.name(call, "name", path)
    if "input" not in call:
        raise fields.missing(f"{path}.input")
    if fields.optional_text(call, "type", path) not in PLAIN_TYPES:
        return None
    _keep_rest("toolUse", call, _TOOL_USE, place, shape)
    shape.places[f"{place}.input"] = f"{path}.input"
    return ToolUsePart(id=call_id, name=name, arguments=dump_text(call["input"]))


def _tool_result(value: Any, place: str, path: str, shape: Shape) -> Part | None:
    result = fields.as_object(value, path)
    call_id = fields.name(result, "toolUseId", path)
    given = fields.as_array(fields.required(result, "content", path), f"{path}.content")
    if fields.optional_text(result, "type", path) not in PLAIN_TYPES:
        return None
    content: list[TextPart | ImagePart | DocumentPart | OpaquePart] = []
    for index, part in enumerate(decode_content(given, f"{place}.content", f"{path}.content", shape)):
        if not isinstance(part, TextPart | ImagePart | DocumentPart | OpaquePart):
            raise InvalidBody(f"{path}.content[{index}]: a toolResult cannot hold this block", f"{path}.content[{index}]")
        content.append(part)
    status = fields.optional_text(result, "status", path)
    _keep_rest("toolResult", result, _TOOL_RESULT, place, shape)
    if status not in (None, "error"):
        shape.kept[place] = {"toolResult": result}
    shape.places[f"{place}.is_error"] = f"{path}.status"
    shape.places[f"{place}.content"] = f"{path}.content"
    return ToolResultPart(tool_use_id=call_id, content=tuple(content), is_error=status == "error")


def _keep_rest(kind: str, member: dict[str, Any], known: frozenset[str], place: str, shape: Shape) -> None:
    if not member.keys() <= known:
        shape.kept[place] = {kind: member}
        shape.telling.update((f"{place}.{kind}.{key}", value) for key, value in member.items() if key not in known and key != "type")


def _reasoning(value: Any, place: str, path: str, shape: Shape) -> Part | None:
    kind, member = fields.union(value, path)
    if kind == "redactedContent":
        return blobs.redacted_part(blobs.raw(fields.as_text(member, f"{path}.{kind}"), f"{path}.{kind}"))
    if kind != "reasoningText":
        return None
    reasoning = fields.as_object(member, f"{path}.{kind}")
    text = fields.text(reasoning, "text", f"{path}.{kind}")
    if not reasoning.keys() <= {"text", "signature"}:
        return None
    return ThinkingPart(text=text, signature=fields.optional_text(reasoning, "signature", f"{path}.{kind}"))


_DECODERS: dict[str, Decoder] = {
    "text": _text,
    "json": _json,
    "guardContent": _guarded,
    "citationsContent": _cited,
    "image": _image,
    "document": _document,
    "audio": _audio,
    "toolUse": _tool_use,
    "toolResult": _tool_result,
    "reasoningContent": _reasoning,
}

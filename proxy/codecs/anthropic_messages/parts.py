"""Canonical parts → content blocks, whatever dialect they came from."""

import base64
import binascii
import re
from typing import Any

from proxy.codecs.anthropic_messages.fields import DIALECT
from proxy.codecs.anthropic_messages.inputs import parse_arguments
from proxy.codecs.base import InvalidBody
from proxy.codecs.part_path import detail_path, result_path
from proxy.core.messages import (
    AudioPart,
    CacheHint,
    DocumentPart,
    ImagePart,
    Part,
    RedactedThinkingPart,
    RefusalPart,
    TextPart,
    ThinkingPart,
    ToolResultPart,
    ToolUsePart,
)

_MAGIC = {"iVBOR": "image/png", "/9j/": "image/jpeg", "R0lGOD": "image/gif", "UklGR": "image/webp"}
"""How base64 of the image formats that the API takes begins."""

_ALIASES = {"image/jpg": "image/jpeg"}
_DATA_URL = re.compile(r"data:([^;,]*)((?:;[^;,]*)*?)(;base64)?,", re.IGNORECASE)
_PDF = "application/pdf"
_FOREIGN_ID = re.compile(r"[^a-zA-Z0-9_-]")


def cache_control(hint: CacheHint) -> dict[str, Any]:
    return {"type": "ephemeral"} if hint.ttl is None else {"type": "ephemeral", "ttl": hint.ttl}


def with_cache(block: dict[str, Any], hint: CacheHint | None) -> dict[str, Any]:
    if hint is not None:
        block["cache_control"] = cache_control(hint)
    return block


def tool_id(value: str) -> str:
    """The id as the API takes it (`^[a-zA-Z0-9_-]+$`): other characters become `_`, in call and result alike."""
    return _FOREIGN_ID.sub("_", value) if value else "_"


def encode_part(part: Part, path: str, dropped: list[str], *, own: bool) -> dict[str, Any] | None:
    """None where the API has no such block; then `path` is in `dropped`, as is that of a refusal, which becomes text. `own`: the part came
    from this dialect."""
    if isinstance(part, TextPart):
        return _text(part, path, dropped)
    if isinstance(part, ToolUsePart):
        given = parse_arguments(part.arguments, path)
        return with_cache({"type": "tool_use", "id": part.id if own else tool_id(part.id), "name": part.name, "input": given}, part.cache)
    if isinstance(part, ToolResultPart):
        return _tool_result(part, path, dropped, own=own)
    if isinstance(part, ImagePart):
        return _image(part, path, dropped, own=own)
    if isinstance(part, DocumentPart):
        return _document(part, path, dropped, own=own)
    if isinstance(part, ThinkingPart):
        return _thinking(part, path, dropped, own=own)
    if isinstance(part, RedactedThinkingPart):
        return {"type": "redacted_thinking", "data": part.data}
    if isinstance(part, RefusalPart):
        dropped.append(path)
        return {"type": "text", "text": part.text}
    if isinstance(part, AudioPart) or part.dialect != DIALECT:
        dropped.append(path)
        return None
    return dict(part.value)


def _text(part: TextPart, path: str, dropped: list[str]) -> dict[str, Any]:
    block: dict[str, Any] = {"type": "text", "text": part.text}
    if part.citations:
        if part.citations_dialect == DIALECT:
            block["citations"] = list(part.citations)
        else:
            dropped.append(f"{path}.citations")
    return with_cache(block, part.cache)


def _thinking(part: ThinkingPart, path: str, dropped: list[str], *, own: bool) -> dict[str, Any] | None:
    """The API refuses thinking without its own signature; one marked with its maker (`gemini:…`) is another's."""
    if part.signature is not None and (own or ":" not in part.signature):
        return {"type": "thinking", "thinking": part.text, "signature": part.signature}
    if own:
        return {"type": "thinking", "thinking": part.text}
    dropped.append(path)
    return None


def _tool_result(part: ToolResultPart, path: str, dropped: list[str], *, own: bool) -> dict[str, Any]:
    block: dict[str, Any] = {"type": "tool_result", "tool_use_id": part.tool_use_id if own else tool_id(part.tool_use_id)}
    content = []
    for i, item in enumerate(part.content):
        if not own and isinstance(item, TextPart) and not item.text.strip():
            continue
        encoded = encode_part(item, result_path(path, i), dropped, own=own)
        if encoded is not None:
            content.append(encoded)
    if not own and len(content) == 1 and content[0].keys() == {"type", "text"}:
        block["content"] = content[0]["text"]
    elif content:
        block["content"] = content
    if part.is_error:
        block["is_error"] = True
    return with_cache(block, part.cache)


def _image(part: ImagePart, path: str, dropped: list[str], *, own: bool) -> dict[str, Any] | None:
    if part.detail is not None and part.detail != "auto":
        dropped.append(detail_path(path))
    source = _source(part.url, part.data, part.media_type, path)
    if source is not None:
        if source["type"] == "base64" and not own:
            source["media_type"] = _image_type(source["media_type"], source["data"])
    elif own and part.file_id is not None:
        source = {"type": "file", "file_id": part.file_id}
    else:
        dropped.append(path)
        return None
    return with_cache({"type": "image", "source": source}, part.cache)


def _image_type(media_type: str | None, data: str) -> str:
    if not media_type:
        return next((kind for magic, kind in _MAGIC.items() if data.startswith(magic)), "image/png")
    return _ALIASES.get(media_type, media_type)


def _document(part: DocumentPart, path: str, dropped: list[str], *, own: bool) -> dict[str, Any] | None:
    source: dict[str, Any] | None
    if part.text is not None:
        source = {"type": "text", "media_type": part.media_type or "text/plain", "data": part.text}
    elif own and part.file_id is not None:
        source = {"type": "file", "file_id": part.file_id}
    else:
        source = _source(part.url, part.data, part.media_type, path)
        if source is not None and source["type"] == "base64" and not own:
            source = _as_readable(source)
    if source is None:
        dropped.append(path)
        return None
    block: dict[str, Any] = {"type": "document", "source": source}
    if part.title is not None:
        block["title"] = part.title
    if part.context is not None:
        block["context"] = part.context
    if part.citations is not None:
        block["citations"] = {"enabled": part.citations}
    return with_cache(block, part.cache)


def _as_readable(source: dict[str, Any]) -> dict[str, Any]:
    """The API's base64 documents are PDFs; any other file goes as plain text if it is text."""
    if not source["media_type"] or source["media_type"] == "application/octet-stream":
        source["media_type"] = _PDF if source["data"].startswith("JVBER") else None
    if source["media_type"] == _PDF:
        return source
    try:
        plain = base64.b64decode(source["data"]).decode()
    except (binascii.Error, UnicodeDecodeError):
        return {**source, "media_type": source["media_type"] or _PDF}
    return {"type": "text", "media_type": "text/plain", "data": plain}


def _source(url: str | None, data: str | None, media_type: str | None, path: str) -> dict[str, Any] | None:
    if data is not None:
        return {"type": "base64", "media_type": media_type, "data": data}
    if url is None:
        return None
    if url[:5].lower() != "data:":
        return {"type": "url", "url": url}
    head = _DATA_URL.match(url)
    if head is None or head[3] is None:
        raise InvalidBody(f"{path}: a data URL must carry base64 (data:<type>;base64,<data>)", path)
    return {"type": "base64", "media_type": head[1].lower() or None, "data": url[head.end() :]}

"""Message content: a string or a list of typed parts, both ways.

Source: OpenAI API reference, "Create chat completion", messages; openai-python 2 types, read 2026-11-22. `cache_control` on a part is
not OpenAI's own, but what clients of compatible servers send to reach Anthropic's prompt cache.
"""

from typing import Any

from proxy.codecs.base import InvalidBody
from proxy.codecs.openai_chat.fields import (
    DIALECT,
    array,
    base64_text,
    keep_rest,
    optional,
    record,
    required,
    split_data_url,
    string,
)
from proxy.core.messages import AudioPart, CacheHint, DocumentPart, ImagePart, OpaquePart, Part, RefusalPart, TextPart

_TEXT = frozenset({"type", "text"})
_IMAGE = frozenset({"type", "image_url"})
_IMAGE_URL = frozenset({"url", "detail"})
_AUDIO = frozenset({"type", "input_audio"})
_AUDIO_DATA = frozenset({"data", "format"})
_FILE = frozenset({"type", "file"})
_REFUSAL = frozenset({"type", "refusal"})


def decode_content(value: Any, path: str, extra: dict[str, Any], paths: dict[str, str], places: dict[str, str]) -> list[Part]:
    """`path`: of the message. A list of fewer than two parts is noted in `paths`, so that it is written as a list again; `places`: as
    ChatRequest's."""
    where = f"{path}.content"
    if value is None:
        return []
    if isinstance(value, str):
        return [TextPart(text=value)]
    if not isinstance(value, list):
        raise InvalidBody(f"{where} must be a string or an array of parts", where)
    if len(value) < 2:
        paths[where] = f"{where}[0]"
    return [_decode_part(part, where, index, extra, paths, places) for index, part in enumerate(value)]


def _decode_part(value: Any, where: str, index: int, extra: dict[str, Any], paths: dict[str, str], places: dict[str, str]) -> Part:
    path = f"{where}[{index}]"
    prefix = f"content[{index}]"
    part = record(value, path)
    kind = required(part, "type", string, path)
    if kind == "text":
        text = required(part, "text", string, path)
        return TextPart(text=text, cache=_cache(part, _TEXT, prefix, extra))
    if kind == "image_url":
        return _image(part, path, prefix, extra)
    if kind == "input_audio":
        audio = required(part, "input_audio", record, path)
        data = base64_text(required(audio, "data", string, f"{path}.input_audio"), f"{path}.input_audio.data")
        keep_rest(part, _AUDIO, prefix, extra)
        keep_rest(audio, _AUDIO_DATA, f"{prefix}.input_audio", extra)
        return AudioPart(data=data, format=required(audio, "format", string, f"{path}.input_audio"))
    if kind == "file":
        places[f"{path}.title"] = f"{path}.file.filename"
        return _file(part, path, prefix, extra)
    if kind == "refusal":
        keep_rest(part, _REFUSAL, prefix, extra)
        paths[f"{where.removesuffix('content')}refusal"] = path
        return RefusalPart(text=required(part, "refusal", string, path))
    return OpaquePart(dialect=DIALECT, value=part)


def _image(part: dict[str, Any], path: str, prefix: str, extra: dict[str, Any]) -> ImagePart:
    image = required(part, "image_url", record, path)
    url = required(image, "url", string, f"{path}.image_url")
    detail = optional(image, "detail", string, f"{path}.image_url")
    cache = _cache(part, _IMAGE, prefix, extra)
    keep_rest(image, _IMAGE_URL, f"{prefix}.image_url", extra)
    inline = split_data_url(url, f"{path}.image_url.url")
    if inline is None:
        return ImagePart(url=url, detail=detail, cache=cache)
    return ImagePart(data=inline[1], media_type=inline[0], detail=detail, cache=cache)


def _file(part: dict[str, Any], path: str, prefix: str, extra: dict[str, Any]) -> DocumentPart:
    """`file_data` is a data URL by the reference, bare base64 or an http URL with some compatible servers."""
    file = required(part, "file", record, path)
    where = f"{path}.file"
    data = optional(file, "file_data", string, where)
    file_id = optional(file, "file_id", string, where)
    title = optional(file, "filename", string, where)
    cache = _cache(part, _FILE, prefix, extra)
    if data is None and file_id is None:
        raise InvalidBody(f"{where} needs file_data or file_id", where)
    keep_rest(file, {"file_data", "filename"} if data is not None else {"file_id", "filename"}, f"{prefix}.file", extra)
    if data is None:
        return DocumentPart(file_id=file_id, title=title, cache=cache)
    if data.startswith(("https://", "http://")):
        return DocumentPart(url=data, title=title, cache=cache)
    media_type, text = split_data_url(data, f"{where}.file_data") or (None, base64_text(data, f"{where}.file_data"))
    return DocumentPart(data=text, media_type=media_type, title=title, cache=cache)


def _cache(part: dict[str, Any], known: frozenset[str], prefix: str, extra: dict[str, Any]) -> CacheHint | None:
    """The part's cache hint; what else is unknown goes to `extra`."""
    if len(part) == len(known):
        return None
    hint = decode_cache(part.get("cache_control"))
    keep_rest(part, known | {"cache_control"} if hint else known, prefix, extra)
    return hint


def decode_cache(value: Any) -> CacheHint | None:
    """None also for a form that CacheHint cannot hold."""
    if isinstance(value, dict) and value.get("type") == "ephemeral" and value.keys() <= {"type", "ttl"}:
        ttl = value.get("ttl")
        if ttl is None or isinstance(ttl, str):
            return CacheHint(ttl=ttl)
    return None


def encode_cache(hint: CacheHint) -> dict[str, Any]:
    return {"type": "ephemeral"} if hint.ttl is None else {"type": "ephemeral", "ttl": hint.ttl}


def encode_image(part: ImagePart) -> dict[str, Any]:
    url = part.url if part.url is not None else f"data:{part.media_type or 'image/png'};base64,{part.data}"
    image = {"url": url} if part.detail is None else {"url": url, "detail": part.detail}
    return {"type": "image_url", "image_url": image}


def encode_file(part: DocumentPart) -> dict[str, Any]:
    """A `file` part; the caller has dealt with text documents."""
    file: dict[str, Any] = {}
    if part.file_id is not None:
        file["file_id"] = part.file_id
    elif part.url is not None:
        file["file_data"] = part.url
    else:
        file["file_data"] = part.data if part.media_type is None else f"data:{part.media_type};base64,{part.data}"
    if part.title is not None:
        file["filename"] = part.title
    return {"type": "file", "file": file}


def annotation_of(citation: dict[str, Any], dialect: str | None) -> dict[str, Any] | None:
    """A citation as an annotation of this dialect. OpenAI's Responses has the same, less nested."""
    if dialect == DIALECT:
        return citation
    if dialect == "openai_responses" and citation.get("type") == "url_citation":
        return {"type": "url_citation", "url_citation": {key: value for key, value in citation.items() if key != "type"}}
    return None


def text_of(value: Any, path: str) -> str:
    """Text of a response's content, which some servers send as a list of text parts."""
    if isinstance(value, str):
        return value
    pieces = [record(part, f"{path}[{i}]") for i, part in enumerate(array(value, path))]
    return "".join(part["text"] for part in pieces if isinstance(part.get("text"), str))

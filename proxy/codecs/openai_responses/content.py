"""Content parts of messages and of function call outputs, both ways.

Source: openai-python 3.54, types/responses/response_input_*.py and response_output_*.py, read 2026-11-25.
"""

from typing import Any

from proxy.codecs.base import InvalidBody
from proxy.codecs.openai_chat.fields import array, base64_text, keep_rest, optional, record, required, split_data_url, string
from proxy.codecs.openai_responses.fields import DIALECT, filled
from proxy.core.messages import AudioPart, DocumentPart, ImagePart, OpaquePart, Part, RefusalPart, TextPart

_TEXT = frozenset({"type", "text", "annotations", "logprobs"})
_IMAGE = frozenset({"type", "image_url", "file_id", "detail"})
_FILE = frozenset({"type", "file_data", "file_url", "file_id", "filename"})
_TEXTS = frozenset({"input_text", "output_text", "text", "summary_text"})


class ContentReader:
    """Of one item. `extra` and `own` are its message's: what has no canonical place, and of that what says nothing elsewhere.
    `places`: as ChatRequest's."""

    def __init__(self, path: str, extra: dict[str, Any], own: dict[str, Any], places: dict[str, str], *, usual: str) -> None:
        self._path = path
        self._extra = extra
        self._own = own
        self._places = places
        self._usual = usual
        """`input_text` or `output_text`: what a text part of this item is called."""

    def read(self, value: Any, key: str) -> list[Part]:
        """`key`: the item's field that holds the content; a list is noted in `own` under that name."""
        if isinstance(value, str):
            return [TextPart(text=value)]
        where = f"{self._path}.{key}"
        if not isinstance(value, list):
            raise InvalidBody(f"{where} must be a string or an array of parts", where)
        self._own[key] = "list"
        return [self._part(record(part, f"{where}[{i}]"), f"{where}[{i}]", f"{key}[{i}]") for i, part in enumerate(value)]

    def _part(self, part: dict[str, Any], path: str, prefix: str) -> Part:
        kind = required(part, "type", string, path)
        if kind in _TEXTS:
            return self._text(part, kind, path, prefix)
        if kind == "input_image":
            return self._image(part, path, prefix)
        if kind == "input_file":
            return self._file(part, path, prefix)
        if kind == "input_audio":
            audio = required(part, "input_audio", record, path)
            where = f"{path}.input_audio"
            data = base64_text(required(audio, "data", string, where), f"{where}.data")
            keep_rest(part, {"type", "input_audio"}, prefix, self._extra)
            keep_rest(audio, {"data", "format"}, f"{prefix}.input_audio", self._extra)
            return AudioPart(data=data, format=required(audio, "format", string, where))
        if kind == "refusal":
            keep_rest(part, {"type", "refusal"}, prefix, self._extra)
            return RefusalPart(text=required(part, "refusal", string, path))
        return OpaquePart(dialect=DIALECT, value=part)

    def _text(self, part: dict[str, Any], kind: str, path: str, prefix: str) -> TextPart:
        text = required(part, "text", string, path)
        if kind != self._usual:
            self._own[f"{prefix}.type"] = kind
        if len(part) == 2:
            return TextPart(text=text)
        keep_rest(part, _TEXT, prefix, self._extra)
        annotations = tuple(record(a, f"{path}.annotations[{i}]") for i, a in enumerate(optional(part, "annotations", array, path) or ()))
        for key in ("annotations", "logprobs"):
            if part.get(key) is not None and (key == "logprobs" or not annotations):
                self._own[f"{prefix}.{key}"] = part[key]
        if annotations:
            self._places[f"{path}.citations"] = f"{path}.annotations"
        return TextPart(text=text, citations=annotations, citations_dialect=DIALECT if annotations else None)

    def _image(self, part: dict[str, Any], path: str, prefix: str) -> ImagePart:
        url = optional(part, "image_url", string, path)
        file_id = optional(part, "file_id", string, path)
        detail = optional(part, "detail", string, path)
        if url is None and file_id is None:
            raise InvalidBody(f"{path} needs image_url or file_id", path)
        keep_rest(part, _IMAGE if url is None or file_id is None else _IMAGE - {"file_id"}, prefix, self._extra)
        if url is None:
            return ImagePart(file_id=file_id, detail=detail)
        inline = split_data_url(url, f"{path}.image_url")
        if inline is None:
            return ImagePart(url=url, detail=detail)
        return ImagePart(data=inline[1], media_type=inline[0], detail=detail)

    def _file(self, part: dict[str, Any], path: str, prefix: str) -> DocumentPart:
        """`file_data` is a data URL by the reference, bare base64 with some clients."""
        given = {key: optional(part, key, string, path) for key in ("file_data", "file_url", "file_id")}
        source = next((key for key, value in given.items() if value is not None), None)
        if source is None:
            raise InvalidBody(f"{path} needs file_data, file_url or file_id", path)
        title = optional(part, "filename", string, path)
        keep_rest(part, _FILE - (given.keys() - {source}), prefix, self._extra)
        if source == "file_url":
            return DocumentPart(url=given[source], title=title)
        if source == "file_id":
            return DocumentPart(file_id=given[source], title=title)
        data = given[source] or ""
        media_type, text = split_data_url(data, f"{path}.file_data") or (None, base64_text(data, f"{path}.file_data"))
        return DocumentPart(data=text, media_type=media_type, title=title)


def annotation_of(citation: dict[str, Any], dialect: str | None) -> dict[str, Any] | None:
    """A citation as an annotation of this dialect. OpenAI chat has the same, nested; None for one that has no form here."""
    if dialect == DIALECT:
        return citation
    inner = citation.get("url_citation")
    if dialect == "openai_chat" and citation.get("type") == "url_citation" and isinstance(inner, dict):
        return {"type": "url_citation", **inner}
    return None


def encode_text(part: TextPart, *, output: bool) -> dict[str, Any]:
    """`output`: of an assistant's message. Citations without a form here are the caller's to report."""
    if not output:
        return {"type": "input_text", "text": part.text}
    annotations = [found for citation in part.citations if (found := annotation_of(citation, part.citations_dialect)) is not None]
    return {"type": "output_text", "text": part.text, "annotations": annotations}


def loses_citations(part: TextPart) -> bool:
    return any(annotation_of(citation, part.citations_dialect) is None for citation in part.citations)


def encode_image(part: ImagePart) -> dict[str, Any]:
    """Of whatever source; the caller has dealt with another dialect's file ids."""
    url = part.url
    if url is None and part.data is not None:
        url = f"data:{part.media_type or 'image/png'};base64,{part.data}"
    return filled(type="input_image", image_url=url, file_id=part.file_id, detail=part.detail)


def encode_file(part: DocumentPart) -> dict[str, Any]:
    """The caller has dealt with text documents and another dialect's file ids."""
    data = part.data
    if data is not None and part.media_type is not None:
        data = f"data:{part.media_type};base64,{data}"
    return filled(type="input_file", file_data=data, file_url=part.url, file_id=part.file_id, filename=part.title)


def encode_audio(part: AudioPart) -> dict[str, Any]:
    return {"type": "input_audio", "input_audio": {"data": part.data or "", "format": part.format or "wav"}}

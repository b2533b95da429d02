"""Inline and referenced files ↔ canonical parts.

    image/*   an image       audio/*   audio      video/*   this dialect's own      anything else   a document

`fileData` names a file of the API's own store, a bucket (`gs://`) or a public URL; only the last means something elsewhere.
Source: ai.google.dev "Blob", "FileData", "File input methods", read 2026-11-25.
"""

import binascii
import mimetypes
from typing import Any

from proxy.codecs.base import InvalidBody
from proxy.codecs.gemini_generate import fields
from proxy.core.messages import AudioPart, DocumentPart, ImagePart, OpaquePart, Part

_STORE = "https://generativelanguage.googleapis.com/"
_REACHED = ("https://", "http://", "gs://")
_AUDIO = {"mpeg": "mp3", "mp3": "mp3", "x-wav": "wav", "wave": "wav", "wav": "wav"}
_ALIASES = {"image/jpg": "image/jpeg"}
_MAGIC = {"iVBOR": "image/png", "/9j/": "image/jpeg", "R0lGOD": "image/gif", "UklGR": "image/webp", "JVBER": "application/pdf"}
"""How base64 of common formats begins."""
_URLSAFE = str.maketrans("-_", "+/")


def decode_inline(part: dict[str, Any], path: str) -> Part:
    blob = fields.as_object(fields.pick(part, "inlineData"), path)
    kind = fields.text(blob, "mimeType", path).lower()
    data = _base64(fields.text(blob, "data", path), f"{path}.data")
    title = fields.optional_text(blob, "displayName", path)
    major, _, minor = kind.partition("/")
    if major == "image":
        return ImagePart(data=data, media_type=kind)
    if major == "audio":
        return AudioPart(data=data, format=_AUDIO.get(minor.partition(";")[0], minor.partition(";")[0]))
    if major == "video":
        return OpaquePart(dialect=fields.DIALECT, value=part)
    return DocumentPart(data=data, media_type=kind, title=title)


def decode_file(part: dict[str, Any], path: str) -> Part:
    file = fields.as_object(fields.pick(part, "fileData"), path)
    uri = fields.text(file, "fileUri", path)
    kind = (fields.optional_text(file, "mimeType", path) or guess(uri) or "").lower()
    public = uri.startswith(("https://", "http://")) and not uri.startswith(_STORE)
    if kind.startswith("image/"):
        return ImagePart(url=uri, media_type=kind) if public else ImagePart(file_id=uri, media_type=kind)
    if kind.startswith(("audio/", "video/")) or not kind:
        return OpaquePart(dialect=fields.DIALECT, value=part)
    title = fields.optional_text(file, "displayName", path)
    if public:
        return DocumentPart(url=uri, media_type=kind, title=title)
    return DocumentPart(file_id=uri, media_type=kind, title=title)


def guess(url: str) -> str | None:
    """Media type by the name's ending."""
    return mimetypes.guess_type(url.partition("?")[0].partition("#")[0])[0]


def _base64(data: str, path: str) -> str:
    """In the standard alphabet, which the other dialects want; the API takes the other one too, padded or not."""
    if "-" in data or "_" in data:
        data = data.translate(_URLSAFE)
    if len(data) % 4:
        data += "=" * (-len(data) % 4)
    try:
        binascii.a2b_base64(data, strict_mode=True)
    except ValueError as exc:
        raise InvalidBody(f"{path} is not valid base64: {exc}", path) from None
    return data


def encode_media(part: ImagePart | DocumentPart | AudioPart, path: str) -> dict[str, Any] | None:
    """`inlineData` or `fileData`; None where the API cannot reach it (another provider's file id, a bucket elsewhere)."""
    if isinstance(part, AudioPart):
        if part.data is None:
            return None
        return _inline(part.data, f"audio/{part.format or 'wav'}")
    if part.data is not None:
        return _inline(part.data, _kind(part, part.data))
    if part.url is not None:
        if part.url[:5].lower() == "data:":
            return _data_url(part.url, path)
        return _file(part.url, part.media_type or guess(part.url)) if part.url.lower().startswith(_REACHED) else None
    if part.file_id is not None and part.file_id.startswith((_STORE, "gs://")):
        return _file(part.file_id, part.media_type)
    return None


def _kind(part: ImagePart | DocumentPart, data: str) -> str:
    kind = part.media_type
    if not kind or kind == "application/octet-stream":
        sniffed = next((found for magic, found in _MAGIC.items() if data.startswith(magic)), None)
        named = guess(part.title) if isinstance(part, DocumentPart) and part.title else None
        kind = sniffed or named or ("image/png" if isinstance(part, ImagePart) else "application/pdf")
    return _ALIASES.get(kind, kind)


def _inline(data: str, kind: str) -> dict[str, Any]:
    return {"inlineData": {"mimeType": kind, "data": data}}


def _file(uri: str, kind: str | None) -> dict[str, Any]:
    return {"fileData": {"fileUri": uri} if kind is None else {"mimeType": kind, "fileUri": uri}}


def _data_url(url: str, path: str) -> dict[str, Any]:
    head, comma, data = url.partition(",")
    kind, *parameters = head[5:].split(";")
    if not comma or not parameters or parameters[-1].strip().lower() != "base64":
        raise InvalidBody(f"{path}: a data URL must carry base64 (data:<type>;base64,<data>)", path)
    return _inline(_base64(data, path), kind.lower() or "image/png")

"""Format words of the API ↔ media types.

Source: botocore 1.44.5, bedrock-runtime service model (ImageFormat, DocumentFormat), read 2026-11-25.
"""

IMAGE_TYPES = {"png": "image/png", "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp"}
DOCUMENT_TYPES = {
    "pdf": "application/pdf",
    "csv": "text/csv",
    "doc": "application/msword",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xls": "application/vnd.ms-excel",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "html": "text/html",
    "txt": "text/plain",
    "md": "text/markdown",
}
_ALIASES = {"image/jpg": "jpeg", "text/x-markdown": "md", "application/csv": "csv", "application/xhtml+xml": "html"}
_FORMATS = {**{kind: word for word, kind in (IMAGE_TYPES | DOCUMENT_TYPES).items()}, **_ALIASES}
_MAGIC = {"iVBOR": "png", "/9j/": "jpeg", "R0lGOD": "gif", "UklGR": "webp", "JVBER": "pdf"}
"""How base64 of the formats begins that show themselves."""


def image_format(media_type: str | None, data: str) -> str | None:
    """`data`: base64 text, asked where the type says nothing. None for a format that the API does not take."""
    word = _word(media_type, data)
    return word if word in IMAGE_TYPES else None


def document_format(media_type: str | None, title: str | None, data: str) -> str | None:
    """As image_format; a file name's ending tells, too. Other text is plain text to the API."""
    word = _word(media_type, data)
    if word is None and title is not None:
        ending = title.rpartition(".")[2].lower()
        word = ending if ending in DOCUMENT_TYPES else None
    if word is None and media_type is not None and media_type.startswith("text/"):
        word = "txt"
    return word if word in DOCUMENT_TYPES else None


def _word(media_type: str | None, data: str) -> str | None:
    kind = (media_type or "").partition(";")[0].strip().lower()
    if kind and kind != "application/octet-stream":
        return _FORMATS.get(kind)
    return next((word for magic, word in _MAGIC.items() if data.startswith(magic)), None)

"""What an image is by its first bytes, where its label does not say.

Source: PNG, JFIF, GIF89a, WebP, BMP, TIFF 6.0, ISO/IEC 23008-12 (HEIF) and AVIF specifications, read 2026-11-25.
"""

import binascii

_LOOKED_AT = 32
"""Characters of base64."""
_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
)
_BRANDS = {
    b"avif": "image/avif",
    b"avis": "image/avif",
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"hevc": "image/heic-sequence",
    b"mif1": "image/heif",
    b"msf1": "image/heif-sequence",
}


def type_of(data: str) -> str | None:
    """As `type_of_bytes`, of valid base64."""
    return type_of_bytes(binascii.a2b_base64(data[:_LOOKED_AT]))


def type_of_bytes(head: bytes) -> str | None:
    """`head`: a file, or its beginning. None for what is no image known here."""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12])
    return next((kind for magic, kind in _MAGIC if head.startswith(magic)), None)

"""What an image is by its bytes."""

import base64

import pytest

from proxy.codecs.image_type import type_of


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF87a", "image/gif"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", None),
        (b"BM\x00\x00", "image/bmp"),
        (b"II*\x00", "image/tiff"),
        (b"MM\x00*", "image/tiff"),
        (b"\x00\x00\x00\x18ftypheic", "image/heic"),
        (b"\x00\x00\x00\x18ftypavif", "image/avif"),
        (b"\x00\x00\x00\x18ftypisom", None),
        (b"<svg xmlns=", None),
        (b"", None),
    ],
)
def test_the_first_bytes_tell(head: bytes, kind: str | None) -> None:
    """However much follows."""
    for more in (b"", b"\x00" * 5000):
        assert type_of(base64.b64encode(head + more).decode()) == (kind if head else None)

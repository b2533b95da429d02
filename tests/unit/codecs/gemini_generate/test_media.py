"""Inline and referenced files."""

import base64
from typing import Any

import pytest

from proxy.codecs.base import InvalidBody
from proxy.codecs.gemini_generate.media import decode_file, decode_inline, encode_media, guess
from proxy.core.messages import AudioPart, DocumentPart, ImagePart, OpaquePart, Part

DATA = base64.b64encode(b"\xfb\xff\xfe!").decode()
STORED = "https://generativelanguage.googleapis.com/v1beta/files/abc"


@pytest.mark.parametrize(
    ("mime", "part"),
    [
        ("image/png", ImagePart(data=DATA, media_type="image/png")),
        ("audio/mpeg", AudioPart(data=DATA, format="mp3")),
        ("audio/x-wav", AudioPart(data=DATA, format="wav")),
        ("audio/L16;rate=24000", AudioPart(data=DATA, format="l16")),
        ("application/pdf", DocumentPart(data=DATA, media_type="application/pdf", title="t")),
        ("text/csv", DocumentPart(data=DATA, media_type="text/csv", title="t")),
    ],
)
def test_inline_data_by_type(mime: str, part: Part) -> None:
    """Base64 of either alphabet, padded or not."""
    for data in (DATA, DATA.replace("+", "-").replace("/", "_").rstrip("=")):
        assert decode_inline({"inline_data": {"mime_type": mime, "data": data, "displayName": "t"}}, "p") == part


def test_video_is_the_dialects_own() -> None:
    """No other dialect takes it."""
    inline = {"inlineData": {"mimeType": "video/mp4", "data": DATA}}
    stored = {"fileData": {"mimeType": "video/mp4", "fileUri": STORED}}
    assert decode_inline(inline, "p") == OpaquePart(dialect="gemini_generate", value=inline)
    assert decode_file(stored, "p") == OpaquePart(dialect="gemini_generate", value=stored)


@pytest.mark.parametrize("blob", [{"mimeType": "image/png"}, {"data": DATA}, {"mimeType": "image/png", "data": "a?b="}, []])
def test_broken_inline_data_is_refused(blob: Any) -> None:
    """With its path."""
    with pytest.raises(InvalidBody) as caught:
        decode_inline({"inlineData": blob}, "p")
    assert caught.value.path.startswith("p")


@pytest.mark.parametrize(
    ("file", "part"),
    [
        ({"fileUri": "https://x.test/a.png?v=1"}, ImagePart(url="https://x.test/a.png?v=1", media_type="image/png")),
        ({"fileUri": STORED, "mimeType": "image/png"}, ImagePart(file_id=STORED, media_type="image/png")),
        ({"fileUri": "gs://b/a.pdf"}, DocumentPart(file_id="gs://b/a.pdf", media_type="application/pdf")),
        ({"fileUri": "http://x.test/a.pdf"}, DocumentPart(url="http://x.test/a.pdf", media_type="application/pdf")),
    ],
)
def test_files_by_reference(file: dict[str, Any], part: Part) -> None:
    """Only a public URL means something to other providers; both kinds come back as they were."""
    assert decode_file({"fileData": file}, "p") == part
    assert isinstance(part, ImagePart | DocumentPart)
    encoded = encode_media(part, "p")
    assert encoded is not None
    assert encoded["fileData"]["fileUri"] == file["fileUri"]


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (ImagePart(data="iVBORw"), ("image/png", "iVBORw")),
        (ImagePart(data="/9j/4A", media_type="image/jpg"), ("image/jpeg", "/9j/4A")),
        (ImagePart(url=f"data:image/gif;base64,{DATA}"), ("image/gif", DATA)),
        (DocumentPart(data="JVBERi", media_type="application/octet-stream"), ("application/pdf", "JVBERi")),
        (DocumentPart(data=DATA, title="a.csv"), ("text/csv", DATA)),
        (DocumentPart(data=DATA), ("application/pdf", DATA)),
        (AudioPart(data=DATA, format="mp3"), ("audio/mp3", DATA)),
        (AudioPart(data=DATA), ("audio/wav", DATA)),
    ],
)
def test_inline_out(part: ImagePart | DocumentPart | AudioPart, expected: tuple[str, str]) -> None:
    """A missing type is known by the first bytes or the name."""
    assert encode_media(part, "p") == {"inlineData": {"mimeType": expected[0], "data": expected[1]}}


def test_what_the_api_cannot_reach_is_none() -> None:
    """Ids of other providers, buckets elsewhere."""
    assert encode_media(ImagePart(url="s3://b/a.png"), "p") is None
    assert encode_media(ImagePart(file_id="file-1"), "p") is None
    assert encode_media(DocumentPart(file_id="file-1"), "p") is None
    assert encode_media(AudioPart(id="audio-1"), "p") is None
    assert encode_media(ImagePart(url="https://x.test/a"), "p") == {"fileData": {"fileUri": "https://x.test/a"}}


def test_a_data_url_needs_base64() -> None:
    """The path says where."""
    with pytest.raises(InvalidBody) as caught:
        encode_media(ImagePart(url="data:image/png,abc"), "p")
    assert caught.value.path == "p"


def test_a_type_is_guessed_by_ending() -> None:
    """Query and fragment do not count."""
    assert guess("https://x.test/a.jpeg?x#y") == "image/jpeg"
    assert guess("https://x.test/a") is None

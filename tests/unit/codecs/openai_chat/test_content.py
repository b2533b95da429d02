"""Content parts, both ways."""

from typing import Any

import pytest

from proxy.codecs.base import InvalidBody
from proxy.codecs.openai_chat.content import annotation_of, decode_cache, decode_content, encode_cache, encode_file, encode_image, text_of
from proxy.core.messages import CacheHint, DocumentPart, ImagePart, TextPart


@pytest.mark.parametrize("content", [[], [{"type": "text", "text": "a"}]])
def test_short_lists_are_noted(content: list[Any]) -> None:
    """So that they are written as lists again."""
    paths: dict[str, str] = {}
    decode_content(content, "messages[3]", {}, paths, {})
    assert paths == {"messages[3].content": "messages[3].content[0]"}


@pytest.mark.parametrize("content", ["a", [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]])
def test_strings_and_longer_lists_need_no_note(content: Any) -> None:
    """They are told apart by their parts."""
    paths: dict[str, str] = {}
    parts = decode_content(content, "messages[3]", {}, paths, {})
    assert all(isinstance(part, TextPart) for part in parts)
    assert paths == {}


@pytest.mark.parametrize("hint", [CacheHint(), CacheHint(ttl="5m")])
def test_cache_hints_survive(hint: CacheHint) -> None:
    """With and without a lifetime."""
    assert decode_cache(encode_cache(hint)) == hint


@pytest.mark.parametrize("value", [None, "ephemeral", {"type": "x"}, {"type": "ephemeral", "ttl": 5}, {"type": "ephemeral", "x": 1}])
def test_other_hints_are_none(value: Any) -> None:
    """Anything that CacheHint cannot hold."""
    assert decode_cache(value) is None


@pytest.mark.parametrize(
    ("part", "image"),
    [
        (ImagePart(url="https://e.com/a"), {"url": "https://e.com/a"}),
        (ImagePart(data="AAAA", media_type="image/webp", detail="high"), {"url": "data:image/webp;base64,AAAA", "detail": "high"}),
        (ImagePart(data="AAAA"), {"url": "data:image/png;base64,AAAA"}),
    ],
)
def test_images_are_written(part: ImagePart, image: dict[str, Any]) -> None:
    """Inline ones as data URLs."""
    assert encode_image(part) == {"type": "image_url", "image_url": image}


@pytest.mark.parametrize(
    ("part", "file"),
    [
        (DocumentPart(file_id="f"), {"file_id": "f"}),
        (DocumentPart(url="https://e.com/a.pdf", title="a"), {"file_data": "https://e.com/a.pdf", "filename": "a"}),
        (DocumentPart(data="AAAA", media_type="application/pdf"), {"file_data": "data:application/pdf;base64,AAAA"}),
        (DocumentPart(data="AAAA"), {"file_data": "AAAA"}),
    ],
)
def test_files_are_written(part: DocumentPart, file: dict[str, Any]) -> None:
    """In the form they came in."""
    assert encode_file(part) == {"type": "file", "file": file}


def test_text_of_parts() -> None:
    """Answers of some servers are lists; parts without text add none."""
    assert text_of("a", "c") == "a"
    assert text_of([{"type": "text", "text": "a"}, {"type": "ref"}, {"type": "text", "text": "b"}], "c") == "ab"
    with pytest.raises(InvalidBody, match="must be an array"):
        text_of(5, "c")


def test_annotations_of_responses() -> None:
    """The same, nested; what has no form here is None."""
    flat = {"type": "url_citation", "url": "u", "title": "t", "start_index": 0, "end_index": 1}
    nested = {"type": "url_citation", "url_citation": {"url": "u", "title": "t", "start_index": 0, "end_index": 1}}
    assert annotation_of(flat, "openai_responses") == nested
    assert annotation_of(nested, "openai_chat") == nested
    assert annotation_of({"type": "file_citation"}, "openai_responses") is None
    assert annotation_of(flat, "anthropic_messages") is None

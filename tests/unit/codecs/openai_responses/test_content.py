"""Content parts, both ways."""

from typing import Any

import pytest

from proxy.codecs.base import InvalidBody
from proxy.codecs.openai_responses.content import (
    ContentReader,
    annotation_of,
    encode_audio,
    encode_file,
    encode_image,
    encode_text,
    loses_citations,
)
from proxy.core.messages import AudioPart, DocumentPart, ImagePart, OpaquePart, Part, RefusalPart, TextPart

PDF = "JVBERi0="


def read(*parts: Any, usual: str = "input_text") -> tuple[list[Part], dict[str, Any], dict[str, Any]]:
    """(parts, extra, own) of a content list."""
    extra: dict[str, Any] = {}
    own: dict[str, Any] = {}
    return ContentReader("input[0]", extra, own, {}, usual=usual).read(list(parts), "content"), extra, own


@pytest.mark.parametrize(
    ("given", "part"),
    [
        ({"type": "input_text", "text": "a"}, TextPart(text="a")),
        ({"type": "input_image", "image_url": "https://e.com/a", "detail": "low"}, ImagePart(url="https://e.com/a", detail="low")),
        ({"type": "input_image", "image_url": f"data:image/png;base64,{PDF}"}, ImagePart(data=PDF, media_type="image/png")),
        ({"type": "input_image", "file_id": "f"}, ImagePart(file_id="f")),
        ({"type": "input_file", "file_url": "https://e.com/a", "filename": "a"}, DocumentPart(url="https://e.com/a", title="a")),
        ({"type": "input_file", "file_id": "f"}, DocumentPart(file_id="f")),
        ({"type": "input_file", "file_data": PDF}, DocumentPart(data=PDF)),
        (
            {"type": "input_file", "file_data": f"data:application/pdf;base64,{PDF}"},
            DocumentPart(data=PDF, media_type="application/pdf"),
        ),
        ({"type": "input_audio", "input_audio": {"data": PDF, "format": "mp3"}}, AudioPart(data=PDF, format="mp3")),
    ],
)
def test_parts_and_back(given: dict[str, Any], part: Part) -> None:
    """Each form is written as it was read."""
    (found,), extra, _ = read(given)
    assert found == part
    assert extra == {}
    encoders: dict[type, Any] = {ImagePart: encode_image, DocumentPart: encode_file, AudioPart: encode_audio}
    if isinstance(part, TextPart):
        assert encode_text(part, output=False) == given
    else:
        assert encoders[type(part)](part) == given


def test_refusals_and_unknown_parts() -> None:
    """The latter stay this dialect's own."""
    parts, _, _ = read({"type": "refusal", "refusal": "no"}, {"type": "novel", "x": 1})
    assert parts == [RefusalPart(text="no"), OpaquePart(dialect="openai_responses", value={"type": "novel", "x": 1})]


def test_what_has_no_place() -> None:
    """Unknown fields are reported elsewhere; logprobs and a part's spelling say nothing there."""
    parts, extra, own = read(
        {"type": "output_text", "text": "a", "annotations": [], "logprobs": [1], "novel": 2},
        {"type": "text", "text": "b"},
        usual="output_text",
    )
    assert parts == [TextPart(text="a"), TextPart(text="b")]
    assert extra == {"content[0].novel": 2}
    assert own == {"content": "list", "content[0].annotations": [], "content[0].logprobs": [1], "content[1].type": "text"}


def test_a_second_source_is_left_over() -> None:
    """The first counts."""
    (image, file), extra, _ = read(
        {"type": "input_image", "image_url": "https://e.com/a", "file_id": "f"},
        {"type": "input_file", "file_url": "https://e.com/a", "file_id": "f"},
    )
    assert (image, file) == (ImagePart(url="https://e.com/a"), DocumentPart(url="https://e.com/a"))
    assert extra == {"content[0].file_id": "f", "content[1].file_id": "f"}


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (5, "input[0].content"),
        ([5], "input[0].content[0]"),
        ([{"text": "a"}], "input[0].content[0].type"),
        ([{"type": "input_text"}], "input[0].content[0].text"),
        ([{"type": "input_text", "text": "a", "annotations": [1]}], "input[0].content[0].annotations[0]"),
        ([{"type": "input_image"}], "input[0].content[0]"),
        ([{"type": "input_image", "image_url": "data:image/png;base64,%"}], "input[0].content[0].image_url"),
        ([{"type": "input_file"}], "input[0].content[0]"),
        ([{"type": "input_file", "file_data": "%"}], "input[0].content[0].file_data"),
        ([{"type": "input_audio", "input_audio": {"data": "%", "format": "wav"}}], "input[0].content[0].input_audio.data"),
        ([{"type": "input_audio", "input_audio": {"data": PDF}}], "input[0].content[0].input_audio.format"),
        ([{"type": "refusal"}], "input[0].content[0].refusal"),
    ],
)
def test_broken_content(value: Any, path: str) -> None:
    """Named by its place."""
    with pytest.raises(InvalidBody) as caught:
        ContentReader("input[0]", {}, {}, {}, usual="input_text").read(value, "content")
    assert caught.value.path == path


def test_citations() -> None:
    """OpenAI chat nests what this dialect does not; others have no form here."""
    flat = {"type": "url_citation", "url": "u", "title": "t", "start_index": 0, "end_index": 1}
    nested = {"type": "url_citation", "url_citation": {key: value for key, value in flat.items() if key != "type"}}
    assert annotation_of(flat, "openai_responses") == flat
    assert annotation_of(nested, "openai_chat") == flat
    assert annotation_of({"type": "char_location"}, "anthropic_messages") is None
    assert loses_citations(TextPart(text="a", citations=({},), citations_dialect="anthropic_messages"))
    text = TextPart(text="a", citations=(nested,), citations_dialect="openai_chat")
    assert not loses_citations(text)
    assert encode_text(text, output=True) == {"type": "output_text", "text": "a", "annotations": [flat]}


def test_defaults() -> None:
    """What a foreign part leaves open."""
    assert encode_image(ImagePart(data=PDF))["image_url"] == f"data:image/png;base64,{PDF}"
    assert encode_audio(AudioPart(id="a"))["input_audio"] == {"data": "", "format": "wav"}

"""Format words."""

import pytest

from proxy.codecs.bedrock_converse.media import document_format, image_format


@pytest.mark.parametrize(
    ("media_type", "data", "word"),
    [
        ("image/png", "", "png"),
        ("image/jpg", "", "jpeg"),
        ("IMAGE/WEBP; q=1", "", "webp"),
        (None, "/9j/4AAQ", "jpeg"),
        ("application/octet-stream", "R0lGODlh", "gif"),
        ("image/tiff", "iVBORw0K", None),
        ("application/pdf", "", None),
        (None, "AAAA", None),
        (None, "JVBERi0x", None),
    ],
)
def test_image_format(media_type: str | None, data: str, word: str | None) -> None:
    """By the type; by the data where the type says nothing; none for what the API does not take."""
    assert image_format(media_type, data) == word


@pytest.mark.parametrize(
    ("media_type", "title", "data", "word"),
    [
        ("application/pdf", None, "", "pdf"),
        ("text/markdown", None, "", "md"),
        ("text/x-python", "a.py", "", "txt"),
        (None, "table.CSV", "", "csv"),
        (None, "report", "JVBERi0x", "pdf"),
        ("application/zip", "a.zip", "", None),
        (None, None, "AAAA", None),
        ("image/png", None, "", None),
    ],
)
def test_document_format(media_type: str | None, title: str | None, data: str, word: str | None) -> None:
    """By the type, the data, the file's name; any other text is plain text."""
    assert document_format(media_type, title, data) == word

"""countTokens."""

from typing import Any

import pytest

from proxy.codecs.base import InvalidBody
from proxy.codecs.gemini_generate.count_tokens import decode_count, decode_count_request, encode_count

CONTENTS = [{"parts": [{"text": "hi"}]}]


@pytest.mark.parametrize(
    "body",
    [
        {"model": "m", "contents": CONTENTS},
        {"model": "m", "generateContentRequest": {"model": "models/m", "contents": CONTENTS}},
        {"generate_content_request": {"model": "models/m", "contents": CONTENTS}},
    ],
)
def test_both_forms(body: dict[str, Any]) -> None:
    """The contents, or the whole request."""
    request = decode_count_request(body)
    assert (request.model, len(request.messages)) == ("m", 1)


def test_the_whole_request_counts() -> None:
    """Instructions and tools as well."""
    inner = {"contents": CONTENTS, "systemInstruction": {"parts": [{"text": "S"}]}, "tools": [{"functionDeclarations": [{"name": "f"}]}]}
    request = decode_count_request({"model": "m", "generateContentRequest": inner})
    assert (len(request.messages), len(request.tools)) == (2, 1)


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"model": "m"}, "contents"),
        ({"model": "m", "contents": CONTENTS, "generateContentRequest": {"contents": CONTENTS}}, "contents"),
        ({"model": "m", "generateContentRequest": {"contents": []}}, "generateContentRequest.contents"),
    ],
)
def test_broken_ones_are_refused(body: dict[str, Any], path: str) -> None:
    """With the path."""
    with pytest.raises(InvalidBody) as caught:
        decode_count_request(body)
    assert caught.value.path == path


def test_the_answer() -> None:
    """Both ways."""
    assert encode_count(5) == {"totalTokens": 5}
    assert decode_count(b'{"totalTokens": 5, "promptTokensDetails": []}') == 5
    with pytest.raises(InvalidBody):
        decode_count(b"{}")

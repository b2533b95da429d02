"""countTokens."""

from typing import Any

import pytest

from proxy.codecs.base import InvalidBody
from proxy.codecs.gemini_generate import GeminiGenerateCodec
from proxy.codecs.gemini_generate.count_tokens import check, decode_count, encode_count, generation, own, resource, wrapped

CONTENTS = [{"parts": [{"text": "hi"}]}]
FOREIGN = [{"role": "model", "parts": [{"functionCall": {"name": "f"}, "thoughtSignature": "x"}]}]


@pytest.mark.parametrize(
    ("body", "base"),
    [
        ({"model": "m", "contents": CONTENTS}, ""),
        ({"model": "m", "generateContentRequest": {"model": "models/other", "contents": CONTENTS}}, "generateContentRequest"),
        ({"model": "m", "generate_content_request": {"contents": CONTENTS[0]}}, "generate_content_request"),
    ],
)
def test_both_forms(body: dict[str, Any], base: str) -> None:
    """The contents, or the whole request; the model is the URL's."""
    assert check(body).model == "m"
    whole, where = generation(body)
    request = GeminiGenerateCodec().decode_request(whole, {})
    assert (where, request.model, len(request.messages)) == (base, "m", 1)


def test_the_whole_request_counts() -> None:
    """Instructions and tools as well."""
    inner = {"contents": CONTENTS, "systemInstruction": {"parts": [{"text": "S"}]}, "tools": [{"functionDeclarations": [{"name": "f"}]}]}
    request = GeminiGenerateCodec().decode_request(generation({"model": "m", "generateContentRequest": inner})[0], {})
    assert (len(request.messages), len(request.tools)) == (2, 1)


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"contents": CONTENTS}, "model"),
        ({"model": "m"}, "contents"),
        ({"model": "m", "contents": "hi"}, "contents"),
        ({"model": "m", "contents": CONTENTS, "generateContentRequest": {"contents": CONTENTS}}, "contents"),
        ({"model": "m", "generateContentRequest": {"contents": []}}, "generateContentRequest.contents"),
        ({"model": "m", "generateContentRequest": []}, "generateContentRequest"),
    ],
)
def test_broken_ones_are_refused(body: dict[str, Any], path: str) -> None:
    """With the path."""
    with pytest.raises(InvalidBody) as caught:
        check(body)
    assert caught.value.path == path


def test_the_targets_name_stands_in_both_places() -> None:
    """Of a request that passes; what another provider signed is taken out of a whole one as out of a plain one."""
    assert own({"model": "m", "contents": CONTENTS}, "n") == {"model": "n", "contents": CONTENTS}
    sent = own({"model": "m", "generateContentRequest": {"model": "models/m", "contents": CONTENTS}}, "n")
    assert sent == {"model": "n", "generateContentRequest": {"model": "models/n", "contents": CONTENTS}}
    assert own({"model": "m", "generateContentRequest": {}}, "n")["generateContentRequest"] == {"model": "models/n"}


def test_a_translated_request_is_sent_whole() -> None:
    """So that instructions and tools count."""
    body = {"model": "m", "stream": False, "contents": CONTENTS, "tools": [], "serviceTier": "flex"}
    assert wrapped(body) == {"generateContentRequest": {"model": "models/m", "contents": CONTENTS, "tools": []}}
    assert (resource("models/m"), resource("tunedModels/t")) == ("models/m", "tunedModels/t")


def test_the_answer() -> None:
    """Both ways."""
    assert encode_count(5) == {"totalTokens": 5}
    assert decode_count(b'{"totalTokens": 5, "promptTokensDetails": []}') == 5
    with pytest.raises(InvalidBody):
        decode_count(b"{}")

"""The quick look at a request."""

from typing import Any

import pytest

from proxy.codecs.base import InvalidBody
from proxy.codecs.check import Asked
from proxy.codecs.gemini_generate.check import check

ASK: dict[str, Any] = {"model": "models/m", "contents": [{"parts": [{"text": "hi"}]}]}


def test_what_the_gateway_needs() -> None:
    """Model and stream; usage always comes."""
    assert check(ASK) == Asked("m", False, False)
    assert check({**ASK, "stream": True, "generationConfig": {"temperature": 2, "candidateCount": 1}}) == Asked("m", True, False)


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"model": ""}, "model"),
        ({"model": 1}, "model"),
        ({"contents": []}, "contents"),
        ({"contents": "hi"}, "contents"),
        ({"stream": 1}, "stream"),
        ({"generationConfig": {"temperature": 2.5}}, "generationConfig.temperature"),
        ({"generationConfig": {"candidateCount": 0}}, "generationConfig.candidateCount"),
        ({"generationConfig": {"maxOutputTokens": 0}}, "generationConfig.maxOutputTokens"),
        ({"generationConfig": []}, "generationConfig"),
    ],
)
def test_what_every_provider_would_refuse(change: dict[str, Any], path: str) -> None:
    """With its path."""
    with pytest.raises(InvalidBody) as caught:
        check({**ASK, **change})
    assert caught.value.path == path


@pytest.mark.parametrize(("value", "good"), [("5", True), (5.0, True), (5, True), ("0", False), ("many", False), (1.5, False), ("", False)])
def test_integers_may_be_strings(value: object, good: bool) -> None:
    """As Protocol Buffers in JSON allow."""
    body = {"model": "m", "contents": [{}], "generationConfig": {"maxOutputTokens": value}}
    if good:
        assert check(body).model == "m"
    else:
        with pytest.raises(InvalidBody) as caught:
            check(body)
        assert caught.value.path == "generationConfig.maxOutputTokens"

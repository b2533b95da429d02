"""Arguments and responses as text."""

from typing import Any

import pytest

from proxy.codecs.base import InvalidBody
from proxy.codecs.gemini_generate.functions import parse_arguments, response_of, text_of


def test_arguments_are_an_object() -> None:
    """Empty text is none."""
    assert parse_arguments('{"a":1}', "p") == {"a": 1}
    assert parse_arguments(" ", "p") == {}
    for text in ("[1]", '{"a":', '"x"'):
        with pytest.raises(InvalidBody) as caught:
            parse_arguments(text, "p")
        assert caught.value.path == "p"


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ({"output": "a"}, ("a", False)),
        ({"result": {"b": 1}}, ('{"b":1}', False)),
        ({"error": "no"}, ("no", True)),
        ({"b": 1, "output": 2}, ('{"b":1,"output":2}', False)),
        ({}, ("", False)),
    ],
)
def test_a_response_as_text(response: dict[str, Any], expected: tuple[str, bool]) -> None:
    """`output` and `error` are the API's words for the two outcomes."""
    assert text_of(response) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"b": 1}', {"b": 1}),
        ("plain", {"output": "plain"}),
        ("[1]", {"output": "[1]"}),
        ("{not json", {"output": "{not json"}),
        ("{}", {"output": "{}"}),
        (f'{{"a":{2**70}}}', {"output": f'{{"a":{2**70}}}'}),
    ],
)
def test_text_as_a_response(text: str, expected: dict[str, Any]) -> None:
    """An object is the response itself."""
    assert response_of(text, is_error=False) == expected


def test_an_error_is_named_so() -> None:
    """Also where its text is an object."""
    assert response_of('{"a":1}', is_error=True) == {"error": '{"a":1}'}

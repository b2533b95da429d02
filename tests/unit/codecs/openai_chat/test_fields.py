"""Field checks and the keeping of unknown fields."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.codecs.base import InvalidBody
from proxy.codecs.openai_chat.fields import integer, keep_rest, number, restore, split_data_url


def test_unknown_field_comes_back_where_it_stood() -> None:
    """Under its path, whatever its name."""
    extra: dict[str, Any] = {}
    keep_rest({"type": "t", "x": 1, "a.b": 2, 'q"[0]': 3}, {"type"}, "content[1]", extra)
    assert extra == {"content[1].x": 1, 'content[1]["a.b"]': 2, 'content[1]["q\\"[0]"]': 3}
    target: dict[str, Any] = {"content": [{}, {"type": "t"}]}
    restore(target, extra)
    assert target["content"][1] == {"type": "t", "x": 1, "a.b": 2, 'q"[0]': 3}


@given(st.dictionaries(st.text(min_size=1), st.integers()))
def test_any_top_level_name_survives(fields: dict[str, int]) -> None:
    """Dots, brackets and quotes in a name are no path."""
    extra: dict[str, Any] = {}
    keep_rest(fields, (), "", extra)
    target: dict[str, Any] = {}
    restore(target, extra)
    assert target == fields


@pytest.mark.parametrize("path", ["content[3].x", "gone.x", "text.x", "content[0].text.x", "content[0]"])
def test_place_that_is_gone_is_passed_over(path: str) -> None:
    """A policy may have removed the part."""
    target: dict[str, Any] = {"content": [{"text": "a"}], "text": "b"}
    restore(target, {path: 1})
    assert target == {"content": [{"text": "a"}], "text": "b"}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://example.com/a.png", None),
        ("data:text/plain,hello", None),
        ("data:image/png;base64,iVBORw0KGgo=", ("image/png", "iVBORw0KGgo=")),
        ("DATA:image/png;charset=x;BASE64,AAAA", ("image/png", "AAAA")),
    ],
)
def test_data_urls(url: str, expected: tuple[str, str] | None) -> None:
    """Only base64 ones are taken apart."""
    assert split_data_url(url, "u") == expected


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("data:image/png;base64", "comma"),
        ("data:image/png;base64,!!!", "not valid base64"),
        ("data:image/png;base64,AAA", "not valid base64"),
        ("data:image/png;base64,AA AA", "not valid base64"),
    ],
)
def test_bad_data_urls(url: str, message: str) -> None:
    """The path is named."""
    with pytest.raises(InvalidBody, match=message) as info:
        split_data_url(url, "messages[0].content[0].image_url.url")
    assert info.value.path == "messages[0].content[0].image_url.url"


def test_numbers() -> None:
    """A whole float counts as an integer; truth values are no numbers."""
    assert integer()(3.0, "n") == 3
    assert number()(1.5, "t") == 1.5
    for check in (integer(), number()):
        with pytest.raises(InvalidBody):
            check(True, "x")

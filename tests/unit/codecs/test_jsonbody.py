"""Strict JSON bodies: what cannot be re-serialised exactly is refused with its place."""

from typing import Any

import orjson
import pytest

from proxy.codecs.base import InvalidBody
from proxy.codecs.jsonbody import dump_json, dump_text, kind_of, parse_json, parse_object, require_utf8


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b'{"a": nul}', "line 1 column 7 (byte 6)"),
        ('{"é":\n "ü" 1}'.encode(), "line 2 column 6 (byte 13)"),
        (b'{"a":1', "line 1 column 7 (byte 6)"),
        (b'{"a":1} x', "line 1 column 9 (byte 8)"),
        (b'{"a":1e999}', "line 1 column 6 (byte 5)"),
        (b'{"a":1' + b"0" * 5000 + b"}", "line 1 column 6 (byte 5)"),
        (b'{"a":"\\ud800"}', "line 1 column 7 (byte 6)"),
        (b'{"a":"\xff"}', "line 1 column 7 (byte 6): not UTF-8"),
        (b'{"a":"\xed\xa0\x80"}', "not UTF-8"),
        (b"\xef\xbb\xbf{}", "byte 0"),
        (b'{"a":NaN}', "byte 5"),
        (b'{"a":01}', "byte 5"),
        (b'{"a":"x\ny"}', "byte 7"),
        (b"[" * 129 + b"]" * 129, "(byte 128): nested deeper than 128"),
        (b"[" * 5000 + b"]" * 5000, "nested deeper than 128"),
        (b'{"s":"[[{\\"[", "a":' + b'{"k":' * 128 + b"1" + b"}" * 129, "nested deeper than 128"),
    ],
)
def test_bad_bodies_name_their_place(body: bytes, message: str) -> None:
    """Line, column in characters and byte offset."""
    with pytest.raises(InvalidBody) as info:
        parse_json(body)
    assert message in info.value.message


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a":1,"a":2}', {"a": 2}),
        (b'{"a":"\\ud83d\\ude00"}', {"a": "😀"}),
        (b'{"a":18446744073709551615}', {"a": 2**64 - 1}),
        (b'{"a":1e308}', {"a": 1e308}),
        (b'{"a":0.1' + b"0" * 500 + b"}", {"a": 0.1}),
        (b"[" * 128 + b"]" * 128, None),
        (b'{"a":"' + b"[{" * 500 + b'"}', None),
        (b"[" + b",".join([b"{}"] * 500) + b"]", None),
    ],
)
def test_good_bodies(body: bytes, value: Any) -> None:
    """Duplicates collapse to the last, 128 levels are allowed, brackets in texts and side by side are no depth."""
    parsed = parse_json(body)
    assert value is None or parsed == value


def test_depth_limit_can_be_set() -> None:
    """Also beyond what orjson takes."""
    assert parse_json(b"[[1]]", max_depth=2) == [[1]]
    with pytest.raises(InvalidBody):
        parse_json(b"[[[1]]]", max_depth=2)
    assert parse_json(b"[" * 300 + b"]" * 300, max_depth=400)


def test_depth_is_looked_into_when_numbers_hinder() -> None:
    """A wide body that orjson refuses for a number is not taken for a deep one."""
    assert len(parse_json(b"[" + b"[],{}," * 100 + b"1" + b"0" * 30 + b"]")) == 201


def test_orjson_accepts_254_levels() -> None:
    """What the quick depth check stands on."""
    value: list[Any] = []
    for _ in range(253):
        value = [value]
    assert orjson.dumps(value)
    with pytest.raises(TypeError):
        orjson.dumps([value])


@pytest.mark.parametrize("body", [b"[]", b"1", b'"x"', b"null", b"true"])
def test_object_is_required(body: bytes) -> None:
    """The text says what came instead."""
    with pytest.raises(InvalidBody, match=f"must be a JSON object, not {kind_of(orjson.loads(body))}"):
        parse_object(body)


def test_object_passes() -> None:
    """A dict comes out."""
    assert parse_object(b'{"a":1}') == {"a": 1}


@pytest.mark.parametrize("number", [2**64, -(2**63) - 1, 10**30])
def test_integer_beyond_64_bits_is_refused_with_its_path(number: int) -> None:
    """Parsing keeps it whole; serialising for the upstream refuses it."""
    body = parse_object(b'{"messages":[{},{"x":{"n":%d}}]}' % number)
    with pytest.raises(InvalidBody) as info:
        dump_json(body)
    assert info.value.path == "messages[1].x.n"
    assert "64 bits" in info.value.message


@pytest.mark.parametrize(("value", "path"), [({"a": ["\ud800"]}, "a[0]"), ({"a": {"\udfff": 1}}, "a"), ("\ud800", "")])
def test_lone_surrogate_is_refused_with_its_path(value: Any, path: str) -> None:
    """Wherever it came from."""
    with pytest.raises(InvalidBody, match="lone surrogate") as info:
        dump_json(value)
    assert info.value.path == path


def test_foreign_values_are_refused() -> None:
    """What is no JSON at all has no path."""
    with pytest.raises(InvalidBody, match="cannot be written"):
        dump_json({"a": object()})


def test_dump_is_compact() -> None:
    """And keeps the order of keys."""
    assert dump_json({"b": 1, "a": ["ü"]}) == '{"b":1,"a":["ü"]}'.encode()


@pytest.mark.parametrize(
    ("value", "name"),
    [(None, "null"), (True, "a boolean"), (1, "a number"), (1.5, "a number"), ("", "a string"), ([], "an array"), ({}, "an object")],
)
def test_kinds(value: Any, name: str) -> None:
    """As JSON calls them."""
    assert kind_of(value) == name


def test_text_that_is_not_read_must_be_utf8_all_the_same() -> None:
    """Its first wrong byte is named."""
    require_utf8('{"ä": "€"}'.encode())
    with pytest.raises(InvalidBody, match=r"line 2 column 2 \(byte 4\): not UTF-8"):
        require_utf8(b'{"\n"\xff')


def test_text_can_carry_what_a_body_cannot() -> None:
    """Compact, characters as they are, integers beyond 64 bits with all their digits."""
    assert dump_text({"a": [1, None], "b": "é"}) == '{"a":[1,null],"b":"é"}'
    assert dump_text({"n": 2**70}) == f'{{"n":{2**70}}}'

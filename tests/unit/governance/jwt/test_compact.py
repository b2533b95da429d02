"""Taking a token apart."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.governance.jwt.compact import MAX_TOKEN_CHARS, Compact, is_token, parse
from proxy.governance.jwt.refusal import TokenRefused
from tests.support.tokens import b64

HEAD = b64(b'{"alg":"ES256"}')
BODY = b64(b'{"sub":"a"}')


def token(payload: str = '{"sub":"a"}', header: str = '{"alg":"ES256"}', signature: bytes = b"s") -> str:
    return f"{b64(header.encode())}.{b64(payload.encode())}.{b64(signature)}"


def test_its_parts() -> None:
    """What the signature is over are the bytes as they came."""
    assert parse(token()) == Compact({"alg": "ES256"}, {"sub": "a"}, f"{HEAD}.{BODY}".encode(), b"s")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"{HEAD}.{BODY}", "2 parts"),
        (f"{HEAD}.{BODY}.", "not signed"),
        (f"{HEAD}.a.b.c.d", "encrypted"),
        (f"{HEAD}.{BODY}.s.t", "4 parts"),
        (f"{HEAD}..c2ln", "base64url"),
        (f"{HEAD}.{BODY}.c2l+", "base64url"),
        (f"{HEAD}.{BODY}.c2lnx", "base64url"),
        (f"{HEAD}.{BODY}.c2ln=", "base64url"),
        (f"{HEAD}.{BODY}.c2k1c3R", "base64url"),
        (token("[1]"), "payload is no JSON object"),
        (token(header='"x"'), "header is no JSON object"),
        (token("{"), "payload is not JSON"),
        (token('{"exp": NaN}'), "payload is not JSON"),
        (token('{"exp": -Infinity}'), "payload is not JSON"),
        (token('{"a":1,"a":1}'), "twice"),
        (token('{"a":{"b":[{"c":1,"c":2}]}}'), "twice"),
        (token(header='{"alg":"ES256","\\u0061lg":"none"}'), "twice"),
        (token("[" * 2000), "payload is not JSON"),
        (token('{"exp":' + "9" * 5000 + "}"), "payload is not JSON"),
        (f"{HEAD}.{b64(bytes([255, 254]))}.c2ln", "payload is not JSON"),
        (token(signature=b"s" * 1025), "signature is longer"),
        ("x" * (MAX_TOKEN_CHARS + 1), "longer than 8192"),
    ],
)
def test_what_is_none(text: str, says: str) -> None:
    """Each in words that hold nothing of it."""
    with pytest.raises(TokenRefused, match=says):
        parse(text)


@given(st.text(st.sampled_from("eyJhbGciOiJub25l.-_+/= \n\0é{}"), max_size=80) | st.text(max_size=80))
def test_nothing_else_is_raised(text: str) -> None:
    """Whatever the text."""
    with contextlib.suppress(TokenRefused):
        parse(text)


@given(st.data())
def test_every_cut_is_noticed(data: st.DataObject) -> None:
    """What is left is refused, or has another signature."""
    whole = token(json.dumps({"sub": "ada", "aud": ["b", "c"], "exp": 1}), signature=bytes(range(64)))
    begin = data.draw(st.integers(0, len(whole) - 1))
    piece = whole[begin : data.draw(st.integers(begin, len(whole) - (begin == 0)))]
    try:
        found = parse(piece)
    except TokenRefused:
        return
    assert (found.signed, begin) == (parse(whole).signed, 0)
    assert len(found.signature) < 64


@pytest.mark.parametrize(
    ("credential", "found"),
    [(token(), True), ("eyJhbGciOiJ.", True), ("eyJ", False), ("lek_x." + "0" * 64, False), ("sk-eyJ.a.b", False), ("csa_a.b.c", False)],
)
def test_what_looks_like_one(credential: str, found: bool) -> None:
    """A cut one does, too; no key of ours does."""
    assert is_token(credential) is found

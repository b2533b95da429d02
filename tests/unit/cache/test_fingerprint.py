"""Edges of the cache key; its contract is tests/contract/test_contract_j_key.py."""

from typing import Any

import orjson
import pytest

from proxy.cache.fingerprint import EXCLUDED, fingerprint


def key(body: bytes, **parts: str) -> bytes:
    named = {"scope": "t", "dialect": "openai_chat", "route": "/v1/chat/completions", "model": "m", "route_digest": "d", **parts}
    return fingerprint(headers={}, body=orjson.loads(body), **named)


def test_it_is_32_bytes() -> None:
    """SHA-256, whole."""
    assert len(key(b"{}")) == 32


def test_the_body_is_left_alone() -> None:
    """It is sent to the provider afterwards."""
    body: dict[str, Any] = dict.fromkeys(EXCLUDED, 1) | {"messages": []}
    before = dict(body)
    fingerprint(scope="", dialect="", route="", model="", route_digest="", headers={}, body=body)
    assert body == before


@pytest.mark.parametrize(("one", "other"), [(b"0.7", b"0.700"), (b"0.7", b"7e-1"), (b"100.0", b"1e2")])
def test_spellings_of_a_number_are_one_key(one: bytes, other: bytes) -> None:
    """Numbers compare as parsed."""
    assert key(b'{"temperature": %s}' % one) == key(b'{"temperature": %s}' % other)


@pytest.mark.parametrize(("one", "other"), [(b"1", b"1.0"), (b"1", b"true"), (b"0", b"null"), (b'"1"', b"1"), (b"0.7", b"0.70000001")])
def test_different_values_are_two_keys(one: bytes, other: bytes) -> None:
    """Also an integer and the double next to it: a miss is cheaper than a wrong hit."""
    assert key(b'{"temperature": %s}' % one) != key(b'{"temperature": %s}' % other)


def test_an_absent_field_is_not_a_null_one() -> None:
    """Providers may tell them apart."""
    assert key(b'{"stop": null}') != key(b"{}")


def test_the_key_is_stable_over_releases() -> None:
    """Pinned: replicas of two releases share one L2. A change needs a new KEY_FORMAT and a line in the CHANGELOG."""
    digest = key(b'{"model":"m","messages":[{"role":"user","content":"caf\xc3\xa9"}],"temperature":0.7,"stream":true}')
    assert digest.hex() == "55675c107bdbef287254c8705d7364cd9712142f3d6847761b64ac87bda61da7"

"""Which requests are the same."""

from typing import Any

import pytest

from proxy.core.context import RequestContext
from proxy.core.errors import BadRequest
from proxy.core.route import RouteInfo
from proxy.governance.idempotency.fingerprint import checked, fingerprint


def of(body: Any, path: str = "/v1/x", query: bytes = b"") -> bytes:
    ctx = RequestContext(RouteInfo(name=path, family="openai"), "t", 0.0, {}, query, path)
    ctx.json = body
    return fingerprint(ctx)


def test_the_whole_body_counts_and_its_order_does_not() -> None:
    """At every depth; lists are in order."""
    assert of({"a": 1, "b": {"c": 2, "d": [1, 2]}}) == of({"b": {"d": [1, 2], "c": 2}, "a": 1})
    assert len({of({"a": [1, 2]}), of({"a": [2, 1]}), of({"a": [1, 2], "b": None}), of({"a": "[1, 2]"}), of({})}) == 5


def test_the_path_and_the_form_count_and_a_credential_does_not() -> None:
    """Google's clients have their key in the query, and ask for events there."""
    assert of({}) != of({}, "/v1/y")
    assert of({}, query=b"key=a") == of({}, query=b"key=b")
    assert of({}, query=b"alt=sse&key=a") != of({}, query=b"key=a")


@pytest.mark.parametrize("key", [b"", b"x" * 256, b"\x7f", b"a\tb", "ä".encode()])
def test_what_is_no_key(key: bytes) -> None:
    """1 to 255 printable ASCII characters."""
    with pytest.raises(BadRequest):
        checked(key)


def test_what_is_a_key() -> None:
    """Spaces, too."""
    assert checked(b"x" * 255) == b"x" * 255
    assert checked(b"order 1~") == b"order 1~"

"""Tokens beside keys."""

from collections.abc import Sequence

import pytest

from proxy.core.clock import SystemClock
from proxy.core.identity import Principal
from proxy.governance.jwt.front import KeysAndTokens
from proxy.governance.jwt.refusal import TokenRefused
from proxy.governance.jwt.tokens import Tokens
from proxy.governance.keys import Ended, key_digest

ANYBODY = Principal(key_id="k", tenant="t")


class Listening:
    """Keys that note what they are asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def find(self, digest: bytes) -> Principal | None:
        return ANYBODY if digest == key_digest("known") else None

    async def verify(self, key: str) -> Principal | None:
        self.asked.append(key)
        return None

    def ended(self, digest: bytes) -> Ended | None:
        return "expired"

    async def verify_signed(
        self, method: str, raw_path: bytes, query: bytes, headers: Sequence[tuple[bytes, bytes]], body: bytes
    ) -> Principal:
        return ANYBODY


async def test_a_token_is_never_taken_for_a_key() -> None:
    """Not even a cut one; everything else is the keys' affair."""
    keys = Listening()
    front = KeysAndTokens(keys, Tokens({}, SystemClock()))
    for token in ("eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.", "eyJhbGciOi."):
        with pytest.raises(TokenRefused):
            await front.verify(token)
    for key in ("sk-a", "lek_a." + "0" * 64, "csa_x", "a.b.c"):
        assert await front.verify(key) is None
    assert keys.asked == ["sk-a", "lek_a." + "0" * 64, "csa_x", "a.b.c"]
    assert front.find(key_digest("known")) is ANYBODY
    assert front.find(key_digest("eyJ.")) is None
    assert front.ended(b"") == "expired"
    assert await front.verify_signed("GET", b"/", b"", [], b"") is ANYBODY

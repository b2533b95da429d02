"""Tokens beside keys: what the auth wrapper asks where issuers are configured."""

from collections.abc import Sequence

from proxy.core.identity import Principal
from proxy.governance.auth import Keys
from proxy.governance.jwt.compact import is_token
from proxy.governance.jwt.tokens import Tokens
from proxy.governance.keys import Ended


class KeysAndTokens:
    """A credential that looks like a token is never taken for a key, so no record store is asked for it."""

    def __init__(self, keys: Keys, tokens: Tokens) -> None:
        self._keys = keys
        self._tokens = tokens

    def find(self, digest: bytes) -> Principal | None:
        principal = self._keys.find(digest)
        return principal if principal is not None else self._tokens.find(digest)

    async def verify(self, key: str) -> Principal | None:
        """Raises TokenRefused, Unavailable."""
        return await self._tokens.verify(key) if is_token(key) else await self._keys.verify(key)

    def ended(self, digest: bytes) -> Ended | None:
        return self._keys.ended(digest)

    async def verify_signed(
        self, method: str, raw_path: bytes, query: bytes, headers: Sequence[tuple[bytes, bytes]], body: bytes
    ) -> Principal:
        return await self._keys.verify_signed(method, raw_path, query, headers, body)


_: type[Keys] = KeysAndTokens

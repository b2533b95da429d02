"""Verifies tokens, and remembers those that are good.

A verified token is believed by its SHA-256 until it expires, `ttl_s` seconds at most, so that the hot path is one look-up in a dict and no
signature. When an issuer takes a key back all that is remembered is forgotten.
"""

import asyncio
from collections.abc import Mapping as Table
from hashlib import sha256

import msgspec

from proxy.core.clock import Clock
from proxy.core.identity import Principal
from proxy.governance.jwt.compact import parse
from proxy.governance.jwt.identity import Mapping
from proxy.governance.jwt.judge import judge_claims, judge_header
from proxy.governance.jwt.jwks import Jwks
from proxy.governance.jwt.refusal import TokenRefused
from proxy.settings.jwt import JwtSettings


class Issuer(msgspec.Struct, frozen=True, eq=False):
    settings: JwtSettings
    mapping: Mapping
    jwks: Jwks


class _Known(msgspec.Struct, frozen=True):
    principal: Principal
    until: float
    """Monotonic seconds."""


class Tokens:
    """`issuers`: by their `iss`. `size`: tokens remembered; the oldest goes first."""

    def __init__(self, issuers: Table[str, Issuer], clock: Clock, *, ttl_s: float = 300.0, size: int = 10_000) -> None:
        self.issuers = dict(issuers)
        self._clock = clock
        self._ttl_s = ttl_s
        self._size = size
        self._known: dict[bytes, _Known] = {}
        for issuer in self.issuers.values():
            issuer.jwks.on_taken_back = self._known.clear

    def find(self, digest: bytes) -> Principal | None:
        """By the SHA-256 of a whole token that was verified lately."""
        known = self._known.get(digest)
        if known is None or self._clock.monotonic() >= known.until:
            return None
        return known.principal

    async def verify(self, token: str) -> Principal:
        """Raises TokenRefused, IssuerUnavailable."""
        digest = sha256(token.encode()).digest()
        compact = parse(token)
        issuer = self._issuer(compact.claims.get("iss"))
        algorithm, kid = judge_header(compact.header, issuer.settings)
        until = judge_claims(compact.claims, issuer.settings, self._clock.time())
        keys = await issuer.jwks.find(kid, algorithm)
        if not any(key.verifies(algorithm, compact.signed, compact.signature) for key in keys):
            raise TokenRefused("its signature is not its issuer's")
        principal = issuer.mapping.principal(compact.claims)
        self._remember(digest, principal, until - self._clock.time())
        return principal

    async def keep(self) -> None:
        """For a background task: keeps the keys fresh; closes what it fetched them with at the end."""
        try:
            async with asyncio.TaskGroup() as group:
                for issuer in self.issuers.values():
                    group.create_task(issuer.jwks.keep())
        finally:
            for issuer in self.issuers.values():
                await issuer.jwks.aclose()

    def _issuer(self, name: object) -> Issuer:
        issuer = self.issuers.get(name) if isinstance(name, str) else None
        if issuer is None:
            raise TokenRefused("its issuer (`iss`) is not one of those that this gateway trusts")
        return issuer

    def _remember(self, digest: bytes, principal: Principal, lives_s: float) -> None:
        self._known.pop(digest, None)
        while len(self._known) >= self._size:
            del self._known[next(iter(self._known))]
        self._known[digest] = _Known(principal, self._clock.monotonic() + min(lives_s, self._ttl_s))

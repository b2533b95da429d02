"""Idempotency keys of all processes that share a Redis: `le1:{tenant}:idem:<sha256 of the key>`, a hash. Time is the server's.

Loss: every method raises RedisDown or RedisRefused.
"""

import hashlib
from typing import Any
from urllib.parse import quote

import msgspec

from proxy.storage.hot.admission_redis import PREFIX, Script, unknown
from proxy.storage.hot.base import HotStore, RedisRefused
from proxy.storage.hot.idempotency import Answer, Claim, IdempotencyStore, Name, decode, encode

Arg = str | bytes | int | float


class RedisIdempotency:
    def __init__(self, hot: HotStore, *, prefix: str = PREFIX) -> None:
        self._hot = hot
        self._prefix = prefix
        self._claim = Script("idempotency_claim.lua")
        self._renew = Script("idempotency_renew.lua")
        self._end = Script("idempotency_end.lua")

    async def claim(self, name: Name, fingerprint: bytes, token: str, *, lease_s: float, ttl_s: float) -> Claim:
        state, *rest = await self._run(self._claim, name, fingerprint, token, int(lease_s * 1000), int(ttl_s * 1000))
        match state:
            case b"kept":
                try:
                    return Claim("kept", decode(rest[0]))
                except msgspec.DecodeError as exc:
                    raise RedisRefused("ERR an answer kept under an Idempotency-Key cannot be read") from exc
            case b"busy":
                return Claim("busy", left_s=int(rest[0]) / 1000)
            case b"lead":
                return Claim("lead")
            case b"taken":
                return Claim("taken")
        return Claim("mismatch")

    async def renew(self, name: Name, token: str, *, lease_s: float) -> bool:
        return bool(await self._run(self._renew, name, token, int(lease_s * 1000)))

    async def finish(self, name: Name, token: str, answer: Answer, *, ttl_s: float) -> bool:
        return bool(await self._run(self._end, name, token, encode(answer), int(ttl_s * 1000)))

    async def release(self, name: Name, token: str) -> bool:
        return bool(await self._run(self._end, name, token))

    async def _run(self, script: Script, name: Name, *args: Arg) -> Any:
        keys = (f"{self._prefix}{{{quote(name.tenant, safe='@')}}}:idem:{hashlib.sha256(name.key).hexdigest()}",)
        try:
            return await script.run(self._hot, keys, args)
        except RedisRefused as exc:
            if not unknown(exc):
                raise
        return await script.whole(self._hot, keys, args)


_: type[IdempotencyStore] = RedisIdempotency

"""Which principal a key belongs to.

Static keys stand in the configuration. Signed keys stand in the record store; the signature is checked before any look-up, so guessing
never reaches the store. Loss of the store: keys looked up within the last `ttl_s` seconds go on working, others get 503; never 401.
"""

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from typing import TypeVar

import msgspec

from proxy.core.clock import Clock, SystemClock
from proxy.core.errors import Unavailable
from proxy.core.identity import Principal
from proxy.core.keys import SECRET_VERSION, is_sha256, sha256_hex, verify
from proxy.governance import sigv4_keys
from proxy.governance.sigv4_keys import UnrecognizedClient
from proxy.storage.records import KeyRecord, KeyRecords

_ID_CHARS = 16
_Id = TypeVar("_Id", bytes, str)


class StaticKeys:
    """`clients`: keys of role client, each its own tenant, all with `scopes`; `admin`: one of role admin. Each plain or as hex SHA-256 (64
    hex digits)."""

    def __init__(self, clients: Iterable[str] = (), admin: str | None = None, *, scopes: Iterable[str] = ()) -> None:
        self._scopes = frozenset(scopes)
        self.by_digest: dict[bytes, Principal] = {}
        """By the key's SHA-256, so that the time it takes tells nothing about a configured key."""
        for key in clients:
            self._add(key, role="client", name="API_KEYS")
        if admin is not None:
            self._add(admin, role="admin", name="LLM_EDGE_ADMIN_KEY")

    def __len__(self) -> int:
        return len(self.by_digest)

    def peek(self, key: str) -> Principal | None:
        return self.by_digest.get(key_digest(key))

    def _add(self, key: str, *, role: str, name: str) -> None:
        digest = key.lower() if is_sha256(key) else sha256_hex(key)
        key_id = f"key_{digest[:_ID_CHARS]}"
        self.by_digest[bytes.fromhex(digest)] = Principal(key_id=key_id, tenant=key_id, role=role, name=name, scopes=self._scopes)


class _Known(msgspec.Struct, frozen=True):
    """A look-up's result. `until`, in monotonic seconds: how long it is believed."""

    key_id: str
    principal: Principal | None
    until: float


class SignedKeys:
    """Verifies signed keys against the record store with a bounded cache.

    `secret`: the HMAC key. `ttl_s`: how long a look-up is believed, so how long a revocation made elsewhere may take to bite.
    `size`: look-ups kept; the oldest goes first.
    """

    def __init__(self, secret: bytes, records: KeyRecords, ttl_s: float = 10.0, *, size: int = 10_000, clock: Clock | None = None) -> None:
        self._secret = secret
        self._records = records
        self._ttl_s = ttl_s
        self._size = size
        self._clock = clock or SystemClock()
        self._known: dict[bytes, _Known] = {}
        self._access: dict[str, _Known] = {}
        """By access key id, which is no secret: never where a bearer token is looked for."""
        self._used: dict[str, float] = {}
        self._epoch = 0

    def peek(self, key: str) -> Principal | None:
        """From the cache alone; None also means: ask `verify`. An entry is found by the digest of the whole key, signature included."""
        return self.find(key_digest(key))

    def find(self, digest: bytes) -> Principal | None:
        """As `peek`, by the SHA-256 of the whole key."""
        known = self._known.get(digest)
        if known is None or known.principal is None or self._clock.monotonic() >= known.until:
            return None
        self._used[known.key_id] = self._clock.time()
        return known.principal

    async def verify(self, key: str) -> Principal | None:
        """None: malformed, wrong signature, unknown, revoked, disabled or expired. Raises Unavailable when the store can't say."""
        digest = key_digest(key)
        known = self._known.get(digest)
        if known is None or self._clock.monotonic() >= known.until:
            key_id = verify(self._secret, key)
            if key_id is None:
                return None
            known = await self._look_up(self._known, digest, key_id, digest.hex())
        if known.principal is not None:
            self._used[known.key_id] = self._clock.time()
        return known.principal

    async def verify_signed(
        self, method: str, raw_path: bytes, query: bytes, headers: Sequence[tuple[bytes, bytes]], body: bytes, hosts: frozenset[str]
    ) -> Principal:
        """As Keyring's."""
        secrets = {SECRET_VERSION: self._secret}
        verified = sigv4_keys.verify(
            method, raw_path, query, headers, body, now=self._clock.time(), secrets_by_version=secrets, hosts=hosts
        )
        access_key = verified.access_key_id
        known = self._access.get(access_key)
        if known is None or self._clock.monotonic() >= known.until:
            known = await self._look_up(self._access, access_key, access_key, sha256_hex(access_key))
        if known.principal is None:
            raise UnrecognizedClient("The security token included in the request is invalid.")
        self._used[access_key] = self._clock.time()
        return known.principal

    def drop(self, key_id: str) -> None:
        """Forget a key that was revoked or changed; a look-up under way is not believed either."""
        self._epoch += 1
        for digest in [digest for digest, known in self._known.items() if known.key_id == key_id]:
            del self._known[digest]
        self._access.pop(key_id, None)

    def drop_all(self) -> None:
        self._epoch += 1
        self._known.clear()
        self._access.clear()

    async def flush(self) -> None:
        """Write `last_used` of the keys seen since the last flush; to be called every few seconds and at shutdown.

        A store that is down keeps them for the next time.
        """
        used, self._used = self._used, {}
        try:
            await self._records.touch(used)
        except Unavailable:
            self._used = {**used, **self._used}

    async def _look_up(self, memory: dict[_Id, _Known], name: _Id, key_id: str, key_hash: str) -> _Known:
        epoch = self._epoch
        record = await self._records.get(key_id)
        now = self._clock.time()
        principal = _principal(record, key_hash, now) if record is not None else None
        believed_s = self._ttl_s
        if principal is not None and record is not None and record.expires_at is not None:
            believed_s = min(believed_s, record.expires_at - now)
        known = _Known(key_id, principal, self._clock.monotonic() + believed_s)
        if epoch == self._epoch:
            memory.pop(name, None)
            while len(memory) >= self._size:
                del memory[next(iter(memory))]
            memory[name] = known
        return known


class Keyring:
    """Static keys, then signed ones: what the auth wrapper asks. `signed` None: static keys only."""

    def __init__(self, static: StaticKeys, signed: SignedKeys | None = None, *, hosts: frozenset[str] = frozenset()) -> None:
        """`hosts`: names by which clients reach the gateway, for signatures (`server.public_hosts`)."""
        self._hosts = hosts
        self._static = static
        self._static_by_digest = static.by_digest
        self._signed = signed

    def find(self, digest: bytes) -> Principal | None:
        """Answers from memory, by the SHA-256 of the whole key; None: ask `verify`."""
        principal = self._static_by_digest.get(digest)
        if principal is None and self._signed is not None:
            return self._signed.find(digest)
        return principal

    async def verify(self, key: str) -> Principal | None:
        """None: no such live key. Raises Unavailable when the record store can't say."""
        principal = self.find(key_digest(key))
        if principal is not None or self._signed is None:
            return principal
        return await self._signed.verify(key)

    async def verify_signed(
        self, method: str, raw_path: bytes, query: bytes, headers: Sequence[tuple[bytes, bytes]], body: bytes
    ) -> Principal:
        """Of a request signed with an access key that the gateway issued: first the signature, then the record. Raises UnrecognizedClient,
        InvalidSignature, IncompleteSignature, Unavailable."""
        if self._signed is None:
            raise UnrecognizedClient("This gateway has no signing secret, so it knows no access keys.")
        return await self._signed.verify_signed(method, raw_path, query, headers, body, self._hosts)


def key_digest(key: str) -> bytes:
    """What keys are found by: SHA-256 of the whole key."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


def _principal(record: KeyRecord, key_hash: str, now: float) -> Principal | None:
    """None unless the record is live and of this very key (a store may hold a hash of a key signed with an older secret)."""
    if record.status != "active" or (record.expires_at is not None and record.expires_at <= now):
        return None
    if record.key_hash and not hmac.compare_digest(record.key_hash, key_hash):
        return None
    return Principal(
        key_id=record.key_id,
        tenant=record.tenant,
        role=record.role,
        name=record.name,
        scopes=frozenset(record.scopes),
        models=frozenset(record.models) if record.models is not None else None,
    )

"""Which principal a key belongs to.

Static keys stand in the configuration. Signed keys stand in the record store; the signature is checked before any look-up, so guessing
never reaches the store. Agent keys (`csa_...`) are opaque: what has their shape is looked up by its SHA-256. Loss of the store: keys
looked up within the last `ttl_s` seconds go on working, others get 503; never 401.
"""

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from typing import Literal, TypeVar

import msgspec

from proxy.core.clock import Clock, SystemClock
from proxy.core.errors import Unavailable
from proxy.core.identity import BUILT_IN, Principal, Roles, expand
from proxy.core.keys import SECRET_VERSION, is_agent_key, is_sha256, sha256_hex, verify
from proxy.governance import sigv4_keys
from proxy.governance.sigv4_keys import ExpiredToken, InvalidSignature, UnrecognizedClient
from proxy.storage.records import KeyRecord, KeyRecords

_ID_CHARS = 16
_STRANGERS = 1000
"""Opaque keys remembered as unknown; apart, so that guesses put no known key out."""
_Id = TypeVar("_Id", bytes, str)
Ended = Literal["disabled", "expired"]
"""Why a key of ours is live no more; a revoked one is disabled."""


class StaticKeys:
    """`clients`: keys of role client, each its own tenant, all with `scopes`; `admin`: one of role admin. Each plain or as hex SHA-256 (64
    hex digits)."""

    def __init__(self, clients: Iterable[str] = (), admin: str | None = None, *, scopes: Iterable[str] = ()) -> None:
        self._scopes = expand(scopes)
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
        self.by_digest[bytes.fromhex(digest)] = Principal(
            key_id=key_id, tenant=key_id, role=role, name=name, scopes=self._scopes, defaults=role != "admin", configured=True
        )


class _Known(msgspec.Struct, frozen=True):
    """A look-up's result. `until`, in monotonic seconds: how long it is believed."""

    key_id: str
    principal: Principal | None
    until: float
    ended: Ended | None = None


class SignedKeys:
    """Verifies signed keys against the record store with a bounded cache.

    `secret`: the HMAC key; `previous`: another one whose keys are still good. `ttl_s`: how long a look-up is believed, so how long a
    revocation made elsewhere may take to bite where nobody tells of it. `size`: look-ups kept; the oldest goes first.
    """

    def __init__(
        self,
        secret: bytes,
        records: KeyRecords,
        ttl_s: float = 10.0,
        *,
        size: int = 10_000,
        clock: Clock | None = None,
        previous: bytes | None = None,
        roles: Roles = BUILT_IN,
    ) -> None:
        self._secrets = (secret,) if previous is None else (secret, previous)
        self._roles = roles
        self._records = records
        self._ttl_s = ttl_s
        self._size = size
        self._clock = clock or SystemClock()
        self._known: dict[bytes, _Known] = {}
        self._access: dict[str, _Known] = {}
        """By access key id, which is no secret: never where a bearer token is looked for."""
        self._strangers: dict[bytes, float] = {}
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
            key_id = next((key_id for secret in self._secrets if (key_id := verify(secret, key)) is not None), None)
            if key_id is not None:
                known = await self._look_up(self._known, digest, key_id, digest.hex())
            elif is_agent_key(key):
                known = await self._look_up_opaque(digest)
            else:
                return None
        if known.principal is not None:
            self._used[known.key_id] = self._clock.time()
        return known.principal

    @property
    def cached(self) -> int:
        """Look-ups that are kept, of keys that are live and of others."""
        return len(self._known) + len(self._access)

    def ended(self, digest: bytes) -> Ended | None:
        """Of a key that `verify` has just said no to, by its SHA-256."""
        known = self._known.get(digest)
        return known.ended if known is not None else None

    async def verify_signed(
        self, method: str, raw_path: bytes, query: bytes, headers: Sequence[tuple[bytes, bytes]], body: bytes, hosts: frozenset[str]
    ) -> Principal:
        """As Keyring's."""
        access_key = self._signer(method, raw_path, query, headers, body, hosts)
        known = self._access.get(access_key)
        if known is None or self._clock.monotonic() >= known.until:
            known = await self._look_up(self._access, access_key, access_key, sha256_hex(access_key))
        if known.principal is None:
            if known.ended == "expired":
                raise ExpiredToken("The security token included in the request is expired.")
            raise UnrecognizedClient("The security token included in the request is invalid.")
        self._used[access_key] = self._clock.time()
        return known.principal

    def drop(self, key_id: str) -> None:
        """Forget a key that was revoked or changed; a look-up under way is not believed either."""
        self._epoch += 1
        for digest in [digest for digest, known in self._known.items() if known.key_id == key_id]:
            del self._known[digest]
        self._access.pop(key_id, None)
        self._strangers.clear()

    def drop_all(self) -> None:
        self._epoch += 1
        self._known.clear()
        self._access.clear()
        self._strangers.clear()

    async def flush(self) -> None:
        """Write `last_used` of the keys seen since the last flush; to be called every few seconds and at shutdown.

        A store that is down keeps them for the next time.
        """
        used, self._used = self._used, {}
        try:
            await self._records.touch(used)
        except Unavailable:
            self._used = {**used, **self._used}

    def _signer(
        self, method: str, raw_path: bytes, query: bytes, headers: Sequence[tuple[bytes, bytes]], body: bytes, hosts: frozenset[str]
    ) -> str:
        """The access key. An id names the first version of the secret whatever the secret is now, so both are tried."""
        for secret in self._secrets:
            last = secret is self._secrets[-1]
            try:
                return sigv4_keys.verify(
                    method,
                    raw_path,
                    query,
                    headers,
                    body,
                    now=self._clock.time(),
                    secrets_by_version={SECRET_VERSION: secret},
                    hosts=hosts,
                ).access_key_id
            except InvalidSignature:
                if last:
                    raise
        raise AssertionError("there is a secret")

    async def _look_up(self, memory: dict[_Id, _Known], name: _Id, key_id: str, key_hash: str) -> _Known:
        epoch = self._epoch
        known = self._judge(await self._records.get(key_id), key_id, key_hash)
        if epoch == self._epoch:
            self._keep(memory, name, known)
        return known

    async def _look_up_opaque(self, digest: bytes) -> _Known:
        now = self._clock.monotonic()
        until = self._strangers.get(digest)
        if until is not None and now < until:
            return _Known("", None, until)
        epoch = self._epoch
        record = await self._records.by_hash(digest.hex())
        known = self._judge(record, record.key_id if record is not None else "", digest.hex())
        if epoch == self._epoch:
            if record is None:
                self._strangers.pop(digest, None)
                while len(self._strangers) >= _STRANGERS:
                    del self._strangers[next(iter(self._strangers))]
                self._strangers[digest] = known.until
            else:
                self._keep(self._known, digest, known)
        return known

    def _judge(self, record: KeyRecord | None, key_id: str, key_hash: str) -> _Known:
        """Nobody's unless it is of this very key (a store may hold a hash of a key signed with an older secret)."""
        until = self._clock.monotonic() + self._ttl_s
        if record is None or (record.key_hash and not hmac.compare_digest(record.key_hash, key_hash)):
            return _Known(key_id, None, until)
        now = self._clock.time()
        if record.status != "active":
            return _Known(key_id, None, until, "disabled")
        if record.expires_at is not None and record.expires_at <= now:
            return _Known(key_id, None, until, "expired")
        if record.expires_at is not None:
            until = min(until, self._clock.monotonic() + record.expires_at - now)
        return _Known(key_id, principal_of(record, self._roles), until)

    def _keep(self, memory: dict[_Id, _Known], name: _Id, known: _Known) -> None:
        memory.pop(name, None)
        while len(memory) >= self._size:
            del memory[next(iter(memory))]
        memory[name] = known


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

    def ended(self, digest: bytes) -> Ended | None:
        return self._signed.ended(digest) if self._signed is not None else None

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


def principal_of(record: KeyRecord, roles: Roles = BUILT_IN) -> Principal:
    """As its record says, whether it is live or not."""
    return Principal(
        key_id=record.key_id,
        tenant=record.tenant,
        role=record.role,
        name=record.name,
        scopes=roles.beside(record.role, record.scopes),
        models=frozenset(record.models) if record.models is not None else None,
        agents=frozenset(record.agents) if record.agents is not None else None,
        user=record.user,
        service=record.service,
        team=record.team,
        project=record.project,
        limits=record.limits,
        caps=record.caps,
        allowed_ips=record.allowed_ips,
    )

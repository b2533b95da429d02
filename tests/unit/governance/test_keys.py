"""Which principal a key belongs to."""

import asyncio
import hashlib
import hmac

import msgspec
import pytest

from proxy.core import keys
from proxy.core.entities import Caps, Limits
from proxy.core.errors import Unavailable
from proxy.core.identity import Roles
from proxy.core.keys import sha256_hex, signed_key
from proxy.governance.keys import Keyring, SignedKeys, StaticKeys, key_digest
from proxy.storage.issue import AGENT_LIMITS, new_agent_key, new_key
from proxy.storage.records import KeyRecord
from proxy.storage.records_memory import MemoryRecords
from tests.support.clock import FakeClock

SECRET = b"0123456789abcdef0123456789abcdef"


class GatedRecords(MemoryRecords):
    """Each `get` reads, then waits at the gate with what it has read."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.reads = 0

    async def get(self, key_id: str) -> KeyRecord | None:
        self.reads += 1
        found = await super().get(key_id)
        await self.gate.wait()
        return found


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def records() -> MemoryRecords:
    return MemoryRecords()


@pytest.fixture
def signed(records: MemoryRecords, clock: FakeClock) -> SignedKeys:
    return SignedKeys(SECRET, records, 10.0, size=3, clock=clock)


async def made(records: MemoryRecords, **fields: object) -> str:
    key, record = new_key(SECRET, 1_800_000_000.0)
    await records.create(msgspec.structs.replace(record, **fields))
    return key


@pytest.mark.parametrize("spelling", [str, sha256_hex, lambda key: sha256_hex(key).upper()])
def test_a_static_key_is_found_plain_or_by_digest(spelling: object) -> None:
    """As configured either way; each is its own tenant under a name that is safe to log."""
    assert callable(spelling)
    principal = StaticKeys([spelling("sk-a")]).peek("sk-a")
    assert principal is not None
    assert principal.role == "client"
    assert principal.key_id == principal.tenant == f"key_{sha256_hex('sk-a')[:16]}"


def test_a_configured_digest_is_no_key() -> None:
    """Who reads the configuration can't call with what stands there."""
    digest = sha256_hex("sk-a")
    assert StaticKeys([digest]).peek(digest) is None


def test_static_keys_are_told_apart() -> None:
    """Two keys, two tenants; the admin key has role admin; nothing else is known."""
    keys = StaticKeys(["a", "b"], "adm")
    a, b, admin = keys.peek("a"), keys.peek("b"), keys.peek("adm")
    assert a is not None
    assert b is not None
    assert admin is not None
    assert a.tenant != b.tenant
    assert admin.role == "admin"
    assert keys.peek("c") is None
    assert len(keys) == 3


def test_an_admin_key_that_is_also_a_client_key_is_an_admin_key() -> None:
    """The greater role wins, in whatever order."""
    principal = StaticKeys(["same"], "same").peek("same")
    assert principal is not None
    assert principal.role == "admin"


async def test_a_live_signed_key_has_its_records_principal(records: MemoryRecords, signed: SignedKeys) -> None:
    """Tenant, role, scopes and models come from the store."""
    key = await made(records, tenant="acme", role="developer", scopes=("act_as",), models=("gpt-4o",), name="ci")
    principal = await signed.verify(key)
    assert principal is not None
    assert (principal.tenant, principal.role, principal.name) == ("acme", "developer", "ci")
    assert (principal.scopes, principal.models) == (frozenset({"act_as"}), frozenset({"gpt-4o"}))


@pytest.mark.parametrize(
    "fields",
    [{"status": "revoked"}, {"status": "disabled"}, {"expires_at": 1_800_000_000.0}, {"key_hash": sha256_hex("another")}],
)
async def test_a_dead_key_is_nobody(records: MemoryRecords, signed: SignedKeys, fields: dict[str, object]) -> None:
    """Revoked, disabled, expired, or not the key that the record is of."""
    assert await signed.verify(await made(records, **fields)) is None


async def test_a_valid_signature_without_a_record_is_nobody(signed: SignedKeys) -> None:
    """401, as PRODUCT.md says."""
    assert await signed.verify(signed_key(SECRET, "lek_unknown")) is None


async def test_a_record_without_a_hash_is_accepted(records: MemoryRecords, signed: SignedKeys) -> None:
    """Older stores may lack it; the signature has been checked."""
    assert await signed.verify(await made(records, key_hash="")) is not None


async def test_a_wrong_signature_never_reaches_the_store(records: MemoryRecords, signed: SignedKeys) -> None:
    """Even while it is down, guessing gets a plain no."""
    records.fail(True)
    assert await signed.verify(signed_key(b"x" * 32, "lek_a")) is None
    assert await signed.verify("sk-anything") is None


async def test_a_lost_store_is_unavailable_and_never_nobody(records: MemoryRecords, signed: SignedKeys) -> None:
    """503, and it heals by itself."""
    key = await made(records)
    records.fail(True)
    with pytest.raises(Unavailable):
        await signed.verify(key)
    records.fail(False)
    assert await signed.verify(key) is not None


async def test_a_known_key_outlives_the_store_for_its_ttl(records: MemoryRecords, signed: SignedKeys, clock: FakeClock) -> None:
    """Then it is unavailable."""
    key = await made(records)
    await signed.verify(key)
    records.fail(True)
    clock.advance(9.9)
    assert await signed.verify(key) is not None
    assert signed.peek(key) is not None
    clock.advance(0.2)
    assert signed.peek(key) is None
    with pytest.raises(Unavailable):
        await signed.verify(key)


async def test_a_revocation_made_elsewhere_bites_after_the_ttl(records: MemoryRecords, signed: SignedKeys, clock: FakeClock) -> None:
    """Also under constant traffic: use does not prolong belief."""
    key = await made(records)
    await signed.verify(key)
    await records.set_status(key.partition(".")[0], "revoked")
    for _ in range(5):
        clock.advance(1.9)
        assert await signed.verify(key) is not None
    clock.advance(1.9)
    assert await signed.verify(key) is None


async def test_a_dropped_key_is_asked_anew(records: MemoryRecords, signed: SignedKeys) -> None:
    """At once; others stay known."""
    gone, kept = await made(records), await made(records)
    await signed.verify(gone)
    await signed.verify(kept)
    await records.set_status(gone.partition(".")[0], "revoked")
    signed.drop(gone.partition(".")[0])
    assert signed.peek(kept) is not None
    assert await signed.verify(gone) is None


async def test_all_can_be_dropped(records: MemoryRecords, signed: SignedKeys) -> None:
    """After a lost subscription nobody knows what was missed."""
    key = await made(records)
    await signed.verify(key)
    signed.drop_all()
    assert signed.peek(key) is None


async def test_a_look_up_that_a_revocation_overtakes_is_not_believed(clock: FakeClock) -> None:
    """It read the record before, and must not put it into the cache after."""
    records = GatedRecords()
    key = await made(records)
    signed = SignedKeys(SECRET, records, 10.0, clock=clock)
    pending = asyncio.ensure_future(signed.verify(key))
    while records.reads == 0:
        await asyncio.sleep(0)
    await records.set_status(key.partition(".")[0], "revoked")
    signed.drop(key.partition(".")[0])
    records.gate.set()
    await pending
    assert signed.peek(key) is None
    assert await signed.verify(key) is None


async def test_expiry_bites_inside_the_ttl(records: MemoryRecords, signed: SignedKeys, clock: FakeClock) -> None:
    """A key that ends in 3 s is not believed for 10."""
    key = await made(records, expires_at=clock.time() + 3)
    assert await signed.verify(key) is not None
    clock.advance(3)
    assert await signed.verify(key) is None


async def test_the_cache_is_bounded(records: MemoryRecords, signed: SignedKeys) -> None:
    """The oldest look-up goes first."""
    keys = [await made(records) for _ in range(4)]
    for key in keys:
        await signed.verify(key)
    assert [signed.peek(key) is not None for key in keys] == [False, True, True, True]


async def test_unknown_keys_are_remembered_too(clock: FakeClock) -> None:
    """A revoked key under constant traffic is one look-up a TTL."""
    records = GatedRecords()
    records.gate.set()
    signed = SignedKeys(SECRET, records, 10.0, clock=clock)
    for _ in range(3):
        assert await signed.verify(signed_key(SECRET, "lek_gone")) is None
    assert records.reads == 1


class CountedRecords(MemoryRecords):
    """Counts look-ups of keys, by id and by hash."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    async def get(self, key_id: str) -> KeyRecord | None:
        self.asked += 1
        return await super().get(key_id)

    async def by_hash(self, key_hash: str) -> KeyRecord | None:
        self.asked += 1
        return await super().by_hash(key_hash)


async def test_no_forged_key_reaches_the_store(clock: FakeClock) -> None:
    """Every cut, every changed digit, other cases and shapes: 0 look-ups. The true key is one."""
    records = CountedRecords()
    key = await made(records)
    _, agent = keys.new_agent_key()
    signed = SignedKeys(SECRET, records, 10.0, clock=clock, previous=b"p" * 32)
    key_id, _, signature = key.partition(".")
    forged = [key[:cut] for cut in range(len(key))]
    forged += [f"{key_id}.{signature[:at]}{'0' if signature[at] != '0' else '1'}{signature[at + 1 :]}" for at in range(64)]
    forged += [
        key.upper(),
        f" {key}",
        f"{key} ",
        f"{key}\n",
        f"{key}0",
        f"{key_id}..{signature}",
        f".{signature}",
        f"{key_id}x.{signature}",
    ]
    forged += [signed_key(b"x" * 32, key_id), "", ".", "a.b.c", "sk-" + "x" * 48, "x" * 5000, "lek_\x00", "é" * 20, "\udcff"]
    forged += [agent[:-1], agent + "x", agent.replace("csa_", "csb_"), agent[:10] + "." + agent[11:], "csa_", "CSA_" + agent[4:]]
    for wrong in forged:
        assert await signed.verify(wrong) is None, wrong
    assert records.asked == 0
    assert await signed.verify(key) is not None
    assert records.asked == 1


async def test_agent_keys_are_found_by_their_hash(clock: FakeClock) -> None:
    """Known ones stay known; guesses are remembered apart, so that they put no known key out, and forgotten at any notice."""
    records = CountedRecords()
    key, record = new_agent_key(1.0, tenant="acme")
    await records.create(record)
    signed = SignedKeys(SECRET, records, 10.0, size=3, clock=clock)
    principal = await signed.verify(key)
    assert principal is not None
    assert (principal.key_id, principal.tenant, principal.limits) == (record.key_id, "acme", AGENT_LIMITS)
    guesses = [keys.new_agent_key()[1] for _ in range(1010)]
    for guess in guesses:
        assert await signed.verify(guess) is None
    assert signed.peek(key) is not None
    asked = records.asked
    assert await signed.verify(guesses[-1]) is None
    assert records.asked == asked
    await signed.verify(guesses[0])
    assert records.asked == asked + 1
    signed.drop("anything")
    await signed.verify(guesses[-1])
    assert records.asked == asked + 2
    await records.set_status(record.key_id, "disabled")
    signed.drop(record.key_id)
    assert await signed.verify(key) is None
    assert signed.ended(key_digest(key)) == "disabled"


@pytest.mark.parametrize(
    ("fields", "ended"),
    [
        ({"status": "revoked"}, "disabled"),
        ({"status": "disabled"}, "disabled"),
        ({"expires_at": 1_800_000_000.0}, "expired"),
        ({"key_hash": sha256_hex("another")}, None),
        ({}, None),
    ],
)
async def test_why_a_key_is_no_good(records: MemoryRecords, signed: SignedKeys, fields: dict[str, object], ended: str | None) -> None:
    """For those whose clients are told."""
    key = await made(records, **fields)
    await signed.verify(key)
    assert signed.ended(key_digest(key)) == ended
    assert Keyring(StaticKeys(), signed).ended(key_digest(key)) == ended
    assert Keyring(StaticKeys()).ended(key_digest(key)) is None


async def test_keys_of_the_secret_before_are_good(records: MemoryRecords, clock: FakeClock) -> None:
    """But not its id signed anew: the record has the hash of the one that was given out."""
    key = await made(records)
    new = b"new-secret-" + SECRET
    both = SignedKeys(new, records, 10.0, clock=clock, previous=SECRET)
    assert await both.verify(key) is not None
    assert await both.verify(signed_key(new, key.partition(".")[0])) is None
    assert await SignedKeys(new, records, 10.0, clock=clock).verify(key) is None


async def test_an_agenthub_key_verifies(records: MemoryRecords, signed: SignedKeys) -> None:
    """A bare id of 22 characters, signed by the same rule."""
    import secrets

    key_id = secrets.token_urlsafe(16)
    key = f"{key_id}.{hmac.new(SECRET, key_id.encode(), hashlib.sha256).hexdigest()}"
    await records.create(KeyRecord(key_id=key_id, tenant=key_id, key_hash=hashlib.sha256(key.encode()).hexdigest(), created_at=0.0))
    principal = await signed.verify(key)
    assert principal is not None
    assert principal.key_id == key_id


async def test_all_of_a_record_is_in_its_principal(records: MemoryRecords, clock: FakeClock) -> None:
    """And what a role of the configuration allows."""
    fields: dict[str, object] = {
        "agents": ("a",), "user": "ann", "service": "bot", "team": "search", "project": "p", "limits": Limits(rpm=5),
        "caps": Caps(monthly=7), "allowed_ips": ("10.0.0.0/8",),
    }  # fmt: skip
    key = await made(records, role="auditor", scopes=("routing",), **fields)
    signed = SignedKeys(SECRET, records, 10.0, clock=clock, roles=Roles({"auditor": ("usage",)}))
    principal = await signed.verify(key)
    assert principal is not None
    assert principal.scopes == {"usage", "routing"}
    assert {name: getattr(principal, name) for name in fields} == {**fields, "agents": frozenset({"a"})}


async def test_last_use_is_written_by_flush(records: MemoryRecords, signed: SignedKeys, clock: FakeClock) -> None:
    """Of hits and misses of the cache alike, once."""
    key = await made(records)
    key_id = key.partition(".")[0]
    await signed.verify(key)
    clock.advance(5)
    signed.peek(key)
    await signed.flush()
    record = await records.get(key_id)
    assert record is not None
    assert record.last_used == clock.time()


async def test_flush_keeps_what_a_lost_store_did_not_take(records: MemoryRecords, signed: SignedKeys, clock: FakeClock) -> None:
    """The newer of two uses holds."""
    key = await made(records)
    await signed.verify(key)
    records.fail(True)
    await signed.flush()
    records.fail(False)
    await signed.flush()
    record = await records.get(key.partition(".")[0])
    assert record is not None
    assert record.last_used == clock.time()


async def test_the_keyring_asks_static_keys_first(records: MemoryRecords, signed: SignedKeys) -> None:
    """They need no store."""
    ring = Keyring(StaticKeys(["sk-a"]), signed)
    key = await made(records)
    assert ring.find(key_digest(key)) is None
    assert await ring.verify(key) is not None
    assert ring.find(key_digest(key)) is not None
    records.fail(True)
    assert ring.find(key_digest("sk-a")) is not None
    assert await ring.verify("sk-a") is not None
    assert await ring.verify("sk-b") is None


async def test_a_keyring_without_a_store_knows_static_keys_only() -> None:
    """Signed ones are unknown there."""
    ring = Keyring(StaticKeys(["sk-a"]))
    assert ring.find(key_digest("sk-b")) is None
    assert await ring.verify(signed_key(SECRET, "lek_a")) is None

"""What every ledger keeps; one suite over all implementations (contracts F and R)."""

from collections.abc import AsyncIterator

import msgspec
import pytest

from proxy.core.entities import Entity
from proxy.core.errors import BadRequest, Unavailable
from proxy.storage.open import BackEnd, open_usage
from proxy.storage.usage import UsageLine, UsageRecord, UsageRecords, body_of

AT = 1_795_651_200.0
"""2026-11-26T00:00:00Z"""


@pytest.fixture
async def ledger(url: str) -> AsyncIterator[UsageRecords]:
    opened = open_usage(url)
    yield opened
    await opened.aclose()


def record(id_: str, **fields: object) -> UsageRecord:
    made = UsageRecord(
        id=id_,
        at=AT,
        tenant="acme",
        key_id="k1",
        asked="smart",
        provider="openai",
        model="gpt-4o",
        entities=(Entity("API_KEY", "k1", "acme"), Entity("USER", "ann", "acme"), Entity("TENANT", "acme", "acme")),
        input_tokens=10,
        output_tokens=2,
        costs={"input": 70, "output": 30},
        cost_nanos=100,
    )
    return msgspec.structs.replace(made, **fields)


async def test_what_was_put_comes_back(ledger: UsageRecords) -> None:
    """Every field."""
    full = record(
        "r1",
        status="failed",
        http_status=502,
        tags=("a", "b"),
        lines=(UsageLine(provider="p", model="m", failure="overloaded", cost_nanos=None),),
        first_token_ms=1.5,
        cost_nanos=None,
        error="upstream_error",
    )
    assert await ledger.add([full]) == 1
    assert await ledger.get("r1") == full
    assert await ledger.get("r2") is None


async def test_a_record_counts_once(ledger: UsageRecords) -> None:
    """Delivered twice, also within one batch, it is the same one; the first stands."""
    assert await ledger.add([record("r1"), record("r1", cost_nanos=7), record("r2")]) == 2
    assert await ledger.add([record("r1"), record("r3")]) == 1
    assert await ledger.add([]) == 0
    (whole,) = await ledger.sums((), since=AT, until=AT + 1)
    assert (whole.requests, whole.cost_nanos) == (3, 300)


async def test_records_that_were_encoded_before(ledger: UsageRecords) -> None:
    """In no order, and more of them than a turn makes rows of: each has its own body."""
    known = [record(f"r{n:03}", at=AT + n, output_tokens=n) for n in range(203)]
    mixed = known[100:] + known[:100]
    assert await ledger.add(mixed, [body_of(one) for one in mixed]) == 203
    assert await ledger.list(since=AT, until=AT + 1000) == known


async def test_sums_by_group(ledger: UsageRecords) -> None:
    """In order; a record with two tags is in both groups; unknown costs are told apart."""
    await ledger.add(
        [
            record("r1", tags=("a", "b")),
            record("r2", tags=("b",), asked="other", cost_nanos=None, status="failed"),
            record("r3", at=AT + 86_400, status="cancelled"),
        ]
    )
    days = await ledger.sums(("day", "model"), since=AT, until=AT + 90_000)
    assert [(s.group, s.requests, s.cost_nanos, s.unpriced, s.errors) for s in days] == [
        (("2026-11-26", "other"), 1, 0, 1, 1),
        (("2026-11-26", "smart"), 1, 100, 0, 0),
        (("2026-11-27", "smart"), 1, 100, 0, 0),
    ]
    tags = await ledger.sums(("tag",), since=AT, until=AT + 90_000)
    assert [(s.group, s.requests) for s in tags] == [(("",), 1), (("a",), 1), (("b",), 2)]
    users = await ledger.sums(("user", "tenant"), since=AT, until=AT + 90_000)
    assert [(s.group, s.input_tokens, s.output_tokens) for s in users] == [(("ann", "acme"), 30, 6)]
    assert await ledger.sums(("day",), since=0, until=AT) == []


async def test_filters(ledger: UsageRecords) -> None:
    """All of them must hold; what means nothing is refused by its name."""
    await ledger.add([record("r1", tags=("a",)), record("r2", tenant="other", key_id="k2"), record("r3", provider="cache", model="")])
    for filters, count in (
        ({"tenant": "acme"}, 2),
        ({"tenant": "acme", "provider": "openai"}, 1),
        ({"key": "k2"}, 1),
        ({"tag": "a"}, 1),
        ({"served": "gpt-4o", "user": "ann"}, 2),
        ({"team": "none"}, 0),
    ):
        assert len(await ledger.list(since=AT, until=AT + 1, filters=filters)) == count, filters
    for call in (
        ledger.sums((), since=0, until=1, filters={"sql": "x"}),
        ledger.list(since=0, until=1, filters={"sql": "x"}),
        ledger.sums(("nope",), since=0, until=1),  # type: ignore[arg-type]
    ):
        with pytest.raises(BadRequest):
            await call


async def test_pages(ledger: UsageRecords) -> None:
    """By time, then id; each record on one of them."""
    await ledger.add([record(f"r{n}", at=AT + n // 3) for n in range(10)])
    seen: list[str] = []
    while page := await ledger.list(since=AT, until=AT + 100, limit=4, after=seen[-1] if seen else ""):
        seen += [r.id for r in page]
    assert seen == [f"r{n}" for n in range(10)]


async def test_what_an_entity_of_no_tenant_has_spent(ledger: UsageRecords) -> None:
    """By all keys that were given no tenant, each its own, and by those of SYSTEM; in whole days and in parts of them."""
    bob, day = Entity("USER", "bob", "SYSTEM"), 86_400
    tenants = {"r1": ("k1", "k1"), "r2": ("k2", "k2"), "r3": ("SYSTEM", "k3"), "r4": ("acme", "k4"), "r5": ("k5", "k5")}
    for n, (id_, (tenant, key_id)) in enumerate(tenants.items()):
        entities = (Entity("API_KEY", key_id, tenant), Entity("USER", "bob" if n < 4 else "ann", tenant), Entity("TENANT", tenant, tenant))
        await ledger.add([record(id_, at=AT + n, tenant=tenant, key_id=key_id, entities=entities, cost_nanos=10**n)])
    assert await ledger.spent(bob, AT, AT + day) == 111
    assert await ledger.spent(bob, AT + 1, AT + 100) == 110
    assert await ledger.spent(Entity("USER", "bob", "k2"), AT, AT + day) == 10
    assert await ledger.spent(Entity("USER", "bob", "acme"), AT, AT + day) == 1000
    assert await ledger.spent(Entity("API_KEY", "k1", "SYSTEM"), AT, AT + day) == 0
    assert await ledger.spent(Entity("TENANT", "k1", "SYSTEM"), AT, AT + day) == 0


async def test_what_an_entity_has_spent(ledger: UsageRecords) -> None:
    """In its own tenant, in the period, begin inclusive; unknown costs are nothing."""
    await ledger.add(
        [record("r1"), record("r2", at=AT + 10), record("r3", at=AT + 5, cost_nanos=None), record("r4", tenant="x", at=AT + 5)]
    )
    for entity in (Entity("USER", "ann", "acme"), Entity("API_KEY", "k1", "acme"), Entity("TENANT", "acme", "acme")):
        assert await ledger.spent(entity, AT, AT + 10) == 100
        assert await ledger.spent(entity, AT, AT + 11) == 200
    assert await ledger.spent(Entity("PROJECT", "p", "acme"), AT, AT + 10) == 0


async def test_old_records_go(ledger: UsageRecords, back_end: BackEnd) -> None:
    """Those that began before. DynamoDB drops them by itself."""
    if back_end == "dynamodb":
        assert await ledger.purge(AT + 2) == 0
        return
    await ledger.add([record(f"r{n}", at=AT + n) for n in range(4)])
    assert await ledger.purge(AT + 2) == 2
    assert [r.id for r in await ledger.list(since=0, until=AT + 100)] == ["r2", "r3"]


async def test_a_closed_ledger_is_unavailable(ledger: UsageRecords) -> None:
    """503, never an empty report."""
    await ledger.aclose()
    await ledger.aclose()
    for call in (ledger.add([record("r1")]), ledger.get("r1"), ledger.sums((), since=0, until=1), ledger.list(since=0, until=1)):
        with pytest.raises(Unavailable):
            await call

"""How claims get to Redis. What they do there: tests/contract/admission."""

import asyncio
from collections.abc import Iterator

import pytest

from proxy.core.claims import Amounts, Group, Slots, Spend, Window
from proxy.storage.hot.admission_redis import RedisAdmission
from proxy.storage.hot.base import RedisDown, RedisRefused
from proxy.storage.hot.slots import slot_of
from tests.support.hot import opened
from tests.support.valkey import Valkey


@pytest.fixture(scope="module")
def valkey() -> Iterator[Valkey]:
    with Valkey() as server:
        yield server


def test_keys_of_a_group_share_a_slot_whatever_the_tenant_is_called() -> None:
    """Braces in a name would move them."""
    store = RedisAdmission(None)  # type: ignore[arg-type]
    for tenant in ("acme", "}{", "@shared", "ä b"):
        claims = (Window("API_KEY:k:*", "requests", 1), Slots("API_KEY:k:*", 1), Spend("TENANT:t:2026-11", 1))
        (part,) = store.prepare((Group(tenant, claims),)).parts
        assert len({slot_of(key) for key in (*part.keys, f"{part.lead}r:id")}) == 1
        assert part.lead.startswith("le1:{")


async def test_groups_go_out_together_and_scripts_by_their_digest(valkey: Valkey) -> None:
    """Whole only where the server does not know them."""
    async with opened(valkey.url) as hot:
        store = RedisAdmission(hot)
        rules = store.prepare((Group("t", (Window("k", "requests", 9),)), Group("@shared", (Window("g", "requests", 9),))))
        await store.claim(rules, "a", Amounts())
        valkey.command("SCRIPT", "FLUSH")
        assert (await store.claim(rules, "b", Amounts())).refused is None
        before = hot.batches_sent
        assert (await store.claim(rules, "c", Amounts())).refused is None
        assert hot.batches_sent == before + 1
        assert valkey.command("EXISTS", "le1:{t}:r:c", "le1:{@shared}:r:c") != b":0\r\n"


async def test_a_settlement_is_there_before_the_claim_that_came_after_it(valkey: Valkey) -> None:
    """Also the first one, of which the server does not know the script."""
    valkey.command("SCRIPT", "FLUSH")
    async with opened(valkey.url) as hot:
        store = RedisAdmission(hot)
        rules = store.prepare((Group("order", (Window("k", "input", 30),)),))
        await store.claim(rules, "a", Amounts(input=20))
        settled = store.settle(rules, "a", Amounts(input=5))
        outcome = await store.claim(rules, "b", Amounts(input=20))
        assert (outcome.refused, [reading.used for reading in outcome.readings]) == (None, [25])
        await settled


async def test_a_settlement_gets_to_a_server_that_lost_its_scripts(valkey: Valkey) -> None:
    async with opened(valkey.url) as hot:
        store = RedisAdmission(hot)
        rules = store.prepare((Group("flushed", (Window("k", "input", 30),)),))
        for name in ("a", "b"):
            await store.claim(rules, name, Amounts(input=9))
            valkey.command("SCRIPT", "FLUSH")
            await store.settle(rules, name, Amounts(input=5))
        assert [reading.used for reading in (await store.read(rules)).readings] == [10]


async def test_leases_end_and_are_renewed(valkey: Valkey) -> None:
    """Of requests that go on; a process that dies renews nothing."""
    async with opened(valkey.url) as hot:
        store = RedisAdmission(hot, lease_s=0.3)
        rules = store.prepare((Group("leases", (Slots("k", 2),)),))
        await store.claim(rules, "lives", Amounts())
        await store.claim(rules, "dead", Amounts())
        assert set(store.leases) == {"lives", "dead"}
        for _ in range(3):
            await asyncio.sleep(0.15)
            await store.keep(("lives", "unknown"))
        assert (await store.claim(rules, "new", Amounts())).refused is None
        assert (await store.claim(rules, "more", Amounts())).refused is not None
        await store.settle(rules, "lives", Amounts())
        assert set(store.leases) == {"dead", "new"}


async def test_what_was_spent_elsewhere_is_added_to_what_is_there(valkey: Valkey) -> None:
    """What is missing has it from the ledger."""
    async with opened(valkey.url) as hot:
        store, spend = RedisAdmission(hot), Spend("TENANT:x:total", 100)
        rules = store.prepare((Group("x", (spend,)),))
        await store.add(spend, "x", 5)
        assert (await store.read(rules)).readings == ()
        await store.restore(spend, "x", 20)
        await store.add(spend, "x", 5)
        assert [reading.used for reading in (await store.read(rules)).readings] == [25]


async def test_a_lost_redis_is_an_error(valkey: Valkey) -> None:
    """What holds then is not decided here; nothing is left to be renewed."""
    async with opened(valkey.url) as hot:
        store = RedisAdmission(hot)
        rules = store.prepare((Group("lost", (Slots("k", 2),)),))
        await hot.close()
        with pytest.raises(RedisDown):
            await store.claim(rules, "a", Amounts())
        assert not store.leases
        with pytest.raises(RedisDown):
            await store.settle(rules, "a", Amounts())


async def test_the_same_claim_again_takes_nothing_more(valkey: Valkey) -> None:
    """Its first answer was lost; and one that comes after the settlement is refused."""
    async with opened(valkey.url) as hot:
        store = RedisAdmission(hot)
        rules = store.prepare((Group("again", (Window("k", "requests", 5), Window("k", "input", 100))),))
        for _ in range(2):
            outcome = await store.claim(rules, "a", Amounts(input=30))
            assert [reading.used for reading in outcome.readings] == [1, 30]
        await store.settle(rules, "b", Amounts(), late=True)
        with pytest.raises(RedisRefused):
            await store.claim(rules, "b", Amounts(input=30))
        assert [reading.used for reading in (await store.read(rules)).readings] == [1, 30]

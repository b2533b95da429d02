"""The life of keys, without a socket (with one: test_api_keys.py)."""

import msgspec
import pytest

from proxy.admin.answer import VersionConflict
from proxy.admin.events import KeptEvents
from proxy.admin.key_service import TRIES, Actor, KeyService, check_overlap
from proxy.core.errors import Conflict, Forbidden, InvalidField, NotFound, Unavailable
from proxy.core.identity import BUILT_IN, Principal
from proxy.storage.issue import new_access_key, new_key
from proxy.storage.records import KeyRecord
from proxy.storage.records_memory import MemoryRecords
from tests.support.clock import FakeClock

SECRET = b"s" * 32
CLI = Actor(key_id="cli")


class Notices:
    def __init__(self) -> None:
        self.told: list[tuple[str, int]] = []

    def changed(self, key_id: str, version: int) -> None:
        self.told.append((key_id, version))


class Stubborn(MemoryRecords):
    """Others change every record before each replacement."""

    async def replace(self, record: KeyRecord, before: int) -> bool:
        stored = await self.get(record.key_id)
        if stored is not None:
            await super().replace(msgspec.structs.replace(stored, version=before + 1), before)
        return await super().replace(record, before)


class World:
    def __init__(self, records: MemoryRecords | None = None) -> None:
        self.records = records or MemoryRecords()
        self.clock = FakeClock()
        self.notices = Notices()
        self.events = KeptEvents()
        self.service = KeyService(self.records, self.clock, self.notices, self.events, BUILT_IN)

    async def made(self, **fields: object) -> str:
        key, record = new_key(SECRET, self.clock.time())
        await self.service.create(CLI, key, msgspec.structs.replace(record, **fields))
        return record.key_id


@pytest.fixture
def world() -> World:
    return World()


async def test_a_change_is_told_with_its_version(world: World) -> None:
    """To every process, when it is stored; creation concerns nobody."""
    key_id = await world.made()
    await world.service.disable(CLI, key_id)
    await world.service.disable(CLI, key_id)
    await world.service.enable(CLI, key_id)
    assert world.notices.told == [(key_id, 2), (key_id, 3)]
    assert [event.action for event in world.events.events] == ["api_key.created", "api_key.disabled", "api_key.enabled"]


async def test_a_key_that_is_in_use_already_is_announced(world: World) -> None:
    """Gateways may have looked for it in vain."""
    key, record = new_key(SECRET, 0.0)
    await world.service.create(CLI, key, record, announce=True)
    assert world.notices.told == [(record.key_id, 1)]


async def test_a_lost_store_changes_and_tells_nothing(world: World) -> None:
    """503 for the administrator."""
    key_id = await world.made()
    world.records.fail(True)
    with pytest.raises(Unavailable):
        await world.service.revoke(CLI, key_id)
    assert world.notices.told == []


async def test_a_change_that_others_get_in_the_way_of_is_tried_again() -> None:
    """A few times; one bound to a version is not."""
    world = World(Stubborn())
    key_id = await world.made()
    with pytest.raises(Conflict, match="all the time"):
        await world.service.disable(CLI, key_id)
    stored = await world.records.get(key_id)
    assert stored is not None
    assert stored.version == 1 + TRIES
    with pytest.raises(VersionConflict):
        await world.service.disable(CLI, key_id, expected=stored.version)


async def test_a_rotation_that_fails_leaves_no_live_key() -> None:
    """What was made for it is revoked."""
    world = World(Stubborn())
    key_id = await world.made()
    with pytest.raises(Conflict):
        await world.service.rotate(CLI, key_id, SECRET)
    assert [(record.key_id, record.status) for record in await world.records.list(status="active")] == [(key_id, "active")]


@pytest.mark.parametrize("fields", [{"status": "revoked"}, {"status": "disabled"}, {"expires_at": 1.0}, {"replaced_by": "lek_x"}])
async def test_only_a_live_key_is_rotated(world: World, fields: dict[str, object]) -> None:
    """The message says why not."""
    key_id = await world.made(**fields)
    with pytest.raises(Conflict):
        await world.service.rotate(CLI, key_id, SECRET)
    assert len(await world.records.list()) == 1


async def test_an_access_key_is_not_rotated(world: World) -> None:
    """It would need another secret access key at the client, too."""
    _, secret_key, record = new_access_key(SECRET, 0.0)
    await world.service.create(CLI, secret_key, record)
    with pytest.raises(Conflict, match="create --aws"):
        await world.service.rotate(CLI, record.key_id, SECRET)


async def test_an_overlap_never_lengthens_a_life(world: World) -> None:
    """A key that ends in an hour does so."""
    soon = world.clock.time() + 3600
    key_id = await world.made(expires_at=soon)
    _, new = await world.service.rotate(CLI, key_id, SECRET, overlap_s=86_400)
    assert (await world.service.get(CLI, key_id)).expires_at == soon
    assert new.expires_at == soon


async def test_tenants(world: World) -> None:
    """Others' keys are not there."""
    key_id = await world.made(tenant="other")
    boss = Actor(key_id="b", tenant="acme", principal=Principal(key_id="b", tenant="acme", role="admin"))
    with pytest.raises(NotFound):
        await world.service.revoke(boss, key_id)
    _, record = new_key(SECRET, 0.0, tenant="other")
    with pytest.raises(Forbidden):
        await world.service.create(boss, "", record)


async def test_nobody_gives_what_it_lacks(world: World) -> None:
    """An administrator by scope of one tenant makes none with its own administrators' shared account; other changes of such a key pass."""
    boss = Actor(key_id="b", tenant="acme", principal=Principal(key_id="b", tenant="acme", role="admin"))
    key_id = await world.made(tenant="acme", scopes=("provider_objects",))
    await world.service.change(boss, key_id, lambda record: msgspec.structs.replace(record, name="n"))
    await world.service.rotate(boss, key_id, SECRET)
    other = await world.made(tenant="acme")
    with pytest.raises(Forbidden, match="provider_objects"):
        await world.service.change(boss, other, lambda record: msgspec.structs.replace(record, scopes=("provider_objects",)))


def test_overlaps() -> None:
    """Zero to ninety days."""
    assert check_overlap(0.0) == 0.0
    for wrong in (-1.0, 91 * 86_400.0, float("nan")):
        with pytest.raises(InvalidField):
            check_overlap(wrong)

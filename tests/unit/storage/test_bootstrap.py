"""The first start of an embedded store."""

import asyncio
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from proxy.core.errors import Unavailable
from proxy.core.keys import verify
from proxy.settings import Settings
from proxy.storage.bootstrap import admin_key_file, bootstrap
from proxy.storage.issue import new_key
from proxy.storage.open import open_records
from proxy.storage.records import KeyRecord, KeyRecords, KeyStatus
from proxy.storage.records_memory import MemoryRecords


def settings_of(tmp_path: Path, **values: Any) -> Settings:
    stores = {"records": f"sqlite:///{tmp_path}/store/records.db"}
    return Settings.of(**{"providers": {"echo": {"kind": "echo"}}, "stores": stores, **values})


@pytest.fixture
async def records(tmp_path: Path) -> AsyncIterator[KeyRecords]:
    opened = open_records(settings_of(tmp_path).stores.records_url)
    yield opened
    await opened.aclose()


async def test_on_a_terminal_the_first_admin_key_is_shown(records: KeyRecords, tmp_path: Path) -> None:
    """Once; there is no file."""
    settings = settings_of(tmp_path)
    key = await bootstrap(records, settings, tty=True)
    assert key is not None
    secret = await records.meta("signing_secret")
    assert secret is not None
    (record,) = await records.list()
    assert verify(secret.encode(), key) == record.key_id
    assert record.role == "admin"
    assert await bootstrap(records, settings, tty=True) is None
    file = admin_key_file(settings)
    assert file is not None
    assert not file.exists()


async def test_without_one_it_goes_into_a_private_file(records: KeyRecords, tmp_path: Path) -> None:
    """Beside the store, readable by its owner alone, and nothing is returned that could be logged."""
    settings = settings_of(tmp_path)
    assert await bootstrap(records, settings, tty=False) is None
    file = tmp_path / "store" / "admin-key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    secret = await records.meta("signing_secret")
    assert secret is not None
    assert verify(secret.encode(), file.read_text().strip()) == (await records.list())[0].key_id
    assert sorted(item.name for item in file.parent.iterdir() if "admin" in item.name) == ["admin-key"]


async def test_a_leftover_file_is_replaced(records: KeyRecords, tmp_path: Path) -> None:
    """It belongs to a store that is gone; its mode does not matter."""
    await records.ping()
    file = tmp_path / "store" / "admin-key"
    file.write_text("old\n")
    file.chmod(0o644)
    await bootstrap(records, settings_of(tmp_path), tty=False)
    assert file.read_text() != "old\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


async def test_of_many_starts_at_once_one_makes_the_key(tmp_path: Path) -> None:
    """And the file holds the key that the store knows."""
    settings = settings_of(tmp_path)
    stores = [open_records(settings.stores.records_url) for _ in range(4)]
    keys = await asyncio.gather(*(bootstrap(store, settings, tty=True) for store in stores))
    assert len([key for key in keys if key is not None]) == 1
    assert len(await stores[0].list()) == 1
    await asyncio.gather(*(store.aclose() for store in stores))


class SeenEmpty(MemoryRecords):
    """Lists nothing: what a process sees that asked just before another one made the first key."""

    async def list(
        self, *, status: KeyStatus | None = None, tenant: str | None = None, limit: int = 1000, after: str = ""
    ) -> list[KeyRecord]:
        return []


async def test_who_comes_second_leaves_the_first_ones_file_alone(tmp_path: Path) -> None:
    """Its own draft is removed."""
    records = SeenEmpty()
    await records.create(new_key(b"s" * 32, 1.0)[1])
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "admin-key").write_text("the first one's\n")
    assert await bootstrap(records, settings_of(tmp_path), tty=False) is None
    assert [(file.name, file.read_text()) for file in (tmp_path / "store").iterdir()] == [("admin-key", "the first one's\n")]


async def test_a_store_with_keys_gets_none(records: KeyRecords, tmp_path: Path) -> None:
    """Even if none of them is an admin's."""
    await records.create(new_key(b"s" * 32, 1.0)[1])
    assert await bootstrap(records, settings_of(tmp_path), tty=True) is None
    assert len(await records.list()) == 1


@pytest.mark.parametrize("auth", [{"admin_key": "adm"}, {"enabled": False}])
async def test_none_is_made_where_nobody_needs_it(records: KeyRecords, tmp_path: Path, auth: dict[str, Any]) -> None:
    """LLM_EDGE_ADMIN_KEY is there, or authentication is off. The signing secret is made all the same."""
    settings = settings_of(tmp_path, auth=auth, server={"host": "127.0.0.1"})
    assert await bootstrap(records, settings, tty=True) is None
    assert await records.list() == []
    assert await records.meta("signing_secret") is not None


async def test_a_configured_secret_signs_the_first_key(records: KeyRecords, tmp_path: Path) -> None:
    """And none is stored."""
    key = await bootstrap(records, settings_of(tmp_path, auth={"signing_secret": "s" * 32}), tty=True)
    assert key is not None
    assert verify(b"s" * 32, key) is not None
    assert await records.meta("signing_secret") is None


async def test_in_memory_it_is_shown_or_not_made() -> None:
    """There is no place for a file."""
    settings = Settings.of(providers={"echo": {"kind": "echo"}}, stores={"records": "memory://"})
    records = MemoryRecords()
    assert await bootstrap(records, settings, tty=False) is None
    assert await records.list() == []
    assert await bootstrap(records, settings, tty=True) is not None


async def test_a_shared_store_gets_nothing() -> None:
    """Postgres and DynamoDB have no first key and no generated secret."""
    settings = Settings.of(providers={"echo": {"kind": "echo"}}, stores={"records": "postgres://h/x"}, auth={"signing_secret": "s" * 32})
    assert await bootstrap(open_records("postgres://h/x"), settings, tty=True) is None


async def test_a_lost_store_is_unavailable(tmp_path: Path) -> None:
    """The caller decides whether to start without it."""
    records = MemoryRecords()
    records.fail(True)
    with pytest.raises(Unavailable):
        await bootstrap(records, settings_of(tmp_path), tty=True)

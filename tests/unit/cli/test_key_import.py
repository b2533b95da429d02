"""Keys of agenthub, out of a real Redis as agenthub fills it."""

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from proxy.cli.key_import import as_record
from proxy.cli.main import main
from proxy.governance.keys import SignedKeys
from proxy.storage.sqlite import SqliteRecords
from tests.support.valkey import Valkey, free_port

SECRET = "the-signing-secret-of-an-agenthub-of-old"


@pytest.fixture(scope="module")
def shared() -> Iterator[Valkey]:
    with Valkey() as server:
        yield server


@pytest.fixture
def agenthub(shared: Valkey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Valkey:
    shared.command("FLUSHALL")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LLM_EDGE_CONFIG", raising=False)
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/records.db")
    monkeypatch.setenv("API_KEY_SIGNING_SECRET", SECRET)
    return shared


def create_api_key(server: Valkey, role: str, name: str | None = None, *, secret: str = SECRET, begin: str = "") -> str:
    """As agenthub's own create_api_key does it, calls and texts alike. `begin`: what its id begins with, by chance there."""
    key_id = begin + secrets.token_urlsafe(16)[len(begin) :]
    signature = hmac.new(secret.encode(), key_id.encode(), hashlib.sha256).hexdigest()
    api_key = f"{key_id}.{signature}"
    fields = {
        "role": role,
        "created_at": datetime.now(UTC).replace(tzinfo=None).isoformat(),
        "status": "active",
        "key_hash": hashlib.sha256(api_key.encode()).hexdigest(),
        "last_used": "",
        **({"name": name} if name else {}),
    }
    server.command("HSET", f"apikey:{key_id}", *(part for pair in fields.items() for part in pair))
    return api_key


def run(capsys: pytest.CaptureFixture[str], url: str) -> tuple[int, Any]:
    code = main(["keys", "import-agenthub", url, "--json"])
    return code, json.loads(capsys.readouterr().out)


async def principal(key: str, tmp_path: Path) -> Any:
    records = SqliteRecords(tmp_path / "records.db")
    try:
        return await SignedKeys(SECRET.encode(), records).verify(key)
    finally:
        await records.aclose()


def test_keys_are_copied_once(agenthub: Valkey, capsys: pytest.CaptureFixture[str]) -> None:
    """Again: nothing changes, but what agenthub has revoked since is revoked; other things in its Redis are left alone."""
    ends = create_api_key(agenthub, "client", "batch", begin="-l")
    create_api_key(agenthub, "admin")
    agenthub.command("SET", "session:x", "{}")
    assert run(capsys, agenthub.url) == (0, {"created": 2, "revoked": 0, "unchanged": 0, "other_secret": 0, "unreadable": []})
    key_id = ends.partition(".")[0]
    agenthub.command("HSET", f"apikey:{key_id}", "status", "revoked", "revoked_at", "2026-11-26T03:00:00.123456")
    assert run(capsys, agenthub.url)[1] == {"created": 0, "revoked": 1, "unchanged": 1, "other_secret": 0, "unreadable": []}
    assert run(capsys, agenthub.url)[1]["unchanged"] == 2
    assert main(["keys", "get", key_id, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["status"], shown["role"], shown["name"], shown["tenant_id"]) == ("revoked", "client", "batch", key_id)


def test_what_cannot_be_used_is_said(agenthub: Valkey, capsys: pytest.CaptureFixture[str]) -> None:
    """Keys of another secret, and hashes that agenthub has not written."""
    create_api_key(agenthub, "client", secret="another-secret-that-was-used-before-it")
    agenthub.command("HSET", "apikey:odd", "role", "king", "status", "active")
    agenthub.command("SET", "apikey:string", "x")
    assert main(["keys", "import-agenthub", agenthub.url]) == 1
    said = capsys.readouterr().out
    assert "1 keys copied" in said
    assert "1 were signed with another secret" in said
    assert "apikey:odd: role 'king'" in said
    assert "apikey:string" in said


def test_a_redis_that_is_not_there(agenthub: Valkey, capsys: pytest.CaptureFixture[str]) -> None:
    """A line, and exit code 1."""
    assert main(["keys", "import-agenthub", f"redis://127.0.0.1:{free_port()}/0"]) == 1
    assert "Redis" in capsys.readouterr().err


@pytest.mark.parametrize(
    "fields", [{}, {"status": "gone"}, {"role": "king"}, {"key_hash": "x"}, {"created_at": "soon"}, {"created_at": ""}]
)
def test_records(fields: dict[str, str]) -> None:
    """Whole, or not at all."""
    good = {"role": "client", "status": "active", "key_hash": "0" * 64, "created_at": "2026-01-02T03:04:05.678901", "last_used": ""}
    if fields:
        with pytest.raises(ValueError):
            as_record("k", good | fields)
    else:
        assert as_record("k", good).created_at == datetime(2026, 1, 2, 3, 4, 5, 678901, UTC).timestamp()
        with pytest.raises(ValueError, match="no key id"):
            as_record("a.b", good)


async def test_an_imported_key_works(agenthub: Valkey, tmp_path: Path) -> None:
    """Made as agenthub makes them: a bare id of 22 characters, signed with its secret."""
    import asyncio

    key = create_api_key(agenthub, "developer")
    assert len(key.partition(".")[0]) == 22
    assert await asyncio.to_thread(main, ["keys", "import-agenthub", agenthub.url]) == 0
    found = await principal(key, tmp_path)
    assert (found.key_id, found.role) == (key.partition(".")[0], "developer")
    assert await principal(key[:-1] + ("0" if key[-1] != "0" else "1"), tmp_path) is None

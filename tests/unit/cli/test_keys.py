"""`llm-edge keys`."""

import json
from pathlib import Path
from typing import Any

import pytest

from proxy.cli.main import main
from proxy.core.keys import shape_of


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("LLM_EDGE_CONFIG", "API_KEY_SIGNING_SECRET"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/records.db")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs a command with --json; its exit code must be 0."""

    def call(*argv: str) -> Any:
        assert main(["keys", *argv, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    return call


def test_create_prints_the_key_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """So that a shell can take it; the remark goes to standard error."""
    assert main(["keys", "create", "--role", "admin"]) == 0
    out, err = capsys.readouterr()
    assert shape_of(out.strip()) == "signed"
    assert "admin key lek_" in err
    assert out.strip() not in err


def test_create_takes_all_of_a_keys_properties(run: Any) -> None:
    """And tells them."""
    made = run(
        "create", "--role", "developer", "--name", "ci", "--tenant", "acme", "--models", "a, b", "--scopes", "x", "--expires", "2100-01-31"
    )
    assert made["api_key"].startswith(made["key_id"])
    facts = {name: made[name] for name in ("role", "name", "tenant_id", "models", "scopes", "expires_at", "status")}
    assert facts == {
        "role": "developer",
        "name": "ci",
        "tenant_id": "acme",
        "models": ["a", "b"],
        "scopes": ["x"],
        "expires_at": "2100-01-31T00:00:00.000Z",
        "status": "active",
    }


def test_a_scope_that_means_nothing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """With the nearest that does; the key is made all the same, for a later version may know it."""
    assert main(["keys", "create", "--scopes", "provider_object,provider_objects"]) == 0
    said = capsys.readouterr().err
    assert "provider_object means nothing in this version" in said
    assert said.count("provider_objects") == 1


@pytest.mark.parametrize("span", ["90m", "12h", "30d"])
def test_spans_count_from_now(run: Any, span: str) -> None:
    """Minutes, hours, days."""
    made = run("create", "--expires", span)
    assert made["expires_at"] > made["created_at"]


@pytest.mark.parametrize("when", ["soon", "2001-01-01", "5w"])
def test_a_bad_expiry_is_wrong_usage(when: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither span nor future time."""
    assert main(["keys", "create", "--expires", when]) == 2
    assert when in capsys.readouterr().err


def test_list_filters(run: Any) -> None:
    """By status and tenant; keys themselves are never in it."""
    kept, gone = run("create", "--tenant", "a"), run("create", "--tenant", "b")
    run("revoke", gone["key_id"])
    assert [item["key_id"] for item in run("list", "--status", "active")] == [kept["key_id"]]
    assert [item["key_id"] for item in run("list", "--tenant", "b")] == [gone["key_id"]]
    assert kept["api_key"] not in json.dumps(run("list"))


def test_list_is_a_table_for_people(run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """One line a key under a head."""
    made = run("create", "--name", "n")
    assert main(["keys", "list"]) == 0
    head, line = capsys.readouterr().out.splitlines()
    assert head.split()[:3] == ["KEY_ID", "ROLE", "STATUS"]
    assert line.split()[:3] == [made["key_id"], "client", "active"]


def test_revoke_ends_a_key(run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown one is a failure."""
    made = run("create")
    assert main(["keys", "revoke", made["key_id"]]) == 0
    assert capsys.readouterr().out == f"API key {made['key_id']} revoked successfully\n"
    assert run("list")[0]["status"] == "revoked"
    assert main(["keys", "revoke", "lek_none"]) == 1
    assert capsys.readouterr().err == "API key lek_none not found\n"


def test_rotate_keeps_the_rights(run: Any) -> None:
    """The old key is revoked at once; a key that was its own tenant stays one."""
    old = run("create", "--role", "admin", "--name", "ops", "--models", "m")
    new = run("rotate", old["key_id"])
    assert new["key_id"] != old["key_id"]
    assert (new["role"], new["name"], new["models"], new["tenant_id"]) == ("admin", "ops", ["m"], new["key_id"])
    assert {item["key_id"]: item["status"] for item in run("list")} == {old["key_id"]: "revoked", new["key_id"]: "active"}


def test_rotate_keeps_a_tenant(run: Any) -> None:
    """What is counted on it goes on."""
    old = run("create", "--tenant", "acme")
    assert run("rotate", old["key_id"])["tenant_id"] == "acme"


def test_only_a_live_key_rotates(run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Unknown or revoked: a failure that says which."""
    made = run("create")
    run("revoke", made["key_id"])
    assert main(["keys", "rotate", made["key_id"]]) == 1
    assert "is revoked" in capsys.readouterr().err
    assert main(["keys", "rotate", "lek_none"]) == 1
    assert "not found" in capsys.readouterr().err


def test_a_store_in_memory_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A key made there would be gone at once."""
    monkeypatch.setenv("DATABASE_URL", "memory://")
    assert main(["keys", "create"]) == 2
    assert "in memory" in capsys.readouterr().err


def test_a_configured_secret_signs(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys made with it verify wherever it is set."""
    from proxy.core.keys import verify

    monkeypatch.setenv("API_KEY_SIGNING_SECRET", "s" * 32)
    made = run("create")
    assert verify(b"s" * 32, made["api_key"]) == made["key_id"]

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
        "create",
        "--role",
        "developer",
        "--name",
        "ci",
        "--tenant",
        "acme",
        "--models",
        "a, b",
        "--scopes",
        "routing",
        "--expires",
        "2100-01-31",
    )
    assert made["api_key"].startswith(made["key_id"])
    facts = {name: made[name] for name in ("role", "name", "tenant_id", "models", "scopes", "expires_at", "status")}
    assert facts == {
        "role": "developer",
        "name": "ci",
        "tenant_id": "acme",
        "models": ["a", "b"],
        "scopes": ["routing"],
        "expires_at": "2100-01-31T00:00:00.000Z",
        "status": "active",
    }


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (("--scopes", "provider_object"), "scopes.0: no scope 'provider_object'; did you mean \"provider_objects\"?"),
        (("--role", "amin"), "role: no role 'amin'; did you mean \"admin\"?"),
        (("--rpm", "-5"), "limits.rpm: expected `int` >= 1"),
        (("--allowed-ips", "10.0.0.0/8,nowhere"), "allowed_ips.1: 'nowhere' is no address or network"),
        (("--door", "agent", "--aws"), "an access key has no door"),
        (("--rpm", "many"), "'many' is no number"),
        (("--metadata", "loose"), "'loose' is not K=V"),
    ],
)
def test_what_makes_no_sense_is_wrong_usage(run: Any, capsys: pytest.CaptureFixture[str], argv: tuple[str, ...], says: str) -> None:
    """Said with its name and the nearest that there is; nothing is made."""
    assert main(["keys", "create", *argv]) == 2
    assert says in capsys.readouterr().err
    assert run("list") == []


def test_limits_budget_and_whom_it_is_for(run: Any) -> None:
    """All of it by options; `get` shows it, `update` changes what is given, `none` takes it away."""
    made = run(
        "create", "--user", "ann", "--team", "search", "--service", "bot", "--project", "p", "--agents", "coder", "--rpm", "60",
        "--qps", "2.5", "--burst", "5", "--monthly-budget-usd", "12.5", "--allowed-ips", "10.0.0.7/8", "--metadata", "owner=ann",
    )  # fmt: skip
    shown = run("get", made["key_id"])
    assert shown == {name: value for name, value in made.items() if name != "api_key"}
    assert [shown[name] for name in ("user", "team", "service", "project", "agents")] == ["ann", "search", "bot", "p", ["coder"]]
    assert (shown["limits"], shown["monthly_budget_usd"]) == ({"rpm": 60, "qps": 2.5, "burst": 5}, 12.5)
    assert (shown["allowed_ips"], shown["metadata"]) == (["10.0.0.0/8"], {"owner": "ann"})
    changed = run("update", made["key_id"], "--rpm", "none", "--monthly-budget-usd", "none", "--name", "n", "--version", "1")
    assert (changed["limits"], changed["monthly_budget_usd"], changed["name"]) == ({"qps": 2.5, "burst": 5}, None, "n")
    assert (changed["user"], changed["role"], changed["version"]) == ("ann", "client", 2)


def test_an_update_of_an_older_version_is_refused(run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """With the one that holds."""
    made = run("create")
    assert main(["keys", "update", made["key_id"], "--name", "n", "--version", "7"]) == 1
    assert "version 1 holds" in capsys.readouterr().err


def test_get_is_lines_for_people(run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Without what is unset."""
    made = run("create", "--rpm", "5")
    assert main(["keys", "get", made["key_id"]]) == 0
    lines = dict(line.split(None, 1) for line in capsys.readouterr().out.splitlines())
    assert lines["limits"] == "rpm=5"
    assert "models" not in lines
    assert main(["keys", "get", "lek_none"]) == 1


def test_an_agent_key(run: Any) -> None:
    """In the agent gateway's shape, with its limits and budget."""
    made = run("create", "--door", "agent", "--rpm", "5")
    assert made["api_key"].startswith("csa_")
    assert made["key_id"].startswith("key_")
    assert (made["limits"], made["monthly_budget_usd"]) == ({"rpm": 5, "input_tpm": 500000, "output_tpm": 500000}, 100.0)


def test_rotation_with_an_overlap(run: Any) -> None:
    """The old key lives until then, and says what came after it; it isn't rotated twice."""
    old = run("create")
    new = run("rotate", old["key_id"], "--overlap", "48h")
    shown = run("get", old["key_id"])
    assert (shown["status"], shown["replaced_by"]) == ("active", new["key_id"])
    assert shown["expires_at"] > new["created_at"]
    assert main(["keys", "rotate", old["key_id"]]) == 1


def test_disable_and_enable(run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """A revoked key stays so."""
    made = run("create")
    assert run("disable", made["key_id"])["status"] == "disabled"
    assert run("enable", made["key_id"])["status"] == "active"
    run("revoke", made["key_id"])
    assert main(["keys", "enable", made["key_id"]]) == 1
    assert "is revoked, for good" in capsys.readouterr().err


def test_without_redis_it_is_said_when_gateways_notice(run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """On standard error."""
    made = run("create")
    assert main(["keys", "revoke", made["key_id"]]) == 0
    assert "running gateways take notice within 10 s" in capsys.readouterr().err


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

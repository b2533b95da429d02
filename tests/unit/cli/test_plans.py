"""`llm-edge plans`."""

import json
from pathlib import Path

import pytest

from proxy.cli.main import main


@pytest.fixture(autouse=True)
def records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM_EDGE_STORES__RECORDS", f"sqlite:///{tmp_path}/records.db")
    monkeypatch.chdir(tmp_path)


def said(capsys: pytest.CaptureFixture[str], *argv: str) -> object:
    assert main([*argv, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_life_of_a_plan(capsys: pytest.CaptureFixture[str]) -> None:
    """What is not given stays as it is."""
    made = said(capsys, "plans", "create", "user", "ann", "--tenant", "acme", "--rpm", "5", "--monthly-usd", "2.5", "--models", "a,b")
    assert isinstance(made, dict)
    assert (made["default_limits"], made["model_permissions"], made["caps"]["monthly_usd"]) == ({"rpm": 5}, ["a", "b"], 2.5)
    more = '{"model_limits": {"a": {"rpm": 1}}}'
    changed = said(capsys, "plans", "set", "USER", "ann", "--tenant", "acme", "--rpm", "none", "--active", "no", "--body", more)
    assert isinstance(changed, dict)
    assert (changed["default_limits"], changed["active"], changed["version"]) == ({}, False, 2)
    assert changed["model_limits"] == {"a": {"rpm": 1}}
    assert changed["caps"]["monthly_usd"] == 2.5
    assert said(capsys, "plans", "get", "USER", "ann", "--tenant", "acme") == changed
    assert said(capsys, "plans", "list") == [changed]
    assert main(["plans", "delete", "USER", "ann", "--tenant", "acme"]) == 0
    assert main(["plans", "get", "USER", "ann", "--tenant", "acme"]) == 1


def test_explain(capsys: pytest.CaptureFixture[str]) -> None:
    """Every entity's counter; a model with limits of its own counts apart."""
    key = said(capsys, "keys", "create", "--tenant", "acme", "--user", "ann", "--rpm", "9")
    assert isinstance(key, dict)
    said(capsys, "plans", "create", "USER", "ann", "--tenant", "acme", "--body", '{"model_limits": {"m": {"rpm": 1}}}')
    said(capsys, "plans", "create", "TENANT", "acme", "--concurrency", "3", "--total-usd", "1")
    said(capsys, "plans", "create", "API_KEY", key["key_id"], "--input-tpm", "7")
    rows = said(capsys, "plans", "explain", key["key_id"], "m")
    assert isinstance(rows, list)
    found = {(row["counter"], row["dimension"]): row["limit"] for row in rows}
    assert found == {
        (f"API_KEY:{key['key_id']}:*", "requests"): 9,
        (f"PLAN:API_KEY:{key['key_id']}:*", "input"): 7,
        ("USER:ann:m", "requests"): 1,
        ("TENANT:acme:*", "concurrency"): 3,
        ("TENANT:acme:total", "nano_usd"): 1_000_000_000,
    }


def test_mistakes(capsys: pytest.CaptureFixture[str]) -> None:
    """Named, with nothing made."""
    for wrong in (["NOBODY", "x"], ["USER", "x", "--rpm", "-1"], ["USER", "x", "--rpm", "many"], ["USER", "x", "--body", "{"]):
        assert main(["plans", "create", *wrong]) == 2
    capsys.readouterr()
    assert said(capsys, "plans", "list") == []
    assert main(["plans", "explain", "lek_nobody", "m"]) == 1

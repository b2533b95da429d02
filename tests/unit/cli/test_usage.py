"""`llm-edge usage report`."""

import asyncio
import json
import time
from pathlib import Path

import pytest

from proxy.cli.main import main
from proxy.storage.open import open_usage
from proxy.storage.usage import UsageRecord


@pytest.fixture
def config(tmp_path: Path) -> str:
    """An SQLite store with two records."""
    url = f"sqlite:///{tmp_path}/records.db"

    async def fill() -> None:
        ledger = open_usage(url)
        now = time.time()
        await ledger.add(
            [
                UsageRecord(id="1", at=now, asked="smart", key_id="k1", costs={"input": 2_000_000}, cost_nanos=2_000_000, model="m"),
                UsageRecord(id="2", at=now, asked="cheap", key_id="k2", costs={"output": 500_000}, cost_nanos=500_000, model="n"),
            ]
        )
        await ledger.aclose()

    asyncio.run(fill())
    path = tmp_path / "config.yaml"
    path.write_text(json.dumps({"stores": {"records": url}}))
    return str(path)


def test_a_table_and_bars(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    """For people."""
    assert main(["usage", "report", "--config", config]) == 0
    out = capsys.readouterr().out
    assert "smart  1" in out
    assert "0.002000000" in out
    assert "█" * 40 + " 0.002000" in out


def test_for_machines(config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """JSON, CSV, FOCUS, and a plot in a file."""
    assert main(["usage", "report", "--config", config, "--by", "key", "--json", "--model", "smart"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["key"], row["cost_usd"]) == ("k1", "0.002000000")
    assert main(["usage", "report", "--config", config, "--csv"]) == 0
    assert capsys.readouterr().out.startswith("model,requests,")
    assert main(["usage", "report", "--config", config, "--focus"]) == 0
    assert capsys.readouterr().out.count("AI and Machine Learning") == 2
    picture = tmp_path / "plot.svg"
    assert main(["usage", "report", "--config", config, "--svg", str(picture)]) == 0
    assert "cheap" in picture.read_text()


def test_mistakes(config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line that names them."""
    assert main(["usage", "report", "--config", config, "--by", "nope"]) != 0
    assert "nope" in capsys.readouterr().err
    memory = tmp_path / "memory.yaml"
    memory.write_text(json.dumps({"stores": {"records": "memory://"}}))
    assert main(["usage", "report", "--config", str(memory)]) != 0
    assert "in memory" in capsys.readouterr().err

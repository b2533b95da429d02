"""`llm-edge config`."""

import asyncio
import json
import stat
from pathlib import Path

import pytest

from proxy.cli.main import main
from proxy.storage.open import open_overlays
from proxy.storage.overlays import DrainOverlay, Overlays, WeightOverlay

CANARY = "sk-canary-7f3a9c2e41d8b650"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("LLM_EDGE_CONFIG", "PORT", "HOST", "API_KEYS"):
        monkeypatch.delenv(name, raising=False)


def test_the_sample_passes_its_own_check(capsys: pytest.CaptureFixture[str]) -> None:
    """It is written privately: people will put keys into it."""
    assert main(["config", "init"]) == 0
    assert stat.S_IMODE(Path("config.yaml").stat().st_mode) == 0o600
    assert main(["config", "check", "config.yaml"]) == 0
    assert "config.yaml: ok (digest " in capsys.readouterr().out


def test_the_commented_parts_of_the_sample_pass_too(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever takes a comment away gets a valid file."""
    assert main(["config", "init", "-"]) == 0
    text = capsys.readouterr().out
    wanted = (
        "  # static_keys",
        "  # signing_secret",
        "  # redis",
        "  # openai:",
        "  # anthropic:",
        "  # local:",
        "  # trusted_proxies",
        "  # cors",
        "  # tracing",
    )
    lines = []
    for line in text.splitlines():
        if line.startswith(wanted):
            lines.append(line.replace("# ", "", 1))
        elif line.startswith(("# models:", "# prices:", "#   ")):
            lines.append(line.removeprefix("# "))
        else:
            lines.append(line)
    Path("all.yaml").write_text("\n".join(lines))
    for name in ("API_KEYS", "OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.setenv(name, "k")
    monkeypatch.setenv("API_KEY_SIGNING_SECRET", "s" * 32)
    monkeypatch.setenv("REDIS_URL", "redis://h/0")
    assert main(["config", "check", "all.yaml"]) == 0, capsys.readouterr().err


def test_an_existing_file_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    """Unless --force is given."""
    Path("mine.yaml").write_text("mine")
    assert main(["config", "init", "mine.yaml"]) == 1
    assert Path("mine.yaml").read_text() == "mine"
    assert "mine.yaml exists" in capsys.readouterr().err
    assert main(["config", "init", "mine.yaml", "--force"]) == 0
    assert "providers:" in Path("mine.yaml").read_text()


def test_check_names_every_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    """As text on standard error."""
    Path("c.yaml").write_text("providers: {echo: {kind: echo}}\nserver: {prot: 1, port: x}\n")
    assert main(["config", "check", "c.yaml"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "c.yaml:2:19: server.port: must be a valid integer, unable to parse string as an integer",
        'c.yaml:2:10: server.prot: unknown key; did you mean "port"?',
    ]


def test_check_has_a_form_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    """Both for good and for bad."""
    Path("c.yaml").write_text("providers: {echo: {kind: echo}}\nserver: {prot: 1}\n")
    assert main(["config", "check", "c.yaml", "--json"]) == 2
    shown = json.loads(capsys.readouterr().out)
    assert shown["problems"] == [{"where": "c.yaml:2:10", "path": "server.prot", "message": 'unknown key; did you mean "port"?'}]
    Path("c.yaml").write_text("providers: {echo: {kind: echo}}\naudit: {previews: all}\n")
    assert main(["config", "check", "c.yaml", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["ok"]
    assert shown["not_yet"][0].startswith("audit: ")


def test_check_notes_what_has_no_effect(capsys: pytest.CaptureFixture[str]) -> None:
    """It is no mistake."""
    Path("c.yaml").write_text("providers: {echo: {kind: echo}}\naudit: {previews: all}\n")
    assert main(["config", "check", "c.yaml"]) == 0
    assert capsys.readouterr().out.startswith("note: audit: not available yet")


STRATEGIES = "providers: {echo: {kind: echo}}\nmodels:\n  m: {targets: [{provider: echo, model: e}], strategy: own:theirs}\n"


def test_check_notes_a_strategy_that_only_a_program_can_give(capsys: pytest.CaptureFixture[str]) -> None:
    """With its line. It is no mistake: `build_app(strategies=…)` may have it."""
    Path("c.yaml").write_text(STRATEGIES)
    assert main(["config", "check", "c.yaml"]) == 0
    note, verdict = capsys.readouterr().out.splitlines()
    assert note.startswith("note: c.yaml:3:46: models.m.strategy: no strategy 'theirs': ")
    assert note.endswith("; a program may give one of that name to the gateway, which cannot be known here")
    assert verdict.startswith("c.yaml: ok (digest ")
    assert main(["config", "check", "c.yaml", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["ok"], [(one["where"], one["path"]) for one in shown["unknown"]]) == (True, [("c.yaml:3:46", "models.m.strategy")])


@pytest.mark.parametrize(("value", "code"), [("proxy.routing.ordered:Ordered", 0), ("no_such_module_at_all:Mine", 2)])
def test_check_loads_strategies_of_other_packages(
    value: str, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that cannot be loaded is a mistake with its line."""
    package = tmp_path / "site" / "theirs-1.0.dist-info"
    package.mkdir(parents=True)
    package.joinpath("METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    package.joinpath("entry_points.txt").write_text(f"[llm_edge.strategies]\ntheirs = {value}\n")
    monkeypatch.syspath_prepend(str(package.parent))
    Path("c.yaml").write_text(STRATEGIES)
    assert main(["config", "check", "c.yaml"]) == code
    told = capsys.readouterr()
    if code:
        assert told.err.startswith(f"c.yaml:3:46: models.m.strategy: strategy 'theirs' ({value}) cannot be loaded: ")
    else:
        assert told.out.startswith("c.yaml: ok (digest ")


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_show_hides_secrets(form: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """In both forms; it needs no provider."""
    monkeypatch.setenv("API_KEYS", CANARY)
    monkeypatch.setenv("REDIS_URL", f"redis://:{CANARY}@h/0")
    assert main(["config", "show", *form]) == 0
    shown = capsys.readouterr().out
    assert CANARY not in shown
    assert "environment API_KEYS" in shown


def test_docs_prints_the_reference(capsys: pytest.CaptureFixture[str]) -> None:
    """docs/configuration.md is its output."""
    assert main(["config", "docs"]) == 0
    assert capsys.readouterr().out.startswith("# Configuration\n")


ENTRY = "models: {m: {strategy: weighted, targets: [{provider: echo, model: a, weight: 9}, {provider: echo, model: b}]}}"
LAID_OVER = Overlays(
    version=4,
    weights={"m": WeightOverlay(weights={"echo/a": 1.0, "gone/z": 2.0}, version=3, by="lek_a", at=0.0)},
    drained={
        "echo/b": DrainOverlay(version=4, by="lek_b", at=0.0),
        "gone/z": DrainOverlay(version=2, by="lek_b", at=0.0),
    },
)


def with_overlays() -> None:
    Path("c.yaml").write_text(f"providers: {{echo: {{kind: echo}}}}\nstores: {{records: 'sqlite:///r.db'}}\n{ENTRY}\n")

    async def store() -> None:
        records = open_overlays("sqlite:///r.db")
        await records.replace(LAID_OVER, 0)
        await records.aclose()

    asyncio.run(store())


def test_show_tells_what_was_laid_over(capsys: pytest.CaptureFixture[str]) -> None:
    """As the record store has it: what was and what is, by whom, and what has no place any more."""
    with_overlays()
    assert main(["config", "show", "c.yaml"]) == 0
    lines = capsys.readouterr().out.splitlines()
    at = "at 1970-01-01T00:00:00.000Z"
    assert lines[lines.index("# drift, version 4: laid over by the admin API") + 1 :] == [
        f"#   models.m echo/a: weight 9 → 1, by lek_a {at}",
        f"#   models.m gone/z: weight - → 2, by lek_a {at} (without effect: not in the configuration)",
        f"#   echo/b: drained, by lek_b {at}",
        f"#   gone/z: drained, by lek_b {at} (not in the configuration)",
    ]
    assert main(["config", "show", "c.yaml", "--json"]) == 0
    drift = json.loads(capsys.readouterr().out)["drift"]
    assert (drift["version"], drift["weights"]["m"]["stale"], drift["drained"]["gone/z"]["stale"]) == (4, ["gone/z"], True)


def test_show_of_a_store_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is laid over, and none is made; a store that cannot be read is said to be one."""
    Path("c.yaml").write_text("providers: {echo: {kind: echo}}\nstores: {records: 'sqlite:///r.db'}\n")
    assert main(["config", "show", "c.yaml"]) == 0
    assert "drift" not in capsys.readouterr().out
    assert not Path("r.db").exists()
    Path("r.db").write_text("no database, but long enough to be taken for one by its size " * 20)
    assert main(["config", "show", "c.yaml"]) == 0
    assert "# drift is not known: the record store is not available" in capsys.readouterr().out

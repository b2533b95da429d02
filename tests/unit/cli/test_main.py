"""The command's frame: finding commands, help, exit codes, no tracebacks."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from proxy.cli.main import AGENT_WORDS, COMMANDS, Parser, main, main_agent, one_line
from proxy.core.version import __version__

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an empty folder with nothing of the machine's own configuration."""
    monkeypatch.chdir(tmp_path)
    for name in ("LLM_EDGE_CONFIG", "OPENAI_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)


def python(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    path = {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]}
    path |= {name: value for name, value in os.environ.items() if name.startswith("COV")}
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env={**path, **environ}, timeout=60, check=False)


@pytest.mark.parametrize("command", list(COMMANDS))
def test_every_command_explains_itself_with_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`--help` exits with 0."""
    assert main([command, "--help"]) == 0
    shown = capsys.readouterr().out
    assert f"usage: llm-edge {command}" in shown
    assert "example" in shown


@pytest.mark.parametrize(
    "action", ["keys create", "keys list", "keys rotate", "keys revoke", "config init", "config check", "config show", "config docs"]
)
def test_every_action_explains_itself(action: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With an example, or with that of its command."""
    assert main([*action.split(), "--help"]) == 0
    assert f"usage: llm-edge {action}" in capsys.readouterr().out


def test_help_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    """Each with its line."""
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    for name, command in COMMANDS.items():
        assert f"  {name:<10} {command.help}" in shown


def test_help_imports_no_command() -> None:
    """It must be there at once: neither settings nor a server are loaded for it."""
    code = "import sys; from proxy.cli.main import main; main(['--help']); "
    code += "print([name for name in ('pydantic', 'uvicorn', 'starlette', 'redis') if name in sys.modules])"
    assert python("-c", code).stdout.splitlines()[-1] == "[]"


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """`--version`."""
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"llm-edge {__version__}\n"


@pytest.mark.parametrize("argv", [[], ["nope"], ["keys"], ["keys", "list", "--status", "king"], ["config", "check", "--nope"]])
def test_wrong_usage_is_2(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """With the usage on standard error."""
    assert main(argv) == 2
    assert "usage: llm-edge" in capsys.readouterr().err


def test_a_configuration_error_is_2_and_its_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing but the mistakes."""
    assert main(["config", "check"]) == 2
    expected = "No providers configured: no LLM providers configured. Please set OPENAI_API_KEY or ANTHROPIC_API_KEY\n"
    assert capsys.readouterr().err == expected


def test_a_failure_is_1_and_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """A store that is down."""
    Path("records.db").write_bytes(b"no database" * 1000)
    os.environ["DATABASE_URL"] = "sqlite:///records.db"
    try:
        assert main(["keys", "list"]) == 1
    finally:
        del os.environ["DATABASE_URL"]
    assert capsys.readouterr().err == "llm-edge keys: the record store is not available: file is not a database\n"


def test_an_operating_system_error_is_1_and_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """With the file that it is about."""
    assert main(["config", "init", "no/such/folder/c.yaml"]) == 1
    assert capsys.readouterr().err == "llm-edge config: No such file or directory: no/such/folder/c.yaml\n"


def test_a_reader_that_leaves_is_no_traceback() -> None:
    """`llm-edge config docs | head -1`."""
    script = f'"{sys.executable}" -m proxy config docs | head -1'
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=60, check=False
    )
    assert done.stdout == "# Configuration\n"
    assert done.stderr == ""


def test_an_interrupt_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C says nothing."""
    code = "import sys, signal, os; from proxy.cli import main as m\nimport proxy.cli.config as c\n"
    code += "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell's background jobs are born deaf to it
    code += "def run(args): os.kill(os.getpid(), signal.SIGINT)\nc.run = run\nsys.exit(m.main(['config', 'docs']))"
    done = python("-c", code)
    assert (done.returncode, done.stderr) == (130, "")


def test_a_bug_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """The traceback is for `python -X dev`."""
    one_line(ValueError, ValueError("oops"), None)
    assert capsys.readouterr().err.startswith("llm-edge: internal error: ValueError: oops\n")


def test_developers_get_the_traceback() -> None:
    """In Python's development mode."""
    code = "import sys; from proxy.cli.main import one_line; sys.excepthook = one_line; raise ValueError('oops')"
    assert "Traceback" in python("-X", "dev", "-c", code).stderr
    assert "Traceback" not in python("-c", code).stderr


def test_python_m_proxy_is_the_command() -> None:
    """The same words, the same codes."""
    done = python("-m", "proxy", "config", "check", PORT="x")
    assert done.returncode == 2
    assert "environment PORT: server.port" in done.stderr


@pytest.mark.parametrize("word", list(AGENT_WORDS))
def test_the_agents_words_are_ours(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`llm-edge-agent start|health|config init|metrics|benchmark`."""
    assert main_agent([word, "--help"]) == 0
    assert f"usage: llm-edge-agent {word}" in capsys.readouterr().out


def test_the_agent_knows_no_other_words(capsys: pytest.CaptureFixture[str]) -> None:
    """Ours are not its own."""
    assert main_agent(["keys"]) == 2


def test_a_command_that_is_not_installed_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Instead of an import error."""
    monkeypatch.setitem(COMMANDS, "config", COMMANDS["config"]._replace(module="proxy.cli.nope"))
    assert main(["config", "docs"]) == 1
    assert capsys.readouterr().err == "llm-edge config: not part of this installation (no module proxy.cli.nope)\n"


def test_every_command_is_documented() -> None:
    """docs/cli.md has a heading for each."""
    text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    for name in COMMANDS:
        assert f"## `llm-edge {name}`" in text
    for word in AGENT_WORDS:
        assert f"`{word}" in text.partition("## `llm-edge-agent`")[2]


def test_an_id_that_begins_with_a_dash_is_no_option() -> None:
    """Agenthub's may: in its place among others, as an option's value, behind `--`; what is an option stays one."""
    dashed = "-lQfcOJAf6uhmC08ngz45g"
    parser = Parser()
    explain = parser.add_subparsers().add_parser("explain")
    for name in ("key_id", "model"):
        explain.add_argument(name)
    explain.add_argument("--tenant")
    explain.add_argument("--long-option-of-22-c", action="store_true")
    found = vars(parser.parse_args(["explain", dashed, "--long-option-of-22-c", "m", "--tenant", dashed]))
    assert found == {"key_id": dashed, "model": "m", "tenant": dashed, "long_option_of_22_c": True}
    assert parser.parse_args(["explain", "--", dashed, "m"]).key_id == dashed

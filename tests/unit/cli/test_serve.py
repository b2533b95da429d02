"""`llm-edge serve`."""

import argparse
import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from proxy.cli.main import main
from proxy.cli.serve import add_arguments, announce, overrides_of, show_first_key
from proxy.settings import Settings

ECHO = "providers: {echo: {kind: echo}}\n"


def parsed(*argv: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(argv)


def test_the_command_line_wins() -> None:
    """Each option is a setting; what is not given overrides nothing."""
    assert overrides_of(parsed()) == {}
    assert overrides_of(parsed("--host", "::1", "--port", "0", "--workers", "3", "--demo", "--insecure")) == {
        "server": {"host": "::1", "port": 0, "workers": 3},
        "demo": True,
        "insecure": True,
    }


@pytest.mark.parametrize(
    ("host", "shown"), [("0.0.0.0", "http://127.0.0.1:80/v1"), ("::1", "http://[::1]:80/v1"), ("10.0.0.1", "http://10.0.0.1:80/v1")]
)
def test_the_demo_shows_an_address_that_works(host: str, shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    """On standard error: standard output carries the log."""
    announce("http", "sk-demo-1")(host, 80)
    out, err = capsys.readouterr()
    assert out == ""
    assert shown in err
    assert "Bearer sk-demo-1" in err


def test_without_a_demo_nothing_is_announced(capsys: pytest.CaptureFixture[str]) -> None:
    """The log says all."""
    announce("https", None)("::", 80)
    assert capsys.readouterr() == ("", "")


def test_no_providers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The documented text, exit code 2."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.endswith("_API_KEY"):
            monkeypatch.delenv(name)
    assert main(["serve"]) == 2
    assert "No providers configured" in capsys.readouterr().err


def test_a_taken_port(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line, exit code 1."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["serve", "--demo", "--port", str(port)]) == 1
    assert capsys.readouterr().err == f"llm-edge serve: cannot listen on 127.0.0.1:{port}: Address already in use\n"


def test_the_first_admin_key_goes_beside_the_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a terminal: into a file, whose place is said; the key itself is not printed."""
    settings = Settings.of(providers={"echo": {"kind": "echo"}}, stores={"records": f"sqlite:///{tmp_path}/a.db"})
    show_first_key(settings)
    key = (tmp_path / "admin-key").read_text().strip()
    err = capsys.readouterr().err
    assert str(tmp_path / "admin-key") in err
    assert key not in err


def test_no_admin_key_without_authentication(tmp_path: Path) -> None:
    """There is nobody to tell apart."""
    settings = Settings.of(
        server={"host": "127.0.0.1"},
        auth={"enabled": False},
        providers={"echo": {"kind": "echo"}},
        stores={"records": f"sqlite:///{tmp_path}/a.db"},
    )
    show_first_key(settings)
    assert list(tmp_path.iterdir()) == []


def test_the_demo_answers_its_own_curl_line(tmp_path: Path) -> None:
    """Key and base URL from the banner; SIGINT ends it at once, with 0."""
    env = {k: v for k, v in os.environ.items() if not k.endswith("_API_KEY")}
    command = [
        sys.executable,
        "-c",
        "import sys; from proxy.cli.main import main; sys.exit(main(sys.argv[1:]))",
        "serve",
        "--demo",
        "--port",
        "0",
    ]
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env={**env, "PYTHONPATH": str(Path(__file__).parents[3]), "METRICS_PORT": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as demo:
        assert demo.stderr is not None
        banner = ""
        while "-d '" not in banner:
            line = demo.stderr.readline()
            assert line, banner
            banner += line
        base = re.search(r"base URL +(\S+)", banner)
        key = re.search(r"API key +(\S+)", banner)
        body = re.search(r"-d '(.*)'", banner)
        assert base
        assert key
        assert body
        request = urllib.request.Request(
            f"{base[1]}/chat/completions",
            data=body[1].encode(),
            headers={"Authorization": f"Bearer {key[1]}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=20) as response:
            assert json.load(response)["choices"]
        demo.send_signal(signal.SIGINT)
        assert demo.wait(20) == 0

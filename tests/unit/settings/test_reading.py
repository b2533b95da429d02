"""How the sources come together."""

from pathlib import Path

import pytest

from proxy.settings import SettingsError
from proxy.settings.reading import read_everything


def test_dotenv_lies_under_the_environment(tmp_path: Path) -> None:
    """And over the file; a `$` in it is a `$`."""
    dotenv = tmp_path / ".env"
    dotenv.write_text("PORT=1\nHOST=from-dotenv\nAPI_KEYS='a${HOME}b'\nEXPORTED\n")
    config = tmp_path / "c.yaml"
    config.write_text("server: {host: from-file, workers: 3}\n")
    data = read_everything({}, path=config, environ={"PORT": "2"}, dotenv=dotenv).layer
    assert data.data["server"] == {"host": "from-dotenv", "port": "2", "workers": 3}
    assert data.data["auth"]["static_keys"] == ["a${HOME}b"]
    assert data.origin(("server", "host")) == ".env HOST"
    assert data.origin(("server", "workers")) == "c.yaml:1:27"


def test_the_file_may_be_named_by_the_environment(tmp_path: Path) -> None:
    """LLM_EDGE_CONFIG, unless a path is given."""
    one, two = tmp_path / "one.yaml", tmp_path / "two.yaml"
    one.write_text("server: {port: 1}")
    two.write_text("server: {port: 2}")
    environ = {"LLM_EDGE_CONFIG": str(one)}
    assert read_everything({}, environ=environ, dotenv=None).layer.get(("server", "port")) == 1
    reading = read_everything({}, path=two, environ=environ, dotenv=None)
    assert reading.layer.get(("server", "port")) == 2
    assert reading.file == two


def test_a_dotenv_that_is_no_text_is_a_mistake(tmp_path: Path) -> None:
    """Not a traceback."""
    dotenv = tmp_path / ".env"
    dotenv.write_bytes(b"A=\xff\xfe\n")
    with pytest.raises(SettingsError, match="can't be read"):
        read_everything({}, environ={}, dotenv=dotenv)


def test_references_see_dotenv(tmp_path: Path) -> None:
    """`env:NAME` finds a name that only `.env` has."""
    (tmp_path / ".env").write_text("UP_KEY=k\n")
    config = tmp_path / "c.yaml"
    config.write_text("providers: {up: {kind: openai, api_keys: [env:UP_KEY]}}")
    reading = read_everything({}, path=config, environ={}, dotenv=tmp_path / ".env")
    assert reading.layer.data["providers"]["up"]["api_keys"] == ["k"]


def test_demo_in_a_file_keeps_the_files_providers(tmp_path: Path) -> None:
    """The echo provider stands in only where there is none."""
    config = tmp_path / "c.yaml"
    config.write_text("demo: true\nproviders: {up: {kind: openai, api_keys: [k]}}")
    reading = read_everything({}, path=config, environ={}, dotenv=None)
    assert list(reading.layer.data["providers"]) == ["up"]
    assert reading.layer.get(("server", "host")) == "127.0.0.1"

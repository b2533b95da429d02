"""load_settings."""

from pathlib import Path

from proxy.settings import load_settings


def test_it_can_be_called_again(tmp_path: Path) -> None:
    """Nothing is remembered: a changed file is a changed configuration."""
    config = tmp_path / "c.yaml"
    config.write_text("providers: {echo: {kind: echo}}\nserver: {port: 1}\n")
    before = load_settings(str(config), environ={}, dotenv=None)
    config.write_text("providers: {echo: {kind: echo}}\nserver: {port: 2}\n")
    after = load_settings(config, environ={}, dotenv=None)
    assert (before.server.port, after.server.port) == (1, 2)
    assert before.digest() != after.digest()


def test_overrides_win_over_all(tmp_path: Path) -> None:
    """They are what the command line said; what it did not say is None."""
    config = tmp_path / "c.yaml"
    config.write_text("providers: {echo: {kind: echo}}\nserver: {port: 1, host: h}\n")
    settings = load_settings(config, environ={"PORT": "2"}, dotenv=None, overrides={"server": {"port": 3}, "demo": None})
    assert (settings.server.port, settings.server.host, settings.demo) == (3, "h", False)
    assert settings.origin(("server", "port")) == "argument"

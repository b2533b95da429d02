"""The refusal to change what the configuration says."""

from pathlib import Path

from proxy.admin.managed import managed_by_file
from proxy.settings import Settings, load_settings

TEXT = """\
providers: {echo: {kind: echo}}
models:
  m:
    targets: [{provider: echo, model: a}]
"""


def test_the_line_is_named(tmp_path: Path) -> None:
    """In the message and for machines; of a value that the file does not give, that of what is around it."""
    file = tmp_path / "c.yaml"
    file.write_text(TEXT)
    settings = load_settings(file, environ={}, dotenv=None)
    error = managed_by_file(settings, ("models", "m"), "Not here.")
    assert (error.status, error.code) == (409, "managed_by_file")
    assert error.message == "models.m is managed by the configuration (c.yaml:3:3): change it there and reload. Not here."
    assert error.details == {"path": "models.m", "where": "c.yaml:3:3"}
    assert "(c.yaml:3:3)" in managed_by_file(settings, ("models", "m", "strategy")).message


def test_without_a_place() -> None:
    """The whole, or settings that no file gave."""
    settings = Settings.of(providers={"echo": {"kind": "echo"}})
    assert managed_by_file(settings, ()).message == "the configuration is managed by the configuration: change it there and reload"

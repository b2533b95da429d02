"""Reads a configuration from its sources; may be called again at any time, since nothing is remembered."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from proxy.settings.reading import DOTENV, read_everything
from proxy.settings.root import Settings
from proxy.settings.sources import SourceReader


def load_settings(
    path: Path | str | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    dotenv: Path | None = DOTENV,
    overrides: Mapping[str, Any] | None = None,
    serving: bool = True,
    reader: SourceReader | None = None,
) -> Settings:
    """Raises SettingsError.

    path: the YAML file; None: that of LLM_EDGE_CONFIG, if set. environ: None: the process's own. overrides: sections that win over
    all (`{"server": {"port": 8081}}`); None values in the top level are left out. serving False: for commands that don't listen,
    so that a missing provider is no mistake. reader: by which files are read; what it has read is known to it also when this raises.
    """
    file = Path(path) if path is not None else None
    return Settings(_read=read_everything(overrides or {}, path=file, environ=environ, dotenv=dotenv, reader=reader), _serving=serving)

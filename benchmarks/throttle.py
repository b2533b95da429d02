"""A share of a core for a process, by the kernel's CPU controller: so that workers have cores free for them even where load competes."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.systems.base import Missing

_PERIOD_US = 50_000
"""Well above the scheduler's tick (4 ms at 250 Hz), which is how far a process may overrun its quota."""
_V1 = Path("/sys/fs/cgroup/cpu")
_V2 = Path("/sys/fs/cgroup")


@contextlib.contextmanager
def throttled(pids: Sequence[int], share: float) -> Iterator[None]:
    """Each process may use `share` of one core at most. Raises Missing where the CPU controller is not ours to use (it takes root).

    Source: Linux documentation of cgroup v1 CFS bandwidth control and of cgroup v2 cpu.max, read 2026-11-22.
    """
    groups: list[Path] = []
    try:
        for pid in pids:
            groups.append(_limit(pid, share))
        yield
    except OSError as exc:
        raise Missing(f"fewer than 4 cores, and the kernel's CPU controller can't be used to keep some free: {exc}") from None
    finally:
        for group, pid in zip(groups, pids, strict=False):
            _release(group, pid)


def _limit(pid: int, share: float) -> Path:
    quota = str(round(_PERIOD_US * share))
    if (_V1 / "cpu.cfs_quota_us").exists() or (_V1 / "cgroup.procs").exists():
        group = _V1 / f"llm-edge-bench-{os.getpid()}-{pid}"
        group.mkdir()
        (group / "cpu.cfs_period_us").write_text(str(_PERIOD_US))
        (group / "cpu.cfs_quota_us").write_text(quota)
    else:
        group = _V2 / f"llm-edge-bench-{os.getpid()}-{pid}"
        group.mkdir()
        (group / "cpu.max").write_text(f"{quota} {_PERIOD_US}")
    (group / "cgroup.procs").write_text(str(pid))
    return group


def _release(group: Path, pid: int) -> None:
    """Back to the root group, and the group of our making is removed."""
    with contextlib.suppress(OSError):
        (group.parent / "cgroup.procs").write_text(str(pid))
    with contextlib.suppress(OSError):
        group.rmdir()

"""The collector's settings."""

import subprocess
import sys


def test_what_lives_for_ever_is_frozen() -> None:
    """And young objects are looked at less often. In a process of its own, since it is for good."""
    code = (
        "import gc\nfrom proxy.serving import garbage\ngarbage.settle()\n"
        "assert gc.get_freeze_count() > 1000\nassert gc.get_threshold() == (garbage.YOUNG, *garbage.OLD)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=30, check=False).returncode == 0

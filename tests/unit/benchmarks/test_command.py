"""`python -m benchmarks`."""

import os
import subprocess
import sys


def test_it_ends_quietly_when_nobody_reads_any_more() -> None:
    """As in `| head`: no trace on standard error, and what a shell shows for a broken pipe."""
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "benchmarks", "routing", "--candidates", "2"]
    try:
        ended = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, check=False, timeout=60)
    finally:
        os.close(write)
    assert (ended.stderr, ended.returncode) == (b"", 141)

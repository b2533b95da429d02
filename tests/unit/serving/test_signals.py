"""Signals of this very process."""

import os
import signal
import subprocess
import sys

from proxy.serving.signals import FORCED_EXIT, on_signals
from tests.support.eventually import eventually


async def test_each_signal_has_its_effect() -> None:
    """SIGHUP reloads; SIGTERM and the first SIGINT drain."""
    seen: list[str] = []
    on_signals(lambda: seen.append("drain"), lambda: seen.append("reload"))
    for number, expected in ((signal.SIGHUP, "reload"), (signal.SIGTERM, "drain"), (signal.SIGINT, "drain")):
        seen.clear()
        os.kill(os.getpid(), number)
        await eventually(lambda: bool(seen))
        assert seen == [expected]


def test_the_second_interrupt_ends_the_process() -> None:
    """After the clean-up that it was given."""
    code = (
        "import asyncio, os, signal\nfrom proxy.serving.signals import on_signals\n"
        "async def main():\n    on_signals(lambda: None, lambda: None, abort=lambda: os.write(1, b'aborted'))\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n    await asyncio.sleep(0.05)\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=30, check=False)
    assert (result.returncode, result.stdout) == (FORCED_EXIT, b"aborted")

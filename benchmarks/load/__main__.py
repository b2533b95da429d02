"""`python -m benchmarks.load`: one job a line on stdin, one result a line on stdout; ends with its input."""

import asyncio
import gc
import json
import sys
from dataclasses import asdict
from typing import Any

from benchmarks.load.closed import ClosedLoop
from benchmarks.load.jobs import Job, JobError, Outcome
from benchmarks.load.open import OpenLoop
from benchmarks.load.streams import Streams


def new_loop() -> asyncio.AbstractEventLoop:
    """uvloop where it is installed: the load generator must cost less than what it measures."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


async def run_job(job: Job) -> list[Outcome]:
    """Raises JobError; OSError when the target does not accept connections."""
    job.check()
    if job.kind == "closed":
        return await ClosedLoop(job).run()
    if job.kind == "open":
        return await OpenLoop(job).run()
    return await Streams(job).run()


def answer(line: str) -> dict[str, Any]:
    try:
        job = Job.from_json(line)
        with asyncio.Runner(loop_factory=new_loop) as runner:
            outcomes = runner.run(run_job(job))
    except (JobError, OSError) as exc:
        return {"error": str(exc)}
    return {"outcomes": [asdict(outcome) for outcome in outcomes]}


def main() -> None:
    gc.disable()  # a pause here would count as the system's latency; jobs are bounded and collected in between
    for line in sys.stdin:
        print(json.dumps(answer(line)), flush=True)
        gc.collect()


if __name__ == "__main__":
    main()

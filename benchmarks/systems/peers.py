"""Peers that are installed under LLM_EDGE_BENCH_PEERS, each in its plain configuration: one model passed on, no cache.

Layout and how to install each: docs/benchmarks.md.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.payloads import MODEL, STREAM_MODEL
from benchmarks.processes import Managed, StartError, free_port, wait_ready
from benchmarks.systems.base import Endpoint, Env, Missing, System
from benchmarks.systems.gateway import KEY, clean_environment

_NO_PEERS = "LLM_EDGE_BENCH_PEERS names no directory"


def _need(peers: Path | None, path: str, how: str) -> Path:
    if peers is None:
        raise Missing(f"{_NO_PEERS}; {how}")
    found = peers / path
    if not found.exists():
        raise Missing(f"{found} is missing; {how}")
    return found


def _python_version(python: Path, package: str) -> str:
    code = f"from importlib.metadata import version; print(version({package!r}))"
    return subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=False).stdout.strip()


def _ready(process: Managed, port: int, path: str, limit_s: float) -> float:
    try:
        return wait_ready(process, port, path, limit_s=limit_s)
    except BaseException:
        process.stop()
        raise


class LiteLLM(NamedTuple):
    process: Managed
    port: int
    version: str
    ready_s: float


LITELLM_HEADERS = (("Authorization", f"Bearer {KEY}"),)


def litellm_model(name: str, model: str, upstream_port: int) -> dict[str, object]:
    """An entry of its `model_list`: entries of one name are deployments that its router chooses from."""
    where = {"model": f"openai/{model}", "api_base": f"http://127.0.0.1:{upstream_port}/v1", "api_key": "sk-upstream"}
    return {"model_name": name, "litellm_params": where}


def launch_litellm(work: Path, cores: Sequence[int], peers: Path | None, config: Mapping[str, object]) -> LiteLLM:
    """With a master key, without which it does not start. Its price list is read from the package: no network is measured.

    Raises Missing, StartError."""
    binary = _need(peers, "litellm/bin/litellm", 'python -m venv litellm && litellm/bin/pip install "litellm[proxy]"')
    port = free_port()
    path = work / "litellm.yaml"
    path.write_text(json.dumps(config))
    process = Managed(
        [str(binary), "--config", str(path), "--host", "127.0.0.1", "--port", str(port)],
        log=work / "litellm.log",
        cores=cores,
        env={**clean_environment(), "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MASTER_KEY": KEY},
        cwd=work,
    )
    ready_s = _ready(process, port, "/health/liveliness", 120)
    return LiteLLM(process, port, _python_version(binary.parent / "python", "litellm"), ready_s)


def start_litellm(env: Env) -> System:
    models = [
        litellm_model(MODEL, MODEL, env.upstreams.answers_port),
        litellm_model(STREAM_MODEL, STREAM_MODEL, env.upstreams.streams_port),
    ]
    started = launch_litellm(env.work, env.cores.system, env.peers, {"model_list": models})
    return System(
        name="litellm",
        version=started.version,
        governance="master key, no database",
        process=started.process,
        answers=Endpoint(started.port, headers=LITELLM_HEADERS),
        streams=Endpoint(started.port, model=STREAM_MODEL, headers=LITELLM_HEADERS),
        ready_s=[started.ready_s],
    )


def start_portkey(env: Env) -> System:
    root = _need(env.peers, "portkey/node_modules/@portkey-ai/gateway", "npm install --prefix portkey @portkey-ai/gateway")
    node = shutil.which("node")
    if node is None:
        raise Missing("no node on PATH")
    port = free_port()
    process = Managed(
        [node, str(root / "build/start-server.js"), f"--port={port}", "--headless"],
        log=env.work / "portkey.log",
        cores=env.cores.system,
        env={**clean_environment(), "NODE_ENV": "production", "TRUSTED_CUSTOM_HOSTS": "127.0.0.1"},
        cwd=env.work,
    )
    up = env.upstreams

    def headers(upstream_port: int) -> tuple[tuple[str, str], ...]:
        host = f"http://127.0.0.1:{upstream_port}/v1"
        return (("x-portkey-provider", "openai"), ("x-portkey-custom-host", host), ("Authorization", "Bearer sk-upstream"))

    version: str = json.loads((root / "package.json").read_text())["version"]
    return System(
        name="portkey",
        version=version,
        governance="off",
        process=process,
        answers=Endpoint(port, headers=headers(up.answers_port)),
        streams=Endpoint(port, model=STREAM_MODEL, headers=headers(up.streams_port)),
        ready_s=[_ready(process, port, "/", 60)],
    )


_TENSORZERO = """import signal, sys, tensorzero
gateway = tensorzero._start_http_gateway(
    config_file=sys.argv[1], clickhouse_url=None, postgres_url=None, valkey_url=None, async_setup=False)
print("serving at", gateway.base_url, flush=True)
signal.pause()
"""
"""The PyPI package carries the Rust gateway's HTTP server and starts it in the process; Python sleeps meanwhile."""


def start_tensorzero(env: Env) -> System:
    python = _need(env.peers, "tensorzero/bin/python", "python -m venv tensorzero && tensorzero/bin/pip install tensorzero")
    config = env.work / "tensorzero.toml"
    blocks = []
    for name, port in ((MODEL, env.upstreams.answers_port), (STREAM_MODEL, env.upstreams.streams_port)):
        blocks.append(
            f'[models.{name}]\nrouting = ["up"]\n[models.{name}.providers.up]\ntype = "openai"\nmodel_name = "{name}"\n'
            f'api_base = "http://127.0.0.1:{port}/v1/"\napi_key_location = "none"\n'
        )
    config.write_text("[gateway.observability]\nenabled = false\n" + "".join(blocks))
    script = env.work / "tensorzero_server.py"
    script.write_text(_TENSORZERO)
    process = Managed([str(python), str(script), str(config)], log=env.work / "tensorzero.log", cores=env.cores.system, env=_quiet())
    port, ready_s = _announced_port(process, 60)
    path = "/openai/v1/chat/completions"
    return System(
        name="tensorzero",
        version=_python_version(python, "tensorzero"),
        governance="off (observability off)",
        process=process,
        answers=Endpoint(port, path, f"tensorzero::model_name::{MODEL}"),
        streams=Endpoint(port, path, f"tensorzero::model_name::{STREAM_MODEL}"),
        ready_s=[ready_s],
    )


def _quiet() -> dict[str, str]:
    return {**clean_environment(), "RUST_LOG": "error"}


def _announced_port(process: Managed, limit_s: float) -> tuple[int, float]:
    """(port, seconds from the spawn) once the server has said where it listens."""
    while (waited := time.monotonic() - process.spawned_at) < limit_s:
        found = re.search(r"serving at http://[\w.]+:(\d+)", process.log.read_text("utf-8", "replace"))
        if found:
            return int(found[1]), time.monotonic() - process.spawned_at
        if not process.running():
            break
        time.sleep(0.005)
    process.stop()
    raise StartError(f"tensorzero did not say where it listens within {waited:.0f} s:\n{process.tail()}")


def floor_command(port: int) -> list[str]:
    """A raw ASGI application that answers at once: what uvicorn alone costs."""
    options = ["--port", str(port), "--no-access-log", "--log-level", "warning", "--lifespan", "off"]
    return [sys.executable, "-m", "uvicorn", "benchmarks.systems.floor:app", *options]


def start_floor(env: Env) -> System:
    """No gateway: the least that a Python server with uvicorn can cost, without any upstream call."""
    port = free_port()
    environment = {**clean_environment(), "PYTHONPATH": os.getcwd()}
    process = Managed(floor_command(port), log=env.work / "floor.log", cores=env.cores.system, env=environment)
    return System(
        name="uvicorn",
        version=_python_version(Path(sys.executable), "uvicorn"),
        governance="none; answers by itself, no upstream call",
        process=process,
        answers=Endpoint(port),
        streams=None,
        ready_s=[_ready(process, port, "/", 20)],
        verbatim=True,
    )

"""LLM Edge itself, as an operator would run it: `serve --config`, authentication, cache, metrics and access log on."""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.payloads import STREAM_MODEL, TRANSLATED_MODEL, TRANSLATED_STREAM_MODEL
from benchmarks.processes import Managed, free_port, wait_ready
from benchmarks.systems.base import Endpoint, Env, System
from proxy.core.version import __version__

KEY = "sk-bench-5f1d7c0a9e3b4826a7d4c1f0b6e98352"
GOVERNANCE = "on: authentication, cache look-up and store, metrics, access log, headers, body metadata"
_MUCH = 10**12
LIMITS: dict[str, Any] = {"default": {"rpm": _MUCH, "input_tpm": _MUCH, "output_tpm": _MUCH, "tpm": _MUCH, "burst": _MUCH}}
BUDGETS: dict[str, Any] = {"default_monthly_usd": 10_000_000, "unpriced": {"input": 1, "output": 2}}
"""Five windows and a budget that are never used up, and a price so that money is counted."""
READY_PATH = "/health/ready"
_READY_LIMIT_S = 30.0


def config_of(env: Env, port: int, name: str, **sections: dict[str, Any]) -> dict[str, Any]:
    """The configuration file's content. `sections` overlay what stands here."""
    up = env.upstreams

    def provider(upstream_port: int) -> dict[str, Any]:
        return {"kind": "openai", "base_url": f"http://127.0.0.1:{upstream_port}/v1", "api_keys": ["sk-upstream"]}

    def anthropic(upstream_port: int) -> dict[str, Any]:
        return {"kind": "anthropic", "base_url": f"http://127.0.0.1:{upstream_port}", "api_keys": ["sk-upstream"]}

    config: dict[str, Any] = {
        "server": {"host": "127.0.0.1", "port": port, "metrics_port": None, "drain_delay_s": 0, "grace_s": 5},
        "auth": {"static_keys": [KEY]},
        "stores": {"records": f"sqlite:///{env.work}/{name}.db"},
        "providers": {
            "answers": provider(up.answers_port),
            "streams": provider(up.streams_port),
            "messages": anthropic(up.answers_port),
            "message-streams": anthropic(up.streams_port),
            "echo": {"kind": "echo"},
        },
        "models": {
            "bench": {"targets": [{"provider": "answers"}]},
            STREAM_MODEL: {"targets": [{"provider": "streams"}]},
            TRANSLATED_MODEL: {"targets": [{"provider": "messages"}]},
            TRANSLATED_STREAM_MODEL: {"targets": [{"provider": "message-streams"}]},
            "echo*": {"targets": [{"provider": "echo"}]},
        },
        "cache": {"enabled": True},
    }
    for section, fields in sections.items():
        config.setdefault(section, {}).update(fields)
    return config


def write_config(work: Path, name: str, config: dict[str, Any]) -> Path:
    """JSON is YAML."""
    path = work / f"{name}.yaml"
    path.write_text(json.dumps(config, indent=1))
    return path


def clean_environment() -> dict[str, str]:
    """Without the variables that would configure a gateway or name real providers."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "PYTHONPATH")
    return {name: value for name in kept if (value := os.environ.get(name)) is not None}


def launch_gateway(
    work: Path, cores: Sequence[int], name: str, port: int, config: dict[str, Any], launcher: Sequence[str] = ()
) -> tuple[Managed, float]:
    """(process, seconds until it was ready). `port`: the one in `config`. Raises StartError."""
    process = Managed(
        [sys.executable, *launcher, "-m", "proxy", "serve", "--config", str(write_config(work, name, config))],
        log=work / f"{name}.log",
        cores=cores,
        env=clean_environment(),
    )
    try:
        return process, wait_ready(process, port, READY_PATH, limit_s=_READY_LIMIT_S)
    except BaseException:
        process.stop()
        raise


def start_gateway(
    env: Env, name: str = "llm-edge", *, cores: Sequence[int] | None = None, launcher: Sequence[str] = (), **sections: dict[str, Any]
) -> System:
    """`launcher`: put between the interpreter and `-m proxy` (a profiler). Raises StartError."""
    port = free_port()
    records = sections.get("usage", {}).get("enabled", True)
    process, ready_s = launch_gateway(
        env.work, env.cores.system if cores is None else cores, name, port, config_of(env, port, name, **sections), launcher
    )
    headers = (("Authorization", f"Bearer {KEY}"),)
    return System(
        name=name,
        version=__version__,
        governance=GOVERNANCE + (", usage records" if records else "") + (", five limits, budget" if "budgets" in sections else ""),
        process=process,
        answers=Endpoint(port, headers=headers),
        streams=Endpoint(port, model=STREAM_MODEL, headers=headers),
        ready_s=[ready_s],
    )

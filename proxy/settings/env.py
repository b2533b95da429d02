"""Reads the environment into a layer. The names are in `environment.py`; this is how they are put together."""

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from proxy.settings.base import split_list
from proxy.settings.environment import COMPOSED, LATER, NAMES, UNUSED
from proxy.settings.errors import Path, Problem
from proxy.settings.layers import Layer
from proxy.settings.suggest import did_you_mean

PREFIX = "LLM_EDGE_"
_PLAIN = frozenset(entry.name for entry in NAMES) | frozenset(name for name, _ in COMPOSED)


class Environment:
    """Non-empty variables with the source each came from. The process's own win over `.env`, also by being empty."""

    def __init__(self, process: Mapping[str, str], dotenv: Mapping[str, str]) -> None:
        merged = {**dotenv, **process}
        self.values = {name: value for name, value in merged.items() if value.strip()}
        self._process = process

    def get(self, name: str) -> str | None:
        return self.values.get(name)

    def origin(self, name: str) -> str:
        return f"environment {name}" if name in self._process else f".env {name}"


def named_layer(env: Environment) -> Layer:
    """What the names of the table and the composed ones say, without providers."""
    layer = Layer()
    _server_address(env, layer)
    _redis_parts(env, layer)
    for entry in NAMES:
        value = env.get(entry.name)
        if value is not None and not _service_link(entry.name, value):
            layer.put(tuple(entry.path.split(".")), entry.parse(value.strip()), env.origin(entry.name))
            layer.references[tuple(entry.path.split("."))] = entry.name
    return layer


def nested_layer(env: Environment, sections: frozenset[str]) -> tuple[Layer, list[Problem]]:
    """`LLM_EDGE_SERVER__PORT=8081`: any setting by its path; a value that begins with [ or { is JSON.

    Names without `__` that look like nothing of ours are left alone: Kubernetes sets LLM_EDGE_SERVICE_HOST and the like.
    """
    layer, problems = Layer(), []
    for name in sorted(env.values):
        if not name.startswith(PREFIX) or name in _PLAIN:
            continue
        origin = env.origin(name)
        path: Path = tuple(name.removeprefix(PREFIX).lower().split("__"))
        if len(path) == 1 and path[0] not in sections:
            hint = did_you_mean(name, [known for known in _PLAIN if known.startswith(PREFIX)], cutoff=0.85)
            problems += [Problem(f"unknown name{hint}", where=origin)] if hint else []
        elif path[0] not in sections or "" in path:
            problems.append(Problem(f"unknown setting {'.'.join(map(str, path))}{did_you_mean(str(path[0]), sections)}", where=origin))
        else:
            try:
                layer.put(path, _json_or_text(env.values[name]), origin)
            except ValueError as exc:
                problems.append(Problem(f"not valid JSON ({exc})", ".".join(map(str, path)), origin))
    return layer, problems


def provider_layer(env: Environment) -> Layer:
    """Providers made of well-known names, OpenAI first: by-name routing sends unknown models to the first."""
    layer = Layer()
    _openai(env, layer)
    if env.get("AZURE_OPENAI_API_KEY") and env.get("AZURE_OPENAI_ENDPOINT"):
        fields = {"base_url": "AZURE_OPENAI_ENDPOINT", "api_keys": "AZURE_OPENAI_API_KEY", "api_version": "AZURE_OPENAI_API_VERSION"}
        _provider(env, layer, "azure", "azure", fields)
    if env.get("ANTHROPIC_API_KEY"):
        _provider(env, layer, "anthropic", "anthropic", {"api_keys": "ANTHROPIC_API_KEY", "base_url": "ANTHROPIC_BASE_URL"})
    if env.get("AWS_BEARER_TOKEN_BEDROCK"):
        _provider(env, layer, "bedrock", "bedrock", {"api_keys": "AWS_BEARER_TOKEN_BEDROCK", "region": "AWS_DEFAULT_REGION"})
        if not env.get("AWS_DEFAULT_REGION"):
            layer.put(("providers", "bedrock", "region"), "us-east-1", env.origin("AWS_BEARER_TOKEN_BEDROCK"))
    if env.get("GEMINI_API_KEY"):
        _provider(env, layer, "gemini", "gemini", {"api_keys": "GEMINI_API_KEY", "base_url": "GEMINI_BASE_URL"})
    return layer


def without_effect(env: Environment) -> list[str]:
    """A line for each name that is set but that this version does not act on."""
    later = [f"{name} is set, but {feature} are not available yet: no effect" for name, feature in LATER.items() if env.get(name)]
    return later + [f"{name} has no effect: {why}" for name, why in UNUSED.items() if env.get(name)]


def _openai(env: Environment, layer: Layer) -> None:
    if env.get("OPENAI_API_KEY"):
        _provider(env, layer, "openai", "openai", {"api_keys": "OPENAI_API_KEY", "base_url": "OPENAI_BASE_URL"})
    elif env.get("OPENAI_BASE_URL"):
        _provider(env, layer, "openai", "openai_compatible", {"base_url": "OPENAI_BASE_URL"})


def _provider(env: Environment, layer: Layer, name: str, kind: str, fields: dict[str, str]) -> None:
    first = next(variable for variable in fields.values() if env.get(variable))
    layer.put(("providers", name, "kind"), kind, env.origin(first))
    for field, variable in fields.items():
        value = env.get(variable)
        if value is not None:
            layer.put(("providers", name, field), value.strip(), env.origin(variable))


def _service_link(name: str, value: str) -> bool:
    """Kubernetes sets METRICS_PORT=tcp://… in every pod beside a service called `metrics`."""
    return name.endswith("_PORT") and value.startswith("tcp://")


def _server_address(env: Environment, layer: Layer) -> None:
    address = env.get("SERVER_ADDRESS")
    if address is None:
        return
    host, colon, port = address.strip().rpartition(":")
    origin = env.origin("SERVER_ADDRESS")
    if not colon or port.endswith("]"):
        layer.put(("server", "host"), address.strip().strip("[]"), origin)
        return
    layer.put(("server", "port"), port, origin)
    if host:
        layer.put(("server", "host"), host.strip("[]"), origin)


def _redis_parts(env: Environment, layer: Layer) -> None:
    nodes = env.get("REDIS_CLUSTER_NODES")
    host = nodes if nodes is not None else env.get("REDIS_HOST")
    if host is None:
        return
    port = env.get("REDIS_PORT") or "6379"
    service = re.fullmatch(r"tcp://[^:]+:(\d+)", port)
    password = env.get("REDIS_PASSWORD")
    environment = env.get("ENVIRONMENT")
    scheme = "rediss" if environment is not None and environment.strip().lower() != "local" else "redis"
    login = f":{quote(password, safe='')}@" if password else ""
    if nodes is not None:
        named = [node.partition("://")[2] or node for node in split_list(nodes)]
        url, name = f"{scheme}+cluster://{login}{','.join(named)}", "REDIS_CLUSTER_NODES"
    else:
        url, name = f"{scheme}://{login}{host.strip()}:{service[1] if service else port.strip()}/0", "REDIS_HOST"
    layer.put(("stores", "redis"), url, env.origin(name))


def _json_or_text(value: str) -> Any:
    text = value.strip()
    if not text.startswith(("[", "{")):
        return None if text == "null" else text
    try:
        return json.loads(text)
    except json.JSONDecodeError as exc:
        raise ValueError(f"{exc.msg} at character {exc.pos + 1}") from None

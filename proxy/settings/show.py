"""The effective configuration for people and machines, without its secrets."""

import json
from pathlib import Path as FilePath
from typing import Any

from pydantic import BaseModel, SecretStr

from proxy.settings.base import SecretUrl, redact_url
from proxy.settings.errors import Path, dotted
from proxy.settings.root import Settings

HIDDEN = "***"


def effective(settings: Settings) -> dict[str, Any]:
    """Every setting as JSON values; secrets are `***`, URLs lose their credentials."""
    plain = _plain(settings)
    return plain if isinstance(plain, dict) else {}


def origins(settings: Settings) -> dict[str, str]:
    """Dotted path → where its value came from, for those that are not defaults."""
    found: dict[str, str] = {}
    _walk_origins(settings, effective(settings), (), found)
    return found


def as_text(settings: Settings) -> str:
    """YAML with a comment behind each value that is no default."""
    lines = [f"# digest {settings.digest()}", *(f"# {line}" for line in settings.not_yet())]
    _write(settings, effective(settings), (), lines)
    return "\n".join(lines) + "\n"


def as_json(settings: Settings) -> dict[str, Any]:
    return {
        "config": effective(settings),
        "origins": origins(settings),
        "digest": settings.digest(),
        "not_yet": settings.not_yet(),
    }


def _plain(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return HIDDEN
    if isinstance(value, SecretUrl):
        return redact_url(value.get_secret_value())
    if isinstance(value, BaseModel):
        extra = value.__pydantic_extra__ or {}
        return {name: _plain(getattr(value, name)) for name in (*type(value).model_fields, *extra)}
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, FilePath) else value


def _walk_origins(settings: Settings, value: Any, path: Path, found: dict[str, str]) -> None:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            _walk_origins(settings, item, (*path, key), found)
    elif settings.origin(path) != "default":
        found[dotted(path)] = settings.origin(path)


def _write(settings: Settings, value: dict[str, Any], path: Path, lines: list[str]) -> None:
    indent = "  " * len(path)
    for key, item in value.items():
        here = (*path, key)
        name = key if key.replace("_", "").replace("-", "").isalnum() else json.dumps(key)
        if isinstance(item, dict) and item:
            lines.append(f"{indent}{name}:")
            _write(settings, item, here, lines)
            continue
        origin = settings.origin(here)
        lines.append(f"{indent}{name}: {json.dumps(item, ensure_ascii=False)}" + (f"  # {origin}" if origin != "default" else ""))

"""Recorded provider traffic, where the machine has it: data to test against, never copied into the repository."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def shared_dir() -> Path:
    """`LLM_EDGE_SHARED`, by default `shared` beside the repository."""
    return Path(os.environ.get("LLM_EDGE_SHARED") or ROOT.parent / "shared")


def corpus(protocol: str) -> list[dict[str, Any]]:
    """All recorded exchanges of a protocol (`openai_chat`), by id; skips the test where there are none."""
    files = sorted((shared_dir() / "recorded" / "corpus").glob(f"{protocol}-*.json"))
    if not files:
        pytest.skip(f"no recorded {protocol} exchanges in {shared_dir()} (set LLM_EDGE_SHARED)")
    return [json.loads(file.read_text()) for file in files]


def without_nulls(value: Any) -> Any:
    """Null and absent mean the same in a request."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value

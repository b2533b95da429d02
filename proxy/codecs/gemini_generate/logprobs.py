"""`logprobsResult` ↔ OpenAI chat's `logprobs` object. Source: ai.google.dev "LogprobsResult", read 2026-11-25.

The API has token ids and no bytes, OpenAI bytes and no ids: neither carries the other's.
"""

from typing import Any


def decode_logprobs(result: dict[str, Any]) -> dict[str, Any]:
    """Never raises: what is of no use is left out."""
    chosen, top = _objects(result.get("chosenCandidates")), _objects(result.get("topCandidates"))
    content = []
    for i, item in enumerate(chosen):
        others = _objects(top[i].get("candidates")) if i < len(top) else []
        content.append({**_token(item), "top_logprobs": [_token(other) for other in others]})
    return {"content": content}


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _token(item: dict[str, Any]) -> dict[str, Any]:
    token = str(item.get("token") or "")
    return {"token": token, "logprob": item.get("logProbability") or 0.0, "bytes": list(token.encode("utf-8", "replace"))}


def encode_logprobs(logprobs: dict[str, Any]) -> dict[str, Any]:
    content = _objects(logprobs.get("content"))
    return {
        "chosenCandidates": [_candidate(item) for item in content],
        "topCandidates": [{"candidates": [_candidate(other) for other in _objects(item.get("top_logprobs"))]} for item in content],
    }


def _candidate(item: dict[str, Any]) -> dict[str, Any]:
    return {"token": item.get("token", ""), "logProbability": item.get("logprob", 0.0)}

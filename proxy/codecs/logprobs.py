"""Log probabilities in their canonical form, which is OpenAI chat's: `{"content": [{"token", "logprob", "bytes", "top_logprobs"}]}`.

Providers' own are kept as they came, so whoever reads them must expect anything.
"""

from typing import Any


def tokens_of(logprobs: dict[str, Any] | None) -> list[dict[str, Any]]:
    """The entries that name their token. Never raises."""
    return named(logprobs.get("content")) if logprobs else []


def named(value: Any) -> list[dict[str, Any]]:
    """Of a list, the objects with a `token`; none of what is no list."""
    return [item for item in value if isinstance(item, dict) and isinstance(item.get("token"), str)] if isinstance(value, list) else []

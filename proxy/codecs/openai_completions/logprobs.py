"""Log probabilities: four parallel arrays here, a list of objects in chat, whose form is the canonical one.

Source: OpenAI API reference, "The completion object (legacy)", read 2026-11-25. `text_offset` is not carried: it is counted anew from the
beginning of the answer, where the API counts from the beginning of the prompt.
"""

from typing import Any

from proxy.codecs.logprobs import named, tokens_of
from proxy.codecs.openai_chat.fields import array, optional, string


def decode_logprobs(value: dict[str, Any], path: str) -> dict[str, Any]:
    """`{"content": [{"token", "logprob", "bytes", "top_logprobs"}]}`. The first token of an echoed prompt has the log probability null."""
    tokens = optional(value, "tokens", array, path) or []
    own = optional(value, "token_logprobs", array, path) or []
    tops = optional(value, "top_logprobs", array, path) or []
    content = []
    for i, item in enumerate(tokens):
        token = string(item, f"{path}.tokens[{i}]")
        top = tops[i] if i < len(tops) and isinstance(tops[i], dict) else {}
        content.append(
            {
                "token": token,
                "logprob": own[i] if i < len(own) else None,
                "bytes": list(token.encode("utf-8", "surrogatepass")),
                "top_logprobs": [
                    {"token": other, "logprob": number, "bytes": list(other.encode("utf-8", "surrogatepass"))}
                    for other, number in top.items()
                ],
            }
        )
    return {"content": content, "refusal": None}


def encode_logprobs(value: dict[str, Any], offset: int) -> tuple[dict[str, Any], int]:
    """The arrays, and where the next token begins. `offset`: characters of the answer before these tokens."""
    out: dict[str, list[Any]] = {"tokens": [], "token_logprobs": [], "top_logprobs": [], "text_offset": []}
    for item in tokens_of(value):
        token = item["token"]
        out["tokens"].append(token)
        out["token_logprobs"].append(item.get("logprob"))
        out["top_logprobs"].append({top["token"]: top.get("logprob") for top in named(item.get("top_logprobs"))})
        out["text_offset"].append(offset)
        offset += len(token)
    return {**out, "top_logprobs": out["top_logprobs"] if any(out["top_logprobs"]) else None}, offset

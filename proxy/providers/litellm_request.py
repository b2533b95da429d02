"""From an OpenAI body to the arguments of `litellm.acompletion` and `litellm.aembedding`.

The package takes its own switches (where to call, with which key, mock answers, callbacks, fallbacks, caches) through the same keyword
arguments as the model's parameters, so only names of the two lists below get there (contract K). What else a client sends is left out
and reported (contract L).

Source: OpenAI API reference, "Create chat completion" and "Create embeddings", read 2026-11-25; litellm 1.110, `main.py`, for what it
takes by these names.
"""

import re
from collections.abc import Mapping
from typing import Any

from proxy.core.errors import BadRequest, ModelNotFound

CHAT = frozenset(
    {
        "audio",
        "frequency_penalty",
        "function_call",
        "functions",
        "logit_bias",
        "logprobs",
        "max_completion_tokens",
        "max_tokens",
        "messages",
        "modalities",
        "model",
        "n",
        "parallel_tool_calls",
        "prediction",
        "presence_penalty",
        "prompt_cache_key",
        "reasoning_effort",
        "response_format",
        "safety_identifier",
        "seed",
        "service_tier",
        "stop",
        "stream",
        "stream_options",
        "temperature",
        "thinking",
        "tool_choice",
        "tools",
        "top_logprobs",
        "top_p",
        "user",
        "verbosity",
        "web_search_options",
    }
)
"""`metadata` is not among them: the package keeps its own switches there. Nor is `store`, which asks an account to keep the answer."""
EMBEDDINGS = frozenset({"dimensions", "encoding_format", "input", "model", "user"})
_LISTS = {"openai_chat": CHAT, "openai_embeddings": EMBEDDINGS}

_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@+~=-]*(?:/[A-Za-z0-9@][A-Za-z0-9._:@+~=-]*)*")
_MODEL_MAX = 256
_TOOL_TYPES = ("function", "custom")
_ENCODINGS = (None, "float", "base64")


def leave_out(body: dict[str, Any], dialect: str) -> tuple[str, ...]:
    """Removes (in place) what may not reach the package; the names of what was removed, without those that say nothing (null)."""
    lost = [name for name in body if name not in _LISTS[dialect]]
    return tuple(name for name in lost if body.pop(name) is not None)


def check_model(model: str) -> None:
    """ModelNotFound for a name that is none: many adapters put it into a URL's path as it is."""
    if len(model) > _MODEL_MAX or ".." in model or not _MODEL.fullmatch(model):
        shown = model if len(model) <= 100 else model[:100] + "…"
        raise ModelNotFound(f"The model {shown!r} does not exist: a name is made of letters, digits and . _ : @ + ~ = - /", param="model")


def check_body(body: Mapping[str, Any], dialect: str) -> None:
    """BadRequest for what the package would carry out itself, or get wrong."""
    if dialect == "openai_embeddings":
        if body.get("encoding_format") not in _ENCODINGS:
            raise BadRequest("encoding_format must be float or base64", param="encoding_format")
        return
    tools = body.get("tools")
    for i, tool in enumerate(tools if isinstance(tools, list) else ()):
        # A tool of type `mcp` makes the package itself call the server that the client names.
        if not isinstance(tool, dict) or tool.get("type") not in _TOOL_TYPES:
            raise BadRequest(f"tools[{i}].type must be function or custom with this provider", param=f"tools[{i}].type")
    n = body.get("n")
    if body.get("stream") is True and n is not None and n != 1:
        # The package reads only the first choice of a chunk and says that all have finished when one has.
        raise BadRequest("n must be 1 in a stream with this provider", param="n")


def arguments(body: Mapping[str, Any], dialect: str) -> dict[str, Any]:
    """What of a checked body goes to the package under the same name."""
    known = _LISTS[dialect]
    given = {name: value for name, value in body.items() if name in known and name != "model" and value is not None}
    if dialect == "openai_embeddings":
        # OpenAI's SDKs ask for base64 unless told otherwise, which few providers know: the vectors are packed here instead.
        given.pop("encoding_format", None)
    return given

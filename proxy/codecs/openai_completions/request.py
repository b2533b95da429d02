"""OpenAI completions request → ChatRequest.

Source: OpenAI API reference, "Create completion (legacy)"; openai-python 3 types, read 2026-11-25. Null means absent.

The prompt becomes one user turn. What is more than one text (several prompts, token ids) stays in `extra["prompt"]`, where this dialect's
encoder finds it and every other one reports it; of several texts the first is the turn's.
"""

from typing import Any

from proxy.codecs.base import InvalidBody
from proxy.codecs.openai_chat.fields import Check, boolean, integer, keep_rest, number, optional, record, required, string, wrong
from proxy.core.messages import Message, TextPart
from proxy.core.request import ChatRequest

DIALECT = "openai_completions"
_SCALARS: dict[str, Check] = {
    "temperature": number(0, 2),
    "top_p": number(0, 1),
    "top_k": integer(),
    "seed": integer(),
    "n": integer(1),
    "max_tokens": integer(0),
    "frequency_penalty": number(),
    "presence_penalty": number(),
    "user": string,
    "service_tier": string,
    "stream": boolean,
}
_SPELLED_OUT = ("n", "stream")
_CHECKED: dict[str, Check] = {"suffix": string, "echo": boolean, "best_of": integer(1)}
"""Checked, but without a canonical place: kept in `extra`."""
_OTHERS = frozenset({"model", "prompt", "logprobs", "logit_bias", "stop", "stream_options"})


def decode_request(body: dict[str, Any]) -> ChatRequest:
    if not body.get("model"):
        raise InvalidBody("Model is required", "model")
    fields: dict[str, Any] = {"model": required(body, "model", string, "")}
    extra: dict[str, Any] = {}
    paths: dict[str, str] = {}
    fields["messages"] = (Message(role="user", content=_prompt(body.get("prompt"), extra, paths), path="prompt"),)
    for key, value in body.items():
        if (check := _SCALARS.get(key)) is not None:
            if value is not None:
                fields[key] = check(value, key)
        elif key not in _OTHERS:
            if value is not None and (check := _CHECKED.get(key)) is not None:
                check(value, key)
            keep_rest({key: value}, (), "", extra)
    if (logprobs := optional(body, "logprobs", integer(0), "")) is not None:
        fields |= {"logprobs": True, "top_logprobs": logprobs}
        paths["top_logprobs"] = "logprobs"
    if (bias := optional(body, "logit_bias", record, "")) is not None:
        fields["logit_bias"] = {token: number()(value, f"logit_bias.{token}") for token, value in bias.items()}
    _stop(body.get("stop"), fields, paths)
    _stream_options(body, fields, extra)
    paths |= {key: key for key in _SPELLED_OUT if key in fields}
    return ChatRequest(dialect=DIALECT, extra=extra, paths=paths, **fields)


def check_prompt(prompt: Any) -> None:
    """Raises InvalidBody for what is no prompt: a string, an array of strings, token ids, an array of token arrays."""
    if prompt is None or isinstance(prompt, str):
        return
    if not isinstance(prompt, list):
        raise wrong("prompt", "a string or an array", prompt)
    if not prompt:
        raise InvalidBody("prompt cannot be an empty array", "prompt")
    kind = type(prompt[0])
    for i, item in enumerate(prompt):
        if type(item) is not kind or kind not in (str, int, list):
            raise InvalidBody(f"prompt[{i}] must be a string, a token id or an array of them, all of the same kind", f"prompt[{i}]")
        if kind is list and not (item and all(type(token) is int for token in item)):
            raise InvalidBody(f"prompt[{i}] must be an array of token ids", f"prompt[{i}]")


def _prompt(prompt: Any, extra: dict[str, Any], paths: dict[str, str]) -> tuple[TextPart, ...]:
    check_prompt(prompt)
    if prompt is None:
        return ()
    if isinstance(prompt, str):
        return (TextPart(text=prompt),)
    if isinstance(prompt[0], str) and len(prompt) == 1:
        paths["prompt"] = "prompt[0]"
        return (TextPart(text=prompt[0]),)
    extra["prompt"] = prompt
    return (TextPart(text=prompt[0]),) if isinstance(prompt[0], str) else ()


def _stop(stop: Any, fields: dict[str, Any], paths: dict[str, str]) -> None:
    if stop is None:
        return
    if isinstance(stop, str):
        fields["stop"], paths["stop"] = (stop,), "stop"
        return
    if not isinstance(stop, list):
        raise wrong("stop", "a string or an array of strings", stop)
    fields["stop"] = tuple(string(item, f"stop[{i}]") for i, item in enumerate(stop))


def _stream_options(body: dict[str, Any], fields: dict[str, Any], extra: dict[str, Any]) -> None:
    """Kept as they are without `stream`, where the provider is to judge them."""
    options = optional(body, "stream_options", record, "")
    if options is None:
        return
    if not fields.get("stream"):
        extra["stream_options"] = options
        return
    fields["include_usage"] = optional(options, "include_usage", boolean, "stream_options") is True
    keep_rest(options, {"include_usage"}, "stream_options", extra)

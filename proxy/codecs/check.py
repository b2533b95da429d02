"""The passthrough lane's look at a request: the fields that every provider would refuse, in about a microsecond.

A same-dialect body is never decoded as a whole (the provider judges its own dialect better than we do); what is wrong here is
wrong everywhere and must not cost an upstream call.
"""

import re
from typing import Any, TypeVar

import msgspec

from proxy.codecs.base import InvalidBody

T = TypeVar("T")
NO_THREADS = "thread_unsupported_request"
"""Anthropic's word for a request that cannot continue a message thread: its SDK then sends the whole conversation. A thread is named by
the id of an answer and lives in the provider's account, which all tenants share. Source: anthropic SDK 2.12, lib/threads, read
2026-11-25."""


class _Turn(msgspec.Struct, gc=False):
    role: str


class _StreamOptions(msgspec.Struct, gc=False):
    include_usage: bool | None = None


class _Chat(msgspec.Struct, gc=False):
    model: str
    messages: list[_Turn]
    stream: bool | None = None
    temperature: float | None = None
    n: int | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    stream_options: _StreamOptions | None = None


class _Messages(msgspec.Struct, gc=False):
    model: str
    messages: list[_Turn]
    max_tokens: int
    stream: bool | None = None
    temperature: float | None = None


class Asked(msgspec.Struct, frozen=True, gc=False):
    """What the gateway needs of a generation request, whatever its dialect."""

    model: str
    stream: bool
    include_usage: bool


def check_chat(body: dict[str, Any]) -> Asked:
    """OpenAI chat. Raises InvalidBody naming the field."""
    model = body.get("model")
    if model is None or model == "":
        raise InvalidBody("Model is required", "model")
    if body.get("messages") == []:
        raise InvalidBody("Messages cannot be empty", "messages")
    chat = convert(body, _Chat)
    if chat.temperature is not None and not 0 <= chat.temperature <= 2:
        raise InvalidBody("temperature must be between 0 and 2", "temperature")
    if chat.n is not None and chat.n < 1:
        raise InvalidBody("n must be at least 1", "n")
    if chat.max_tokens is not None and chat.max_tokens < 1:
        raise InvalidBody("max_tokens must be at least 1", "max_tokens")
    if chat.max_completion_tokens is not None and chat.max_completion_tokens < 1:
        raise InvalidBody("max_completion_tokens must be at least 1", "max_completion_tokens")
    options = chat.stream_options
    return Asked(chat.model, chat.stream is True, options is not None and options.include_usage is True)


def check_messages(body: dict[str, Any]) -> Asked:
    """Anthropic messages. Raises InvalidBody naming the field."""
    if body.get("model") == "":
        raise InvalidBody("model: must not be empty", "model")
    if body.get("messages") == []:
        raise InvalidBody("messages: at least one message is required", "messages")
    if body.get("thread") is not None:
        raise InvalidBody("thread: is not kept here, send all messages without it", "thread", NO_THREADS)
    asked = convert(body, _Messages)
    if asked.max_tokens < 1:
        raise InvalidBody("max_tokens: must be at least 1", "max_tokens")
    if asked.temperature is not None and not 0 <= asked.temperature <= 1:
        raise InvalidBody("temperature: must be between 0 and 1", "temperature")
    return Asked(asked.model, asked.stream is True, False)


_AT = re.compile(r" - at `\$\.?(.*)`$")
_MISSING = re.compile(r"^Object missing required field `(.*)`$")


def convert(body: dict[str, Any], kind: type[T]) -> T:
    """The body as `kind`. Raises InvalidBody naming the field that does not fit."""
    try:
        return msgspec.convert(body, kind)
    except msgspec.ValidationError as exc:
        raise _explained(str(exc)) from None


def _explained(text: str) -> InvalidBody:
    """msgspec's "Expected `str`, got `int` - at `$.messages[...].role`" as a message and a JSON path."""
    at = _AT.search(text)
    path = at[1] if at else ""
    reason = text[: at.start()] if at else text
    missing = _MISSING.match(reason)
    if missing:
        path = f"{path}.{missing[1]}" if path else missing[1]
        return InvalidBody(f"{path} is required", path)
    return InvalidBody(f"{path or 'the body'}: {reason[0].lower()}{reason[1:]}", path)

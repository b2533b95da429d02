"""ChatRequest → OpenAI completions body.

From another dialect, one user turn of text is the prompt as it is. Anything longer is written out as a script with a line a turn
(`User: …`, `Assistant: …`), which approximates it: `messages` is reported then, and every part that is no text.
"""

from typing import Any

from proxy.codecs.base import Encoded
from proxy.codecs.openai_chat.fields import restore
from proxy.codecs.openai_completions.request import DIALECT
from proxy.core.messages import Message, TextPart
from proxy.core.request import ChatRequest

_COPIED = ("max_tokens", "temperature", "top_p", "seed", "frequency_penalty", "presence_penalty", "logit_bias", "user")
_MAX_STOPS = 4
_MAX_LOGPROBS = 5
"""Source of both: OpenAI API reference, read 2026-11-25."""
_NOT_HERE = ("tool_choice", "parallel_tool_calls", "reasoning")
_LABELS = {"user": "User", "assistant": "Assistant", "tool": "Tool"}
_TIERS = frozenset({"auto", "default", "flex", "priority"})


def encode_request(request: ChatRequest) -> Encoded:
    same = request.dialect == DIALECT
    dropped: list[str] = []
    body: dict[str, Any] = {"model": request.model}
    _prompt(request, body, dropped)
    for name in _COPIED:
        if (value := getattr(request, name)) is not None:
            body[name] = value
    if request.n != 1 or "n" in request.paths:
        body["n"] = request.n
    if request.logprobs:
        wanted = request.top_logprobs or 0
        body["logprobs"] = wanted if same else min(wanted, _MAX_LOGPROBS)
        if body["logprobs"] != wanted:
            dropped.append(request.path_of("top_logprobs"))
    _stop(request, body, dropped)
    if request.stream:
        # The usage chunk is always asked for: the gateway meters by it.
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    elif same and "stream" in request.paths:
        body["stream"] = False
    if same:
        for name in ("top_k", "service_tier"):
            if (value := getattr(request, name)) is not None:
                body[name] = value
        restore(body, request.extra)
    else:
        _foreign(request, body, dropped)
    return Encoded(body, tuple(dict.fromkeys(dropped)))


def _prompt(request: ChatRequest, body: dict[str, Any], dropped: list[str]) -> None:
    """Several prompts and token ids come back from `extra`."""
    messages = request.messages
    texts = [_text(message, dropped) for message in messages]
    if len(messages) == 1 and messages[0].role == "user":
        if request.dialect != DIALECT:
            body["prompt"] = texts[0]
        elif messages[0].content:
            body["prompt"] = [texts[0]] if request.path_of("prompt") == "prompt[0]" else texts[0]
        return
    lines = [
        text if message.role in ("system", "developer") else f"{_LABELS[message.role]}: {text}"
        for message, text in zip(messages, texts, strict=True)
    ]
    body["prompt"] = "\n\n".join([*lines, "Assistant:"])
    dropped.append(request.path_of("messages"))


def _text(message: Message, dropped: list[str]) -> str:
    texts = []
    for index, part in enumerate(message.content):
        where = f"{message.path}[{index}]" if message.path == "system" else f"{message.path}.content[{index}]"
        if not isinstance(part, TextPart):
            dropped.append(where)
            continue
        texts.append(part.text)
        dropped += [f"{where}.{name}" for name, value in (("cache_control", part.cache), ("citations", part.citations)) if value]
    return "".join(texts)


def _stop(request: ChatRequest, body: dict[str, Any], dropped: list[str]) -> None:
    stop = request.stop
    if not stop:
        return
    same = request.dialect == DIALECT
    if same and len(stop) == 1 and "stop" in request.paths:
        body["stop"] = stop[0]
        return
    body["stop"] = list(stop if same else stop[:_MAX_STOPS])
    if len(body["stop"]) < len(stop):
        dropped.append(request.path_of("stop"))


def _foreign(request: ChatRequest, body: dict[str, Any], dropped: list[str]) -> None:
    dropped += [tool.path for tool in request.tools]
    dropped += [request.path_of(name) for name in (*_NOT_HERE, "top_k") if getattr(request, name) is not None]
    if request.response_format is not None and request.response_format.kind != "text":
        dropped.append(request.path_of("response_format"))
    if request.service_tier in _TIERS:
        body["service_tier"] = request.service_tier
    elif request.service_tier is not None:
        dropped.append(request.path_of("service_tier"))
    for message in request.messages:
        dropped += [f"{message.path}.{key}" for key, value in message.extra.items() if value is not None]
    dropped += [name for name, value in request.extra.items() if value is not None]

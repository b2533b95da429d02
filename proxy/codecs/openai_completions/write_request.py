"""ChatRequest → OpenAI completions body.

From another dialect, one user turn of text is the prompt as it is. Anything longer is written out as a script with a line a turn
(`User: …`, `Assistant: …`), which approximates it: `messages` is reported then, and every part that is no text.
"""

from typing import Any

from proxy.codecs.base import Encoded
from proxy.codecs.flatten import as_script, report_lost, text_of
from proxy.codecs.openai_chat.fields import restore
from proxy.codecs.openai_completions.request import DIALECT
from proxy.core.request import ChatRequest

_COPIED = ("max_tokens", "temperature", "top_p", "seed", "frequency_penalty", "presence_penalty", "logit_bias", "user")
_MAX_STOPS = 4
_MAX_LOGPROBS = 5
"""Source of both: OpenAI API reference, read 2026-11-25."""
_CARRIED = (*_COPIED, "n", "stop", "logprobs")
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
    if request.dialect != DIALECT:
        body["prompt"] = as_script(request, _LABELS, dropped)
    elif request.messages[0].content:
        text = text_of(request.messages[0], dropped)
        body["prompt"] = [text] if request.path_of("prompt") == "prompt[0]" else text


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
    if request.service_tier in _TIERS:
        body["service_tier"] = request.service_tier
        report_lost(request, dropped, carried=(*_CARRIED, "service_tier"))
    else:
        report_lost(request, dropped, carried=_CARRIED)

"""Conversations as plain text, for models that take a prompt, and what such models cannot be told."""

from collections.abc import Collection, Mapping

from proxy.core.messages import Message, TextPart
from proxy.core.request import ChatRequest

_FIELDS = (
    "tool_choice",
    "parallel_tool_calls",
    "reasoning",
    "top_k",
    "seed",
    "frequency_penalty",
    "presence_penalty",
    "logit_bias",
    "user",
    "service_tier",
)


def text_of(message: Message, dropped: list[str]) -> str:
    """The texts of a turn in one; the client's paths of everything else go into `dropped`."""
    texts = []
    for index, part in enumerate(message.content):
        where = f"{message.path}[{index}]" if message.path == "system" else f"{message.path}.content[{index}]"
        if not isinstance(part, TextPart):
            dropped.append(where)
            continue
        texts.append(part.text)
        dropped += [f"{where}.{name}" for name, value in (("cache_control", part.cache), ("citations", part.citations)) if value]
    return "".join(texts)


def as_script(request: ChatRequest, labels: Mapping[str, str], dropped: list[str]) -> str:
    """One user turn as it is. Anything longer with a paragraph a turn (`User: …`), ending in the assistant's label: that approximates it,
    so `messages` is reported. `labels`: of the roles user, assistant and tool."""
    messages = request.messages
    texts = [text_of(message, dropped) for message in messages]
    if len(messages) == 1 and messages[0].role == "user":
        return texts[0]
    lines = [f"{labels[m.role]}: {text}" if m.role in labels else text for m, text in zip(messages, texts, strict=True)]
    dropped.append(request.path_of("messages"))
    return "\n\n".join([*lines, f"{labels['assistant']}:"])


def report_lost(request: ChatRequest, dropped: list[str], *, carried: Collection[str] = ()) -> None:
    """Everything that a prompt has no place for, but for the fields that the dialect carries itself."""
    dropped += [tool.path for tool in request.tools]
    dropped += [request.path_of(name) for name in _FIELDS if name not in carried and getattr(request, name) is not None]
    if request.n != 1 and "n" not in carried:
        dropped.append(request.path_of("n"))
    if request.logprobs and "logprobs" not in carried:
        dropped.append(request.path_of("logprobs"))
    if request.stop and "stop" not in carried:
        dropped.append(request.path_of("stop"))
    if request.response_format is not None and request.response_format.kind != "text":
        dropped.append(request.path_of("response_format"))
    for message in request.messages:
        dropped += [f"{message.path}.{key}" for key, value in message.extra.items() if value is not None]
    dropped += [name for name, value in request.extra.items() if value is not None]

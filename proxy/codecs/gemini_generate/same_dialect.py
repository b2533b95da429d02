"""A request of this dialect → the body as its client wrote it, with whatever policies have changed on the way.

The body that the request was decoded from is kept beside it, and what the request said at first: only fields that differ from that are
written anew, so spelling, unknown fields and signatures stay.
"""

import re
from typing import Any

from proxy.codecs.base import Encoded
from proxy.codecs.gemini_generate.config import NAMES
from proxy.codecs.gemini_generate.fields import key_of, optional_list, snake
from proxy.codecs.gemini_generate.functions import parse_arguments
from proxy.codecs.gemini_generate.models import ModelFacts
from proxy.codecs.gemini_generate.request import WireRequest
from proxy.codecs.gemini_generate.write_config import encode_config
from proxy.codecs.gemini_generate.write_contents import ContentWriter
from proxy.codecs.gemini_generate.write_tools import encode_choice, encode_tools
from proxy.core.messages import Message, Part, TextPart, ToolUsePart
from proxy.core.request import ChatRequest

_INDEX = re.compile(r"\[(\d+)\]$")
_NEWEST = ModelFacts()


def encode_own(request: ChatRequest) -> Encoded:
    dropped: list[str] = []
    if not isinstance(request, WireRequest) or request.pristine is None:
        source: dict[str, Any] = {}
        before = ChatRequest(dialect=request.dialect, model="", messages=())
    else:
        source, before = request.source, request.pristine
    body = {key: value for key, value in source.items() if key not in ("model", "stream")}
    body = {"model": request.model, "stream": request.stream, **body}
    if request.messages != before.messages:
        _put_messages(request, before, body, dropped)
    if request.tools != before.tools:
        _put(body, "tools", encode_tools(request, dropped))
    if request.tool_choice != before.tool_choice:
        config = dict(body.get(key_of(body, "toolConfig")) or {})
        _put(config, "functionCallingConfig", encode_choice(request, dropped))
        _put(body, "toolConfig", config)
    _put_config(request, before, body, dropped)
    for key in before.extra.keys() - request.extra.keys():
        body.pop(key, None)
    body.update((key, value) for key, value in request.extra.items() if "." not in key and before.extra.get(key) != value)
    return Encoded(body, request.client_paths(dropped))


def _put(owner: dict[str, Any], name: str, value: Any) -> None:
    """Under the client's spelling; nothing is left where the value is empty."""
    owner.pop(name if snake(name) not in owner else snake(name), None)
    owner.pop(name, None)
    if value:
        owner[name] = value


def _put_config(request: ChatRequest, before: ChatRequest, body: dict[str, Any], dropped: list[str]) -> None:
    changed = [name for name in NAMES if getattr(request, name) != getattr(before, name)]
    if not changed:
        return
    fresh = encode_config(request, _NEWEST, dropped)
    config = dict(body.get(key_of(body, "generationConfig")) or {})
    for name in changed:
        for wire in NAMES[name]:
            _put(config, wire, None)
            if wire in fresh:
                config[wire] = fresh[wire]
    _put(body, "generationConfig", config)


def _put_messages(request: ChatRequest, before: ChatRequest, body: dict[str, Any], dropped: list[str]) -> None:
    known = {message.path: message for message in before.messages}
    raw = {f"contents[{i}]": item for i, item in enumerate(optional_list(body, "contents", ""))}
    key = key_of(body, "systemInstruction")
    system = body.get(key)
    raw[key] = {"parts": [{"text": system}]} if isinstance(system, str) else system
    writer = ContentWriter(request, _NEWEST, dropped, own=True)
    contents: list[Any] = []
    instructions: list[Any] = []
    for message in request.messages:
        old = known.get(message.path)
        written = raw[message.path] if old == message else _content(message, old, raw.get(message.path) or {}, writer, before.places)
        (instructions if message.role in ("system", "developer") else contents).append(written)
    body["contents"] = contents
    if len(instructions) == 1:
        _put(body, "systemInstruction", instructions[0])
    else:
        _put(body, "systemInstruction", {"parts": [part for item in instructions for part in item["parts"]]} if instructions else None)


def _content(message: Message, old: Message | None, raw: dict[str, Any], writer: ContentWriter, places: dict[str, str]) -> dict[str, Any]:
    role = "model" if message.role == "assistant" else "user"
    fresh = writer.parts_of(message)
    if old is None or len(old.content) != len(message.content):
        return {"role": role, "parts": fresh}
    parts = [{"text": part} if isinstance(part, str) else part for part in optional_list(raw, "parts", "")]
    for i, (was, now) in enumerate(zip(old.content, message.content, strict=True)):
        if was == now:
            continue
        found = _INDEX.search(places.get(f"{message.path}.content[{i}]", ""))
        if found is None:
            return {"role": role, "parts": fresh}
        patched = _patched(parts[int(found[1])], now)
        if patched is None:
            return {"role": role, "parts": fresh}
        parts[int(found[1])] = patched
    return {**raw, "parts": parts}


def _patched(raw: dict[str, Any], part: Part) -> dict[str, Any] | None:
    """The part with its new text or arguments; None for other changes."""
    if isinstance(part, TextPart) and "text" in raw:
        return {**raw, "text": part.text}
    key = key_of(raw, "functionCall")
    if isinstance(part, ToolUsePart) and isinstance(raw.get(key), dict):
        return {**raw, key: {**raw[key], "name": part.name, "args": parse_arguments(part.arguments, key)}}
    return None

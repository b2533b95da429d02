"""Responses request → ChatRequest.

Source: OpenAI API reference, "Create a model response"; openai-python 3.54, types/responses/response_create_params.py, read
2026-11-25. Null means absent. What only an upstream that keeps responses understands (`store`, `previous_response_id`, `conversation`,
`background`), and every unknown field, is in `extra`. Notes in `paths`, for the same dialect's encoder:

    response_format             text.format      where other encoders find what they cannot carry
    logprobs                    include[0]       the place of that word in `include`
    reasoning.encrypted_content include[1]       likewise: an answer's reasoning carries what other dialects have of it unasked
    include, text, tools, stream, instructions   the client wrote an empty list, object or text, or a default
"""

from typing import Any

from proxy.codecs.base import InvalidBody
from proxy.codecs.openai_chat.fields import (
    Check,
    array,
    boolean,
    integer,
    keep_rest,
    number,
    optional,
    record,
    required,
    string,
)
from proxy.codecs.openai_responses.fields import DIALECT, ENCRYPTED, LOGPROBS
from proxy.codecs.openai_responses.items import decode_input
from proxy.codecs.openai_responses.tools import decode_choice, decode_tools
from proxy.core.messages import Message, TextPart
from proxy.core.request import ChatRequest, Reasoning, ResponseFormat

STATEFUL = ("previous_response_id", "conversation", "prompt")
"""Fields that stand for input kept at the upstream: with one of them `input` may be missing."""

_SCALARS: dict[str, tuple[str, Check]] = {
    "model": ("model", string),
    "parallel_tool_calls": ("parallel_tool_calls", boolean),
    "max_output_tokens": ("max_tokens", integer(1)),
    "temperature": ("temperature", number(0, 2)),
    "top_p": ("top_p", number(0, 1)),
    "top_logprobs": ("top_logprobs", integer(0)),
    "service_tier": ("service_tier", string),
    "stream": ("stream", boolean),
}
"""This API's name → the canonical one."""
_JSON_SCHEMA = frozenset({"type", "name", "description", "schema", "strict"})


def decode_request(body: dict[str, Any]) -> ChatRequest:
    if not body.get("model"):
        raise InvalidBody("model is required", "model")
    draft = _Draft(body)
    for key, value in body.items():
        if (scalar := _SCALARS.get(key)) is not None:
            if value is not None:
                draft.fields[scalar[0]] = scalar[1](value, key)
        elif key not in _OWN:
            keep_rest({key: value}, (), "", draft.extra)
        elif value is not None and (read := _READERS.get(key)) is not None:
            read(draft, value)
    if body.get("stream") is False:
        draft.paths["stream"] = "stream"
    if "top_logprobs" in draft.fields and "logprobs" not in draft.fields:
        draft.extra["top_logprobs"] = draft.fields.pop("top_logprobs")  # without effect here, an error at others
    messages = draft.messages()
    return ChatRequest(dialect=DIALECT, messages=messages, extra=draft.extra, paths=draft.paths, places=draft.places, **draft.fields)


class _Draft:
    """The fields of the ChatRequest to be; one method per field that is more than a checked scalar."""

    def __init__(self, body: dict[str, Any]) -> None:
        self.body = body
        self.fields: dict[str, Any] = {}
        self.extra: dict[str, Any] = {}
        self.paths: dict[str, str] = {"max_tokens": "max_output_tokens"}
        self.places: dict[str, str] = {}

    def messages(self) -> tuple[Message, ...]:
        value = self.body.get("input")
        if value is None and all(self.body.get(key) is None for key in STATEFUL):
            raise InvalidBody("input is required", "input")
        instructions = optional(self.body, "instructions", string, "")
        told: tuple[Message, ...] = ()
        if instructions:
            told = (Message(role="system", content=(TextPart(text=instructions),), path="instructions", single=True),)
        elif instructions is not None:
            self.paths["instructions"] = "instructions"
        if value is None:
            return told
        self.paths["messages"] = "input"
        return told + decode_input(value, self.places)

    def tools(self, value: Any) -> None:
        self.fields["tools"] = tools = decode_tools(value, self.extra)
        if not tools:
            self.paths["tools"] = "tools"

    def tool_choice(self, value: Any) -> None:
        self.fields["tool_choice"] = choice = decode_choice(value)
        if choice is None:
            self.extra["tool_choice"] = value

    def include(self, value: Any) -> None:
        rest = []
        for i, item in enumerate(array(value, "include")):
            word = string(item, f"include[{i}]")
            if word == LOGPROBS:
                self.fields["logprobs"] = True
                self.paths["logprobs"] = f"include[{i}]"
            elif word == ENCRYPTED:
                self.paths[ENCRYPTED] = f"include[{i}]"
            else:
                rest.append(word)
        if rest:
            self.extra["include"] = rest
        self.paths["include"] = "include"

    def text(self, value: Any) -> None:
        text = record(value, "text")
        self.paths["text"] = "text"
        keep_rest(text, {"format"}, "text", self.extra)
        given = optional(text, "format", record, "text")
        if given is None:
            return
        path = "text.format"
        kind = required(given, "type", string, path)
        if kind not in ("text", "json_object", "json_schema"):
            self.extra[path] = given
            return
        self.paths["response_format"] = path
        if kind != "json_schema":
            self.fields["response_format"] = ResponseFormat(kind="text" if kind == "text" else "json_object")
            keep_rest(given, {"type"}, path, self.extra)
            return
        self.fields["response_format"] = ResponseFormat(
            kind="json_schema",
            name=required(given, "name", string, path),
            description=optional(given, "description", string, path),
            schema=optional(given, "schema", record, path),
            strict=optional(given, "strict", boolean, path),
        )
        keep_rest(given, _JSON_SCHEMA, path, self.extra)

    def reasoning(self, value: Any) -> None:
        given = record(value, "reasoning")
        rest = {key: item for key, item in given.items() if key != "effort" and item is not None}
        self.fields["reasoning"] = Reasoning(effort=optional(given, "effort", string, "reasoning"), extra=rest)

    def safety_identifier(self, value: Any) -> None:
        """The successor of `user`; beside it a leftover."""
        identifier = string(value, "safety_identifier")
        if self.body.get("user") is None:
            self.fields["user"] = identifier
            self.paths["user"] = "safety_identifier"
        else:
            self.extra["safety_identifier"] = identifier

    def user(self, value: Any) -> None:
        self.fields["user"] = string(value, "user")


_READERS = {
    "tools": _Draft.tools,
    "tool_choice": _Draft.tool_choice,
    "include": _Draft.include,
    "text": _Draft.text,
    "reasoning": _Draft.reasoning,
    "safety_identifier": _Draft.safety_identifier,
    "user": _Draft.user,
}
_OWN = frozenset({*_READERS, "input", "instructions"})

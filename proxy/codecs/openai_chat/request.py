"""OpenAI chat request → ChatRequest.

Source: OpenAI API reference, "Create chat completion"; openai-python 2 types, read 2026-11-22. Null means absent for every field this
API knows. A default that the client wrote out (`n: 1`, `stream: false`) is named in `paths`, so that it is written back.
"""

from typing import Any

from proxy.codecs.base import InvalidBody
from proxy.codecs.openai_chat.content import decode_cache
from proxy.codecs.openai_chat.fields import (
    DIALECT,
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
    wrong,
)
from proxy.codecs.openai_chat.messages import decode_messages
from proxy.core.request import ChatRequest, Reasoning, ResponseFormat, Tool, ToolChoice

_SCALARS: dict[str, Check] = {
    "parallel_tool_calls": boolean,
    "temperature": number(0, 2),
    "top_p": number(0, 1),
    "top_k": integer(),
    "seed": integer(),
    "n": integer(1),
    "frequency_penalty": number(),
    "presence_penalty": number(),
    "logprobs": boolean,
    "top_logprobs": integer(0),
    "service_tier": string,
    "stream": boolean,
}
_SPELLED_OUT = ("n", "stream")
_FUNCTION_TOOL = frozenset({"type", "function"})
_FUNCTION = frozenset({"name", "description", "parameters", "strict"})
_JSON_SCHEMA = frozenset({"name", "description", "schema", "strict"})


def decode_request(body: dict[str, Any]) -> ChatRequest:
    if not body.get("model"):
        raise InvalidBody("Model is required", "model")
    draft = _Draft(body)
    draft.fields["model"] = string(body["model"], "model")
    draft.fields["messages"] = decode_messages(body.get("messages"), draft.paths, draft.places)
    for key, value in body.items():
        if (check := _SCALARS.get(key)) is not None:
            if value is not None:
                draft.fields[key] = check(value, key)
        elif key not in _OWN:
            keep_rest({key: value}, (), "", draft.extra)
        elif value is not None and (read := _READERS.get(key)) is not None:
            read(draft, value)
    for key in _SPELLED_OUT:
        if key in draft.fields:
            draft.paths[key] = key
    draft.stream_options()
    return ChatRequest(dialect=DIALECT, extra=draft.extra, paths=draft.paths, places=draft.places, **draft.fields)


class _Draft:
    """The fields of the ChatRequest to be; one method per field that is more than a checked scalar."""

    def __init__(self, body: dict[str, Any]) -> None:
        self.body = body
        self.fields: dict[str, Any] = {}
        self.extra: dict[str, Any] = {}
        self.paths: dict[str, str] = {}
        self.places: dict[str, str] = {}

    def max_tokens(self, value: Any) -> None:
        """The older name: only a leftover where the newer is given too."""
        limit = integer(1)(value, "max_tokens")
        if self.body.get("max_completion_tokens") is None:
            self.fields["max_tokens"] = limit
        else:
            self.extra["max_tokens"] = limit

    def max_completion_tokens(self, value: Any) -> None:
        self.fields["max_tokens"] = integer(1)(value, "max_completion_tokens")
        self.paths["max_tokens"] = "max_completion_tokens"

    def stop(self, value: Any) -> None:
        """A single string is named in `paths`, and so is an empty array."""
        if isinstance(value, str):
            self.paths["stop"] = "stop"
            self.fields["stop"] = (value,)
        elif isinstance(value, list):
            self.fields["stop"] = tuple(string(item, f"stop[{i}]") for i, item in enumerate(value))
            if not value:
                self.paths["stop"] = "stop"
        else:
            raise InvalidBody("stop must be a string or an array of strings", "stop")

    def logit_bias(self, value: Any) -> None:
        self.fields["logit_bias"] = {k: number()(v, f"logit_bias.{k}") for k, v in record(value, "logit_bias").items()}

    def reasoning_effort(self, value: Any) -> None:
        self.fields["reasoning"] = Reasoning(effort=string(value, "reasoning_effort"))
        self.paths["reasoning"] = "reasoning_effort"

    def user(self, value: Any) -> None:
        self.fields["user"] = string(value, "user")

    def safety_identifier(self, value: Any) -> None:
        """The successor of `user`; beside it a leftover."""
        identifier = string(value, "safety_identifier")
        if self.body.get("user") is None:
            self.fields["user"] = identifier
            self.paths["user"] = "safety_identifier"
        else:
            self.extra["safety_identifier"] = identifier

    def response_format(self, value: Any) -> None:
        """A kind that only some servers know (grammars, structural tags) stays as it is."""
        given = record(value, "response_format")
        kind = required(given, "type", string, "response_format")
        if kind == "text":
            self.fields["response_format"] = ResponseFormat(kind="text")
        elif kind == "json_object":
            self.fields["response_format"] = ResponseFormat(kind="json_object")
        elif kind == "json_schema":
            path = "response_format.json_schema"
            schema = required(given, "json_schema", record, "response_format")
            self.fields["response_format"] = ResponseFormat(
                kind="json_schema",
                name=required(schema, "name", string, path),
                description=optional(schema, "description", string, path),
                schema=optional(schema, "schema", record, path),
                strict=optional(schema, "strict", boolean, path),
            )
            keep_rest(schema, _JSON_SCHEMA, path, self.extra)
        else:
            self.extra["response_format"] = given
            return
        keep_rest(given, {"type", "json_schema"}, "response_format", self.extra)

    def tools(self, value: Any) -> None:
        self.fields["tools"] = tuple(self._tool(item, i) for i, item in enumerate(array(value, "tools")))

    def _tool(self, value: Any, index: int) -> Tool:
        path = f"tools[{index}]"
        tool = record(value, path)
        kind = required(tool, "type", string, path)
        if kind != "function":
            inner = tool.get(kind)
            name = inner.get("name") if isinstance(inner, dict) else None
            return Tool(name=name if isinstance(name, str) else kind, opaque=tool, dialect=DIALECT, path=path)
        hint = decode_cache(tool.get("cache_control"))
        keep_rest(tool, _FUNCTION_TOOL | {"cache_control"} if hint else _FUNCTION_TOOL, path, self.extra)
        function = required(tool, "function", record, path)
        return self._function(function, f"{path}.function", Tool(name="", cache=hint, path=path))

    def _function(self, function: dict[str, Any], where: str, tool: Tool) -> Tool:
        keep_rest(function, _FUNCTION, where, self.extra)
        return Tool(
            name=required(function, "name", string, where),
            description=optional(function, "description", string, where),
            parameters=optional(function, "parameters", record, where),
            strict=optional(function, "strict", boolean, where),
            cache=tool.cache,
            path=tool.path,
        )

    def functions(self, value: Any) -> None:
        """The legacy form of `tools`. Beside `tools` it is a leftover."""
        functions = array(value, "functions")
        if self.body.get("tools") is not None:
            self.extra["functions"] = functions
            return
        self.paths["tools"] = "functions"
        paths = [f"functions[{i}]" for i in range(len(functions))]
        self.fields["tools"] = tuple(
            self._function(record(item, path), path, Tool(name="", path=path)) for item, path in zip(functions, paths, strict=True)
        )

    def tool_choice(self, value: Any) -> None:
        self.fields["tool_choice"] = choice = _tool_choice(value)
        if choice is None:
            self.extra["tool_choice"] = value

    def function_call(self, value: Any) -> None:
        """The legacy form of `tool_choice`. Beside it a leftover."""
        if self.body.get("tool_choice") is not None:
            self.extra["function_call"] = value
            return
        self.paths["tool_choice"] = "function_call"
        if value in ("auto", "none"):
            self.fields["tool_choice"] = ToolChoice(mode=value)
        else:
            name = required(record(value, "function_call"), "name", string, "function_call")
            self.fields["tool_choice"] = ToolChoice(mode="named", names=(name,))

    def stream_options(self) -> None:
        """Kept as they are without `stream`, where the provider is to judge them."""
        options = optional(self.body, "stream_options", record, "")
        if options is None:
            return
        if not self.fields.get("stream"):
            self.extra["stream_options"] = options
            return
        self.fields["include_usage"] = optional(options, "include_usage", boolean, "stream_options") is True
        keep_rest(options, {"include_usage"}, "stream_options", self.extra)


def _tool_choice(value: Any) -> ToolChoice | None:
    """None for a form that names more than functions."""
    if value in ("auto", "none", "required"):
        return ToolChoice(mode=value)
    if isinstance(value, str):
        raise InvalidBody(f"tool_choice must be auto, none, required or an object; not {value[:40]!r}", "tool_choice")
    if not isinstance(value, dict):
        raise wrong("tool_choice", "a string or an object", value)
    kind = required(value, "type", string, "tool_choice")
    if kind in ("function", "custom"):
        inner = required(value, kind, record, "tool_choice")
        name = required(inner, "name", string, f"tool_choice.{kind}")
        return ToolChoice(mode="named", names=(name,)) if len(value) == 2 and len(inner) == 1 else None
    if kind == "allowed_tools":
        return _allowed_tools(required(value, "allowed_tools", record, "tool_choice"))
    return None


def _allowed_tools(value: dict[str, Any]) -> ToolChoice | None:
    path = "tool_choice.allowed_tools"
    mode = required(value, "mode", string, path)
    if mode not in ("auto", "required"):
        raise InvalidBody(f"{path}.mode must be auto or required; not {mode[:40]!r}", f"{path}.mode")
    names: list[str] = []
    for index, item in enumerate(required(value, "tools", array, path)):
        tool = record(item, f"{path}.tools[{index}]")
        if tool.get("type") != "function":
            return None
        function = required(tool, "function", record, f"{path}.tools[{index}]")
        names.append(required(function, "name", string, f"{path}.tools[{index}].function"))
    return ToolChoice(mode="allowed", names=tuple(names), allowed_mode="required" if mode == "required" else "auto")


_READERS = {
    "max_tokens": _Draft.max_tokens,
    "max_completion_tokens": _Draft.max_completion_tokens,
    "stop": _Draft.stop,
    "logit_bias": _Draft.logit_bias,
    "reasoning_effort": _Draft.reasoning_effort,
    "user": _Draft.user,
    "safety_identifier": _Draft.safety_identifier,
    "response_format": _Draft.response_format,
    "tools": _Draft.tools,
    "functions": _Draft.functions,
    "tool_choice": _Draft.tool_choice,
    "function_call": _Draft.function_call,
}
_OWN = frozenset({*_READERS, "model", "messages", "stream_options"})

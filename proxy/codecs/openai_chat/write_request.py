"""ChatRequest → OpenAI chat body, from whatever dialect it was decoded."""

from typing import Any

from proxy.codecs.base import Encoded
from proxy.codecs.openai_chat.content import encode_cache
from proxy.codecs.openai_chat.fields import DIALECT, restore
from proxy.codecs.openai_chat.write_messages import MessageWriter
from proxy.codecs.openai_custom import tool_for_chat
from proxy.core.request import ChatRequest, Reasoning, ResponseFormat, Tool, ToolChoice

_COPIED = (
    "temperature",
    "top_p",
    "seed",
    "frequency_penalty",
    "presence_penalty",
    "logit_bias",
    "logprobs",
    "top_logprobs",
)
_MAX_STOPS = 4
"""Source: OpenAI API reference, `stop`, read 2026-11-22."""
_TIERS = {"auto": "auto", "standard_only": "default", "default": "default", "flex": "flex", "priority": "priority"}
_SHARED = {
    "prompt_cache_key": "prompt_cache_key",
    "prompt_cache_retention": "prompt_cache_retention",
    "safety_identifier": "safety_identifier",
    "text.verbosity": "verbosity",
}
"""Fields of OpenAI's Responses that this API has under the same or another name. `metadata` it takes only with `store`."""
_EFFORT_BUDGETS = ((1024, "minimal"), (4096, "low"), (16384, "medium"))
"""A thinking budget of at most so many tokens is approximated by that effort; more by "high"."""


def encode_request(request: ChatRequest, max_tokens_field: str) -> Encoded:
    """`max_tokens_field`: how the output cap of another dialect's request is spelled."""
    writer = MessageWriter(request)
    body: dict[str, Any] = {"model": request.model, "messages": writer.write()}
    fields = _FieldWriter(request, body)
    fields.write(max_tokens_field)
    return Encoded(body, request.client_paths(writer.dropped + fields.dropped))


class _FieldWriter:
    def __init__(self, request: ChatRequest, body: dict[str, Any]) -> None:
        self.dropped: list[str] = []
        self._request = request
        self._body = body
        self._same = request.dialect == DIALECT
        self._paths = request.paths if self._same else {}

    def write(self, max_tokens_field: str) -> None:
        request = self._request
        body = self._body
        for name in _COPIED:
            if (value := getattr(request, name)) is not None:
                body[name] = value
        if request.max_tokens is not None:
            body[self._paths.get("max_tokens", "max_tokens") if self._same else max_tokens_field] = request.max_tokens
        if request.n != 1 or "n" in self._paths:
            body["n"] = request.n
        if request.user is not None:
            body[self._paths.get("user", "user")] = request.user
        self._tools()
        self._stops()
        self._others()
        self._stream()
        self._extra()

    def _tools(self) -> None:
        request = self._request
        tools = [written for tool in request.tools if (written := self._tool(tool)) is not None]
        if tools or (self._same and request.tools):
            if self._paths.get("tools") == "functions":
                self._body["functions"] = [_function(tool) for tool in request.tools if tool.opaque is None]
            else:
                self._body["tools"] = tools
        if request.tool_choice is not None:
            if tools or self._same:
                self._choose(request.tool_choice)
            else:
                self.dropped.append(request.path_of("tool_choice"))
        if request.parallel_tool_calls is not None and (tools or self._same):
            self._body["parallel_tool_calls"] = request.parallel_tool_calls

    def _tool(self, tool: Tool) -> dict[str, Any] | None:
        """None for one that this API lacks."""
        if tool.cache is not None and not self._same:
            self.dropped.append(f"{tool.path}.cache_control")
        if tool.opaque is not None:
            own = tool.opaque if tool.dialect == DIALECT else tool_for_chat(tool.opaque) if tool.dialect == "openai_responses" else None
            if own is None:
                self.dropped.append(tool.path)
            return own
        out: dict[str, Any] = {"type": "function", "function": _function(tool)}
        if tool.cache is not None and self._same:
            out["cache_control"] = encode_cache(tool.cache)
        return out

    def _choose(self, choice: ToolChoice) -> None:
        if self._paths.get("tool_choice") == "function_call":
            self._body["function_call"] = {"name": choice.names[0]} if choice.mode == "named" else choice.mode
        elif choice.mode == "named":
            self._body["tool_choice"] = self._named(choice.names[0])
        elif choice.mode == "allowed":
            tools = [{"type": "function", "function": {"name": name}} for name in choice.names]
            self._body["tool_choice"] = {"type": "allowed_tools", "allowed_tools": {"mode": choice.allowed_mode, "tools": tools}}
        else:
            self._body["tool_choice"] = choice.mode

    def _named(self, name: str) -> dict[str, Any]:
        custom = any(tool.name == name and tool.opaque is not None and tool.opaque.get("type") == "custom" for tool in self._request.tools)
        kind = "custom" if custom else "function"
        return {"type": kind, kind: {"name": name}}

    def _stops(self) -> None:
        """A compatible server may take more than four: a client of this dialect is taken at its word."""
        stop = self._request.stop
        if not stop:
            if "stop" in self._paths:
                self._body["stop"] = []
        elif "stop" in self._paths and len(stop) == 1:
            self._body["stop"] = stop[0]
        else:
            self._body["stop"] = list(stop if self._same else stop[:_MAX_STOPS])
            if not self._same and len(stop) > _MAX_STOPS:
                self.dropped.append(self._request.path_of("stop"))

    def _others(self) -> None:
        request = self._request
        if request.top_k is not None:
            if self._same:
                self._body["top_k"] = request.top_k
            else:
                self.dropped.append(request.path_of("top_k"))
        if request.service_tier is not None:
            tier = request.service_tier if self._same else _TIERS.get(request.service_tier)
            if tier is None:
                self.dropped.append(request.path_of("service_tier"))
            else:
                self._body["service_tier"] = tier
        if request.response_format is not None:
            self._body["response_format"] = _response_format(request.response_format)
        if request.reasoning is not None:
            self._reason(request.reasoning)

    def _reason(self, reasoning: Reasoning) -> None:
        """An effort is carried; a budget is approximated by one; that thinking be off or adaptive has no spelling here."""
        if reasoning.effort is not None:
            self._body["reasoning_effort"] = reasoning.effort
        elif reasoning.budget_tokens is not None and reasoning.mode != "disabled":
            budget = reasoning.budget_tokens
            self._body["reasoning_effort"] = next((effort for limit, effort in _EFFORT_BUDGETS if budget <= limit), "high")
        path = self._request.path_of("reasoning")
        if reasoning.mode is not None or reasoning.budget_tokens is not None:
            self.dropped.append(path)
        self.dropped += [f"{path}.{key}" for key, value in reasoning.extra.items() if value is not None]

    def _stream(self) -> None:
        """The usage chunk is always asked for: the gateway meters by it."""
        if self._request.stream:
            self._body["stream"] = True
            self._body["stream_options"] = {"include_usage": True}
        elif "stream" in self._paths:
            self._body["stream"] = False

    def _extra(self) -> None:
        extra = self._request.extra
        if self._same:
            restore(self._body, extra)
            return
        shared = _SHARED if self._request.dialect == "openai_responses" else {}
        for name, value in extra.items():
            if name in shared and value is not None:
                self._body[shared[name]] = value
            elif value not in (None, False):
                self.dropped.append(name)


def _function(tool: Tool) -> dict[str, Any]:
    out: dict[str, Any] = {"name": tool.name}
    if tool.description is not None:
        out["description"] = tool.description
    if tool.parameters is not None:
        out["parameters"] = tool.parameters
    if tool.strict is not None:
        out["strict"] = tool.strict
    return out


def _response_format(given: ResponseFormat) -> dict[str, Any]:
    if given.kind != "json_schema":
        return {"type": given.kind}
    schema: dict[str, Any] = {"name": given.name or "response"}
    for key in ("description", "schema", "strict"):
        if (value := getattr(given, key)) is not None:
            schema[key] = value
    return {"type": "json_schema", "json_schema": schema}

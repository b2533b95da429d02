"""ChatRequest → Responses body, from whatever dialect it was decoded.

A request of another dialect is never kept by the upstream unless its client asked (`store`): this API keeps by default what others do
not. Encrypted reasoning is asked for then, as far as the request reasons, so that it can come back with the next turn.
"""

from typing import Any

from proxy.codecs.base import Encoded
from proxy.codecs.openai_chat.fields import restore
from proxy.codecs.openai_custom import tool_for_responses
from proxy.codecs.openai_responses.fields import DIALECT, ENCRYPTED, LOGPROBS, filled
from proxy.codecs.openai_responses.response import ECHOES
from proxy.codecs.openai_responses.tools import encode_choice, encode_tool
from proxy.codecs.openai_responses.write_items import ItemWriter
from proxy.core.messages import TextPart
from proxy.core.request import ChatRequest, Reasoning, ResponseFormat, Tool

MIN_OUTPUT_TOKENS = 16
"""Source: OpenAI API's refusal of a smaller `max_output_tokens` (`integer_below_min_value`), read 2026-11-25."""

_TIERS = {"auto": "auto", "standard_only": "default", "default": "default", "flex": "flex", "priority": "priority", "scale": "scale"}
_EFFORT_BUDGETS = ((1024, "minimal"), (4096, "low"), (16384, "medium"))
"""A thinking budget of at most so many tokens is approximated by that effort; more by "high"."""
_LOST = ("logit_bias", "frequency_penalty", "presence_penalty", "seed", "top_k")
_SHARED = ("metadata", "store", "prompt_cache_key", "prompt_cache_retention", "safety_identifier")
"""Fields of OpenAI chat that mean the same here; its `verbosity` is `text.verbosity`."""


def encode_request(request: ChatRequest) -> Encoded:
    writer = ItemWriter(request)
    items = writer.write()
    body: dict[str, Any] = {"model": request.model}
    if request.dialect != DIALECT or "messages" in request.paths or items:
        body["input"] = items
    if writer.instructions is not None:
        body["instructions"] = writer.instructions
    fields = FieldWriter(request, body)
    fields.write()
    return Encoded(body, request.client_paths(writer.dropped + fields.dropped))


class FieldWriter:
    """Everything but `model`, `input` and `instructions`, into `body`."""

    def __init__(self, request: ChatRequest, body: dict[str, Any]) -> None:
        self.dropped: list[str] = []
        self._request = request
        self._body = body
        self._same = request.dialect == DIALECT
        self._paths = request.paths if self._same else {}

    def write(self) -> None:
        request = self._request
        self._body.update(filled(temperature=request.temperature, top_p=request.top_p, top_logprobs=request.top_logprobs))
        self._limit()
        if request.user is not None:
            self._body[self._paths.get("user", "user")] = request.user
        self._tools()
        self._format()
        self._reason()
        self._include()
        self._tier()
        if request.stream or "stream" in self._paths:
            self._body["stream"] = request.stream
        if self._same:
            if "instructions" in self._paths:
                self._body.setdefault("instructions", "")
            restore(self._body, {key: value for key, value in request.extra.items() if key != "include"})
        else:
            self._foreign()

    def _limit(self) -> None:
        limit = self._request.max_tokens
        if limit is None:
            return
        if limit < MIN_OUTPUT_TOKENS and not self._same:
            self.dropped.append(self._request.path_of("max_tokens"))
            limit = MIN_OUTPUT_TOKENS
        self._body["max_output_tokens"] = limit

    def _tools(self) -> None:
        request = self._request
        tools = [written for tool in request.tools if (written := self._tool(tool)) is not None]
        if tools or "tools" in self._paths:
            self._body["tools"] = tools
        if request.tool_choice is not None:
            if tools or self._same:
                self._body["tool_choice"] = encode_choice(request.tool_choice, request.tools)
            else:
                self.dropped.append(request.path_of("tool_choice"))
        if request.parallel_tool_calls is not None and (tools or self._same):
            self._body["parallel_tool_calls"] = request.parallel_tool_calls

    def _tool(self, tool: Tool) -> dict[str, Any] | None:
        """None for one that this API lacks."""
        if tool.cache is not None:
            self.dropped.append(f"{tool.path}.cache_control")
        if tool.opaque is None:
            return encode_tool(tool, own=self._same)
        own = tool.opaque if tool.dialect == DIALECT else tool_for_responses(tool.opaque) if tool.dialect == "openai_chat" else None
        if own is None:
            self.dropped.append(tool.path)
        return own

    def _format(self) -> None:
        if "text" in self._paths:
            self._body["text"] = {}
        given = self._request.response_format
        if given is not None:
            self._body.setdefault("text", {})["format"] = encode_format(given)

    def _reason(self) -> None:
        """An effort is carried; a budget is approximated by one; that thinking be off or adaptive has no spelling here. A summary is not
        asked for: OpenAI refuses it to organisations that it has not verified."""
        reasoning = self._request.reasoning
        if reasoning is None:
            return
        if self._same:
            self._body["reasoning"] = {**filled(effort=reasoning.effort), **reasoning.extra}
            return
        effort = _effort(reasoning)
        if effort is not None:
            self._body["reasoning"] = {"effort": effort}
        path = self._request.path_of("reasoning")
        if reasoning.mode is not None or reasoning.budget_tokens is not None:
            self.dropped.append(path)
        self.dropped += [f"{path}.{key}" for key, value in reasoning.extra.items() if value not in (None, False)]

    def _include(self) -> None:
        request = self._request
        if not self._same:
            words = [LOGPROBS] if request.logprobs else []
            if "reasoning" in self._body and self._body["reasoning"].get("effort") != "none":
                words.append(ENCRYPTED)
            if words:
                self._body["include"] = words
            return
        if "include" not in self._paths:
            return
        rest = list(request.extra.get("include", ()))
        places = [(_place(self._paths["logprobs"]), LOGPROBS)] if "logprobs" in self._paths and request.logprobs else []
        if ENCRYPTED in self._paths:
            places.append((_place(self._paths[ENCRYPTED]), ENCRYPTED))
        for place, word in sorted(places):
            rest.insert(place, word)
        self._body["include"] = rest

    def _tier(self) -> None:
        tier = self._request.service_tier
        if tier is None:
            return
        if self._same or tier in _TIERS:
            self._body["service_tier"] = tier if self._same else _TIERS[tier]
        else:
            self.dropped.append(self._request.path_of("service_tier"))

    def _foreign(self) -> None:
        request = self._request
        self._body["store"] = False
        for name, value in request.extra.items():
            if request.dialect == "openai_chat" and name in _SHARED and value is not None:
                self._body[name] = value
            elif request.dialect == "openai_chat" and name == "verbosity" and value is not None:
                self._body.setdefault("text", {})["verbosity"] = value
            elif value not in (None, False):
                self.dropped.append(name)
        self.dropped += [request.path_of(name) for name in _LOST if getattr(request, name) is not None]
        if request.stop:
            self.dropped.append(request.path_of("stop"))
        if request.n > 1:
            self.dropped.append(request.path_of("n"))


def _effort(reasoning: Reasoning) -> str | None:
    if reasoning.effort is not None:
        return reasoning.effort
    budget = reasoning.budget_tokens
    if budget is None or reasoning.mode == "disabled":
        return None
    return next((effort for limit, effort in _EFFORT_BUDGETS if budget <= limit), "high")


def encode_format(given: ResponseFormat) -> dict[str, Any]:
    if given.kind != "json_schema":
        return {"type": given.kind}
    return filled(
        type="json_schema",
        name=given.name or "response",
        description=given.description,
        schema=given.schema if given.schema is not None else {},
        strict=given.strict,
    )


def _place(path: str) -> int:
    return int(path[path.index("[") + 1 : -1])


def asked_fields(request: ChatRequest) -> dict[str, Any]:
    """What a response object repeats of its request, one of this dialect. A function's `parameters` and `strict` always stand there."""
    body: dict[str, Any] = {}
    FieldWriter(request, body).write()
    if request.messages and request.messages[0].path == "instructions":
        body["instructions"] = "".join(part.text for part in request.messages[0].content if isinstance(part, TextPart))
    for tool in body.get("tools", ()):
        if tool.get("type") == "function":
            tool.setdefault("parameters", None)
            tool.setdefault("strict", None)
    return {key: value for key, value in body.items() if key in ECHOES and value is not None}

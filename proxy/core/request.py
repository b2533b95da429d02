"""The canonical generation request."""

from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from proxy.core.messages import CacheHint, Message


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """A function tool, or (`opaque`) a provider's built-in tool that only `dialect` understands."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    """JSON Schema of the arguments; None where the client sent none."""
    strict: bool | None = None
    cache: CacheHint | None = None
    opaque: dict[str, Any] | None = None
    dialect: str | None = None
    path: str = ""


class ToolChoice(msgspec.Struct, frozen=True, kw_only=True):
    """`required`: some tool; `named`: exactly `names[0]`; `allowed`: `names` only (`allowed_mode` auto or required)."""

    mode: Literal["auto", "none", "required", "named", "allowed"]
    names: tuple[str, ...] = ()
    allowed_mode: Literal["auto", "required"] = "auto"


class ResponseFormat(msgspec.Struct, frozen=True, kw_only=True):
    kind: Literal["text", "json_object", "json_schema"]
    name: str | None = None
    description: str | None = None
    schema: dict[str, Any] | None = None
    strict: bool | None = None


class Reasoning(msgspec.Struct, frozen=True, kw_only=True):
    """`mode` None: only an effort was named. `budget_tokens` is Anthropic's and Gemini's, `effort` OpenAI's and newer Anthropic's."""

    mode: Literal["enabled", "disabled", "adaptive"] | None = None
    budget_tokens: int | None = None
    effort: str | None = None
    extra: dict[str, Any] = msgspec.field(default_factory=dict)


class ChatRequest(msgspec.Struct, frozen=True, kw_only=True):
    dialect: str
    """Dialect that it was decoded from: `openai_chat`, `anthropic_messages`, …"""
    model: str
    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    n: int = 1
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    logit_bias: dict[str, float] | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    response_format: ResponseFormat | None = None
    reasoning: Reasoning | None = None
    user: str | None = None
    """End-user id (`user`/`safety_identifier`, Anthropic `metadata.user_id`)."""
    service_tier: str | None = None
    stream: bool = False
    include_usage: bool = False
    """The client asked for a usage chunk of its own (OpenAI `stream_options.include_usage`)."""
    extra: dict[str, Any] = msgspec.field(default_factory=dict)
    """Top-level fields without a canonical place, as sent; the same dialect's encoder writes them back, others report them."""
    paths: dict[str, str] = msgspec.field(default_factory=dict)
    """Canonical field name → the client's JSON path, where they differ (`{"stop": "stop_sequences"}`)."""

    places: dict[str, str] = msgspec.field(default_factory=dict)
    """Canonical path of a message, a part or what belongs to it → the client's JSON path, where its dialect nests or counts otherwise
    (`{"messages[0].content[2]": "contents[0].parts[3]"}`); paths below follow."""

    def path_of(self, field: str) -> str:
        return self.paths.get(field, field)

    def client_paths(self, dropped: Iterable[str]) -> tuple[str, ...]:
        """What an encoder could not carry, each once and as the client wrote it."""
        return tuple(dict.fromkeys(map(self._place, dropped) if self.places else dropped))

    def _place(self, path: str) -> str:
        """By the longest beginning that has a place."""
        end = len(path)
        while end > 0:
            if (place := self.places.get(path[:end])) is not None:
                return place + path[end:]
            end = max(path.rfind(".", 0, end), path.rfind("[", 0, end))
        return path

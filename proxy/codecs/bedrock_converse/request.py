"""A client's Converse request → canonical.

`model` and `stream` come from the URL and stand at the top of the body. Of `additionalModelRequestFields`, which are the model's own,
`thinking`, `top_k` and `reasoning_effort` are read; the others stay in `extra` under their path, as does whatever else is unknown.

Source: botocore 1.44.5, bedrock-runtime service model (ConverseRequest), read 2026-11-25.
"""

from typing import Any, cast

from proxy.codecs.base import InvalidBody
from proxy.codecs.bedrock_converse import fields
from proxy.codecs.bedrock_converse.blocks import decode_content
from proxy.codecs.bedrock_converse.shape import Shape, WireRequest
from proxy.codecs.bedrock_converse.tools import decode_tool_config
from proxy.codecs.jsonbody import parse_object
from proxy.core.messages import Message, Role
from proxy.core.request import Reasoning, ResponseFormat

MODEL_FIELDS = "additionalModelRequestFields"
PARENTS = ("inferenceConfig", MODEL_FIELDS, "outputConfig", "toolConfig", "serviceTier")
"""Objects of which parts have a canonical place; the rest of each is in `extra` as `inferenceConfig.name`."""

_READ = frozenset(("model", "stream", "messages", "system", *PARENTS))
_ROLES: dict[str, Role] = {"user": "user", "assistant": "assistant", "system": "system"}
_THINKING = frozenset(("enabled", "disabled", "adaptive"))
_INFERENCE = frozenset(("maxTokens", "temperature", "topP", "stopSequences"))
_PATHS = {
    "max_tokens": "inferenceConfig.maxTokens",
    "temperature": "inferenceConfig.temperature",
    "top_p": "inferenceConfig.topP",
    "stop": "inferenceConfig.stopSequences",
    "top_k": f"{MODEL_FIELDS}.top_k",
    "reasoning": f"{MODEL_FIELDS}.thinking",
    "response_format": "outputConfig.textFormat",
    "tool_choice": "toolConfig.toolChoice",
    "service_tier": "serviceTier.type",
}


def decode_request(body: dict[str, Any]) -> WireRequest:
    """Raises InvalidBody naming the field. Values that only the provider can judge (a model's id, a schema) pass."""
    shape = Shape()
    draft = _Draft(body, shape)
    messages = _system(body, shape) + _messages(body, shape)
    tools, tool_choice = decode_tool_config(draft.parents["toolConfig"], shape, draft.extra)
    draft.read()
    draft.extra.update((key, value) for key, value in body.items() if key not in _READ)
    return WireRequest(
        dialect=fields.DIALECT,
        model=fields.name(body, "model", ""),
        messages=messages,
        tools=tools,
        tool_choice=tool_choice,
        stream=fields.optional_flag(body, "stream", "") or False,
        extra=draft.extra,
        paths=draft.paths,
        places=shape.places,
        kept=shape.kept,
        spelled=frozenset(shape.spelled),
        **draft.values,
    )


def _system(body: dict[str, Any], shape: Shape) -> tuple[Message, ...]:
    if body.get("system") is None:
        return ()
    shape.spelled.add("system")
    content = decode_content(body["system"], "system", "system", shape)
    extra = {path: value for path, value in shape.telling.items() if path.startswith("system[")}
    return (Message(role="system", content=content, path="system", extra=extra),) if content else ()


def _messages(body: dict[str, Any], shape: Shape) -> tuple[Message, ...]:
    """None at all where the prompt is stored at Bedrock (`promptVariables`)."""
    if body.get("messages") is None:
        return ()
    shape.spelled.add("messages")
    return tuple(_message(item, f"messages[{i}]", shape) for i, item in enumerate(fields.as_array(body["messages"], "messages")))


def _message(value: Any, path: str, shape: Shape) -> Message:
    message = fields.as_object(value, path)
    name = fields.text(message, "role", path)
    role = _ROLES.get(name)
    if role is None:
        raise InvalidBody(f"{path}.role: must be one of {', '.join(_ROLES)}; not {name[:40]!r}", f"{path}.role")
    content = decode_content(fields.required(message, "content", path), f"{path}.content", f"{path}.content", shape)
    extra = {key: item for key, item in message.items() if key not in ("role", "content")}
    return Message(role=role, content=content, path=path, extra={**extra, **shape.told_of(path)})


class _Draft:
    """The fields of the request to be that are nested in the body's objects."""

    def __init__(self, body: dict[str, Any], shape: Shape) -> None:
        self.values: dict[str, Any] = {}
        self.extra: dict[str, Any] = {}
        self.paths = dict(_PATHS)
        self.parents: dict[str, dict[str, Any]] = {}
        self._shape = shape
        for key in PARENTS:
            value = body.get(key)
            if key == MODEL_FIELDS and value is not None and not isinstance(value, dict):
                self.extra[key] = value
                value = None
            if value is not None:
                shape.spelled.add(key)
            self.parents[key] = {} if value is None else fields.as_object(value, key)

    def read(self) -> None:
        self._inference(self.parents["inferenceConfig"])
        rest = self._model_fields(self.parents[MODEL_FIELDS])
        self._output(self.parents["outputConfig"], rest)
        tier = self.parents["serviceTier"]
        self.values["service_tier"] = fields.optional_text(tier, "type", "serviceTier")
        self._keep("serviceTier", tier, frozenset(("type",)))

    def _keep(self, parent: str, obj: dict[str, Any], known: frozenset[str]) -> None:
        self.extra.update((f"{parent}.{key}", value) for key, value in obj.items() if key not in known)

    def _inference(self, config: dict[str, Any]) -> None:
        path = "inferenceConfig"
        stops = config.get("stopSequences")
        if stops is not None:
            self._shape.spelled.add(f"{path}.stopSequences")
            texts = fields.as_array(stops, f"{path}.stopSequences")
            self.values["stop"] = tuple(fields.as_text(stop, f"{path}.stopSequences[{i}]") for i, stop in enumerate(texts))
        self.values["max_tokens"] = fields.optional_integer(config, "maxTokens", path, minimum=1)
        self.values["temperature"] = fields.optional_fraction(config, "temperature", path)
        self.values["top_p"] = fields.optional_fraction(config, "topP", path)
        self._keep(path, config, _INFERENCE)

    def _model_fields(self, given: dict[str, Any]) -> dict[str, Any]:
        """What of them makes the Reasoning; the others are put where they belong."""
        rest = dict(given)
        top_k = rest.get("top_k")
        if type(top_k) is int:
            self.values["top_k"] = rest.pop("top_k")
        reasoning: dict[str, Any] = {}
        thinking = rest.get("thinking")
        mode = thinking.get("type") if isinstance(thinking, dict) else None
        if isinstance(thinking, dict) and isinstance(mode, str) and mode in _THINKING:
            del rest["thinking"]
            budget = fields.optional_integer(thinking, "budget_tokens", f"{MODEL_FIELDS}.thinking", minimum=1)
            extra = {key: value for key, value in thinking.items() if key not in ("type", "budget_tokens")}
            reasoning = {"mode": cast(Any, mode), "budget_tokens": budget, "extra": extra}
        if isinstance(rest.get("reasoning_effort"), str):
            reasoning["effort"] = rest.pop("reasoning_effort")
            if "mode" not in reasoning:
                self.paths["reasoning"] = f"{MODEL_FIELDS}.reasoning_effort"
        self._keep(MODEL_FIELDS, rest, frozenset())
        return reasoning

    def _output(self, config: dict[str, Any], reasoning: dict[str, Any]) -> None:
        """`effort` beside a `reasoning_effort` is a leftover."""
        rest = dict(config)
        effort = fields.optional_text(config, "effort", "outputConfig")
        if effort is not None and "effort" not in reasoning:
            reasoning["effort"] = effort
            self._shape.spelled.add("outputConfig.effort")
            if "mode" not in reasoning:
                self.paths["reasoning"] = "outputConfig.effort"
            del rest["effort"]
        if reasoning:
            self.values["reasoning"] = Reasoning(**reasoning)
        wanted = _text_format(config.get("textFormat"), "outputConfig.textFormat")
        if wanted is not None:
            self._shape.kept["outputConfig.textFormat"] = rest.pop("textFormat")
            self.values["response_format"] = wanted
        self._keep("outputConfig", rest, frozenset())


def _text_format(value: Any, path: str) -> ResponseFormat | None:
    """None for a format of an unknown type, which stays as it is."""
    if value is None or fields.text(fields.as_object(value, path), "type", path) != "json_schema":
        return None
    structure = fields.as_object(fields.required(value, "structure", path), f"{path}.structure")
    at = f"{path}.structure.jsonSchema"
    definition = fields.as_object(fields.required(structure, "jsonSchema", f"{path}.structure"), at)
    try:
        schema = parse_object(fields.text(definition, "schema", at).encode("utf-8", "surrogatepass"))
    except InvalidBody as exc:
        raise InvalidBody(exc.message if exc.path else f"{at}.schema: {exc.message}", exc.path or f"{at}.schema") from None
    return ResponseFormat(
        kind="json_schema",
        name=fields.optional_text(definition, "name", at),
        description=fields.optional_text(definition, "description", at),
        schema=schema,
    )

"""Canonical request → Converse body.

A request of this dialect is written back as it came. One of another dialect is fitted to what the API and the model accept; what is lost
or only approximated is reported under the client's own JSON paths. `model` and `stream` stand at the top of the body: the provider's
adapter makes the URL of them.

    reasoning, top_k    to Claude in additionalModelRequestFields (`thinking`, `top_k`) and outputConfig.effort; elsewhere reported
    one call at a time  to Claude in additionalModelRequestFields (`tool_choice`) where no call is forced; elsewhere reported

Source: botocore 1.44.5, bedrock-runtime service model (ConverseRequest); Bedrock user guide, "Converse" and "Claude", read 2026-11-25.
"""

from collections.abc import Callable
from typing import Any

from proxy.codecs.anthropic_messages.models import ModelFacts
from proxy.codecs.anthropic_messages.reasoning import Budgeted, encode_reasoning, encode_sampling
from proxy.codecs.anthropic_messages.turns import told
from proxy.codecs.base import Encoded
from proxy.codecs.bedrock_converse.models import TargetFacts
from proxy.codecs.bedrock_converse.parts import BlockWriter
from proxy.codecs.bedrock_converse.provider_tools import encode_tools
from proxy.codecs.bedrock_converse.turns import encode_turns
from proxy.codecs.jsonbody import dump_json
from proxy.codecs.part_path import strict_path
from proxy.core.request import ChatRequest

_TIERS = {"default": "default", "standard_only": "default", "flex": "flex", "priority": "priority", "auto": None}
"""`auto` leaves it to the provider, as no tier at all does."""
_LOST = ("logit_bias", "logprobs", "top_logprobs", "frequency_penalty", "presence_penalty")


def encode_foreign(
    request: ChatRequest, default_max_tokens: int, target_of: Callable[[str], TargetFacts], facts_of: Callable[[str], ModelFacts]
) -> Encoded:
    """A request of another dialect. Raises InvalidBody on tool arguments that are no JSON object and on unusable data URLs."""
    dropped: list[str] = []
    target = target_of(request.model)
    writer = BlockWriter(target, dropped)
    system, messages = encode_turns(request, writer)
    body: dict[str, Any] = {"model": request.model, "stream": request.stream, "messages": messages}
    if system:
        body["system"] = system
    if target.claude:
        _add_claude_fields(request, facts_of(request.model), default_max_tokens, body, dropped)
    else:
        _add_plain_fields(request, body, dropped)
    if (tools := encode_tools(request, writer)) is not None:
        body["toolConfig"] = tools
    if request.parallel_tool_calls is False and request.tools:
        _add_one_call(request, target, body, dropped)
    _add_format(request, body, dropped)
    _add_tier(request, body, dropped)
    _report_lost(request, dropped)
    return Encoded(body, request.client_paths(dropped))


def _add_claude_fields(request: ChatRequest, facts: ModelFacts, default: int, body: dict[str, Any], dropped: list[str]) -> None:
    reasoning = encode_reasoning(request, facts, default, dropped)
    sampling = encode_sampling(request, facts, reasoning.thinking, dropped)
    _add_inference(request, sampling, reasoning, body, dropped)
    more = {
        key: value for key, value in (("top_k", sampling.get("top_k")), ("thinking", reasoning.fields.get("thinking"))) if value is not None
    }
    if more:
        body["additionalModelRequestFields"] = more
    if "output_config" in reasoning.fields:
        body["outputConfig"] = dict(reasoning.fields["output_config"])


def _add_plain_fields(request: ChatRequest, body: dict[str, Any], dropped: list[str]) -> None:
    """For every model that is not known to take more."""
    sampling: dict[str, Any] = {}
    if request.temperature is not None:
        sampling["temperature"] = min(request.temperature, 1)
        if request.temperature > 1:
            dropped.append(request.path_of("temperature"))
    if request.top_p is not None:
        sampling["top_p"] = request.top_p
    _add_inference(request, sampling, Budgeted({}), body, dropped)
    if request.top_k is not None:
        dropped.append(request.path_of("top_k"))
    asked = request.reasoning
    if asked is not None and asked.mode != "disabled" and asked.effort != "none":
        dropped.append(request.path_of("reasoning"))


def _add_inference(request: ChatRequest, sampling: dict[str, Any], reasoning: Budgeted, body: dict[str, Any], dropped: list[str]) -> None:
    stops = [stop for stop in request.stop if stop.strip()]
    if len(stops) < len(request.stop):
        dropped.append(request.path_of("stop"))
    inference = {
        "maxTokens": reasoning.max_tokens or request.max_tokens,
        "temperature": sampling.get("temperature"),
        "topP": sampling.get("top_p"),
        "stopSequences": stops or None,
    }
    if inference := {key: value for key, value in inference.items() if value is not None}:
        body["inferenceConfig"] = inference


def _add_one_call(request: ChatRequest, target: TargetFacts, body: dict[str, Any], dropped: list[str]) -> None:
    """Converse has no word for it; Claude's own works beside no `toolChoice`, which Bedrock refuses together with it."""
    config = body.get("toolConfig")
    if config is None:
        return
    if not target.one_call or ("toolChoice" in config and "auto" not in config["toolChoice"]):
        dropped.append(request.path_of("parallel_tool_calls"))
        return
    config.pop("toolChoice", None)
    body.setdefault("additionalModelRequestFields", {})["tool_choice"] = {"type": "auto", "disable_parallel_tool_use": True}


def _add_format(request: ChatRequest, body: dict[str, Any], dropped: list[str]) -> None:
    """A JSON schema, always strict; there is no schemaless JSON mode."""
    wanted = request.response_format
    if wanted is None or wanted.kind == "text":
        return
    path = request.path_of("response_format")
    if wanted.kind == "json_object" or wanted.schema is None:
        dropped.append(path)
        return
    if wanted.strict is False:
        dropped.append(strict_path(path))
    body.setdefault("outputConfig", {})["textFormat"] = text_format(dump_json(wanted.schema).decode(), wanted.name, wanted.description)


def text_format(schema: str, name: str | None, description: str | None) -> dict[str, Any]:
    """`schema`: JSON text."""
    definition = {"schema": schema, "name": name, "description": description}
    return {
        "type": "json_schema",
        "structure": {"jsonSchema": {key: value for key, value in definition.items() if value is not None}},
    }


def _add_tier(request: ChatRequest, body: dict[str, Any], dropped: list[str]) -> None:
    if request.service_tier is None:
        return
    if request.service_tier not in _TIERS:
        dropped.append(request.path_of("service_tier"))
    elif (tier := _TIERS[request.service_tier]) is not None:
        body["serviceTier"] = {"type": tier}


def _report_lost(request: ChatRequest, dropped: list[str]) -> None:
    """Canonical fields that the API lacks, unless they ask for what it does anyway."""
    dropped.extend(request.path_of(field) for field in _LOST if getattr(request, field))
    dropped.extend(request.path_of(field) for field in ("seed", "user") if getattr(request, field) is not None)
    if request.n > 1:
        dropped.append(request.path_of("n"))
    dropped.extend(path for path, value in request.extra.items() if told(value))
    if request.reasoning is not None:
        dropped.extend(f"{request.path_of('reasoning')}.{key}" for key in request.reasoning.extra)

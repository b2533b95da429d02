"""A request of this dialect → the body as its client wrote it, with whatever policies have changed on the way."""

from typing import Any

from proxy.codecs.base import Encoded, InvalidBody
from proxy.codecs.bedrock_converse.blocks import cited_content
from proxy.codecs.bedrock_converse.media import DOCUMENT_TYPES
from proxy.codecs.bedrock_converse.models import TargetFacts
from proxy.codecs.bedrock_converse.parts import Block, BlockWriter, cache_point, thinking_block
from proxy.codecs.bedrock_converse.provider_request import text_format
from proxy.codecs.bedrock_converse.provider_tools import encode_choice
from proxy.codecs.bedrock_converse.request import MODEL_FIELDS, PARENTS
from proxy.codecs.bedrock_converse.shape import WireRequest
from proxy.codecs.jsonbody import dump_json, parse_json, parse_object
from proxy.core.messages import DocumentPart, Message, Part, TextPart, ThinkingPart, ToolResultPart, ToolUsePart
from proxy.core.request import ChatRequest, Tool

Kept = dict[str, Block]

_ALL = TargetFacts(claude=True, caches=True)
"""What the client sent in this dialect is sent on, whatever the model: the provider judges it."""


def encode_own(request: ChatRequest) -> Encoded:
    kept: Kept = request.kept if isinstance(request, WireRequest) else {}
    spelled = request.spelled if isinstance(request, WireRequest) else frozenset()
    dropped: list[str] = []
    writer = BlockWriter(_ALL, dropped)
    system: list[Block] = []
    turns: list[Block] = []
    for message in request.messages:
        if message.role in ("system", "developer") and not message.path.startswith("messages["):
            system += _content(message, "system", kept, writer)
        else:
            extra = {key: value for key, value in message.extra.items() if "[" not in key}
            turns.append({"role": message.role, "content": _content(message, f"{message.path}.content", kept, writer), **extra})
    body: dict[str, Any] = {"model": request.model, "stream": request.stream}
    if turns or "messages" in spelled:
        body["messages"] = turns
    if system or "system" in spelled:
        body["system"] = system
    body.update((key, {}) for key in PARENTS if key in spelled)
    _add_fields(request, body, kept, spelled)
    _add_tools(request, body, kept, spelled)
    _add_extra(request, body)
    return Encoded(body, request.client_paths(dropped))


def _content(message: Message, place: str, kept: Kept, writer: BlockWriter) -> list[Block]:
    return [block for i, part in enumerate(message.content) for block in _blocks(part, f"{place}[{i}]", kept, writer)]


def _blocks(part: Part, place: str, kept: Kept, writer: BlockWriter) -> list[Block]:
    old = kept.get(place, {})
    if isinstance(part, TextPart):
        block = _text(part, old)
    elif isinstance(part, ToolUsePart):
        block = {"toolUse": {**old.get("toolUse", {}), "toolUseId": part.id, "name": part.name, "input": _input(part, place)}}
    elif isinstance(part, ToolResultPart):
        block = _result(part, old.get("toolResult", {}), place, kept, writer)
    elif isinstance(part, DocumentPart):
        block = _document(part)
    elif isinstance(part, ThinkingPart):
        return [thinking_block(part)]
    else:
        return writer.write(part, place)
    return [block] if part.cache is None else [block, cache_point(part.cache)]


def _text(part: TextPart, old: Block) -> Block:
    if "guardContent" in old:
        guarded = old["guardContent"]
        return {"guardContent": {**guarded, "text": {**guarded["text"], "text": part.text}}}
    if "citationsContent" in old:
        cited = old["citationsContent"]
        if "".join(item["text"] for item in cited.get("content", ())) == part.text and list(part.citations) == cited.get("citations", []):
            return old
    if "json" in old:
        try:
            return {"json": parse_json(part.text.encode("utf-8", "surrogatepass"))}
        except InvalidBody:
            return {"text": part.text}
    return {"citationsContent": cited_content(part)} if part.citations else {"text": part.text}


def _document(part: DocumentPart) -> Block:
    """Name and source as they were: another dialect's are fitted, these are the client's own."""
    word = next((word for word, kind in DOCUMENT_TYPES.items() if kind == part.media_type), None)
    document = {
        "format": word,
        "name": part.title or "",
        "source": {"bytes": part.data} if part.text is None else {"text": part.text},
        "context": part.context,
        "citations": None if part.citations is None else {"enabled": part.citations},
    }
    return {"document": {key: value for key, value in document.items() if value is not None}}


def _input(part: ToolUsePart, place: str) -> Any:
    """Any JSON, as the API says."""
    try:
        return parse_json(part.arguments.encode("utf-8", "surrogatepass")) if part.arguments.strip() else {}
    except InvalidBody as exc:
        raise InvalidBody(f"{place}.toolUse.input: {exc.message}", f"{place}.toolUse.input") from None


def _result(part: ToolResultPart, old: Block, place: str, kept: Kept, writer: BlockWriter) -> Block:
    content = [block for i, item in enumerate(part.content) for block in _blocks(item, f"{place}.content[{i}]", kept, writer)]
    result = {**old, "toolUseId": part.tool_use_id, "content": content}
    if part.is_error:
        result["status"] = "error"
    elif result.get("status") == "error":
        del result["status"]
    return {"toolResult": result}


def _add_fields(request: ChatRequest, body: dict[str, Any], kept: Kept, spelled: frozenset[str]) -> None:
    stops = list(request.stop) if request.stop or "inferenceConfig.stopSequences" in spelled else None
    inference = {"maxTokens": request.max_tokens, "temperature": request.temperature, "topP": request.top_p, "stopSequences": stops}
    model_fields = {"top_k": request.top_k}
    output: dict[str, Any] = {}
    reasoning = request.reasoning
    if reasoning is not None:
        if reasoning.mode is not None:
            budget = {} if reasoning.budget_tokens is None else {"budget_tokens": reasoning.budget_tokens}
            model_fields["thinking"] = {"type": reasoning.mode, **budget, **reasoning.extra}  # type: ignore[assignment]
        (output if "outputConfig.effort" in spelled else model_fields).update(_effort(reasoning.effort, spelled))
    wanted = request.response_format
    if wanted is not None and wanted.schema is not None:
        output["textFormat"] = _format(wanted.schema, kept.get("outputConfig.textFormat", {}), wanted.name, wanted.description)
    for parent, values in (("inferenceConfig", inference), (MODEL_FIELDS, model_fields), ("outputConfig", output)):
        for key, value in values.items():
            if value is not None:
                body.setdefault(parent, {})[key] = value
    if request.service_tier is not None:
        body.setdefault("serviceTier", {})["type"] = request.service_tier


def _effort(effort: str | None, spelled: frozenset[str]) -> dict[str, Any]:
    return {"effort" if "outputConfig.effort" in spelled else "reasoning_effort": effort}


def _format(schema: dict[str, Any], old: Block, name: str | None, description: str | None) -> Block:
    """The client's own spelling of the schema, unless it is another by now."""
    given = old.get("structure", {}).get("jsonSchema", {}).get("schema")
    if given is not None and parse_object(given.encode("utf-8", "surrogatepass")) == schema:
        return old
    return text_format(dump_json(schema).decode(), name, description)


def _add_tools(request: ChatRequest, body: dict[str, Any], kept: Kept, spelled: frozenset[str]) -> None:
    tools = [block for tool in request.tools for block in _tool(tool, kept.get(tool.path, {}).get("toolSpec", {}))]
    if tools or "toolConfig.tools" in spelled:
        body.setdefault("toolConfig", {})["tools"] = tools
    choice = None if request.tool_choice is None else encode_choice(request.tool_choice)
    if choice is not None:
        body.setdefault("toolConfig", {})["toolChoice"] = choice


def _tool(tool: Tool, old: Block) -> list[Block]:
    if tool.opaque is not None:
        return [tool.opaque]
    spec = {**old, "name": tool.name}
    if "inputSchema" not in old and (tool.parameters is not None or not old):
        spec["inputSchema"] = {"json": tool.parameters or {}}
    spec.update((key, value) for key, value in (("description", tool.description), ("strict", tool.strict)) if value is not None)
    return [{"toolSpec": spec}, *([cache_point(tool.cache)] if tool.cache is not None else [])]


def _add_extra(request: ChatRequest, body: dict[str, Any]) -> None:
    """Tools' own leftovers are in their kept blocks."""
    for path, value in request.extra.items():
        parent, _, key = path.partition(".")
        if not key or parent not in PARENTS:
            body[path] = value
        elif not path.startswith("toolConfig.tools["):
            body.setdefault(parent, {})[key] = value

"""Amazon Titan Text's bodies.

Source: Bedrock user guide, "Amazon Titan Text models", read 2026-11-25. A conversation is `User: …`, `Bot: …`, ending in `Bot:`.
"""

from typing import Any

from proxy.codecs.base import Encoded, InvalidBody
from proxy.codecs.bedrock_invoke.family import DIALECT
from proxy.codecs.flatten import as_script, report_lost
from proxy.codecs.openai_chat.fields import array, integer, keep_rest, number, optional, record, required, restore, string
from proxy.core.messages import Message, RefusalPart, TextPart
from proxy.core.request import ChatRequest
from proxy.core.response import ChatResponse, Choice, FinishReason, Usage

_LABELS = {"user": "User", "assistant": "Bot", "tool": "Tool"}
_CONFIG = "textGenerationConfig"
_CARRIED = ("stop",)
_DECODED: dict[str, FinishReason] = {
    "FINISH": "stop",
    "FINISHED": "stop",
    "STOP_CRITERIA_MET": "stop_sequence",
    "LENGTH": "length",
    "CONTENT_FILTERED": "content_filter",
}
_ENCODED: dict[FinishReason, str] = {
    "stop_sequence": "STOP_CRITERIA_MET",
    "length": "LENGTH",
    "context_length": "LENGTH",
    "content_filter": "CONTENT_FILTERED",
    "refusal": "CONTENT_FILTERED",
}


def decode_request(body: dict[str, Any]) -> ChatRequest:
    text = required(body, "inputText", string, "")
    config = optional(body, _CONFIG, record, "") or {}
    extra: dict[str, Any] = {}
    keep_rest(body, ("model", "stream", "inputText", _CONFIG), "", extra)
    keep_rest(config, ("maxTokenCount", "temperature", "topP", "stopSequences"), _CONFIG, extra)
    stops = optional(config, "stopSequences", array, _CONFIG) or []
    return ChatRequest(
        dialect=DIALECT,
        model=required(body, "model", string, ""),
        messages=(Message(role="user", content=(TextPart(text=text),), path="inputText"),),
        max_tokens=optional(config, "maxTokenCount", integer(0), _CONFIG),
        temperature=optional(config, "temperature", number(0, 1), _CONFIG),
        top_p=optional(config, "topP", number(0, 1), _CONFIG),
        stop=tuple(string(stop, f"{_CONFIG}.stopSequences[{i}]") for i, stop in enumerate(stops)),
        stream=body.get("stream") is True,
        extra=extra,
        paths={
            "messages": "inputText",
            "max_tokens": f"{_CONFIG}.maxTokenCount",
            "temperature": f"{_CONFIG}.temperature",
            "top_p": f"{_CONFIG}.topP",
            "stop": f"{_CONFIG}.stopSequences",
        },
    )


def encode_request(request: ChatRequest) -> Encoded:
    """A temperature over 1 is sent as 1, and reported."""
    dropped: list[str] = []
    temperature = request.temperature
    if temperature is not None and temperature > 1:
        temperature = 1.0
        dropped.append(request.path_of("temperature"))
    body: dict[str, Any] = {"model": request.model, "stream": request.stream, "inputText": as_script(request, _LABELS, dropped)}
    given = (("maxTokenCount", request.max_tokens), ("temperature", temperature), ("topP", request.top_p))
    config: dict[str, Any] = {name: value for name, value in given if value is not None}
    if request.stop:
        config["stopSequences"] = list(request.stop)
    own = request.dialect == DIALECT and request.path_of("messages") == "inputText"  # not a Llama client's
    if config or (own and any(key.startswith(f"{_CONFIG}.") for key in request.extra)):
        body[_CONFIG] = config
    if own:
        restore(body, request.extra)
    else:
        report_lost(request, dropped, carried=_CARRIED)
    return Encoded(body, tuple(dict.fromkeys(dropped)))


def decode_response(answer: dict[str, Any]) -> ChatResponse:
    results = required(answer, "results", array, "")
    if not results:
        raise InvalidBody("results is empty", "results")
    choices = []
    output = 0
    for i, item in enumerate(results):
        path = f"results[{i}]"
        result = record(item, path)
        text = required(result, "outputText", string, path)
        reason = required(result, "completionReason", string, path)
        output += optional(result, "tokenCount", integer(0), path) or 0
        choices.append(Choice(index=i, content=(TextPart(text=text),), finish=decode_reason(reason)))
    prompt = optional(answer, "inputTextTokenCount", integer(0), "")
    usage = None if prompt is None else Usage(input_tokens=prompt, output_tokens=output)
    return ChatResponse(id="", model="", choices=tuple(choices), usage=usage)


def encode_response(response: ChatResponse, dropped: list[str]) -> dict[str, Any]:
    """Tokens are counted for the answer as a whole: the first result has them all."""
    usage = response.usage or Usage()
    results: list[dict[str, Any]] = []
    for choice in response.choices:
        text = text_of_answer(choice, dropped)
        tokens = usage.output_tokens if not results else 0
        results.append({"tokenCount": tokens, "outputText": text, "completionReason": encode_reason(choice.finish)})
    return {"inputTextTokenCount": usage.prompt_tokens, "results": results}


def decode_reason(reason: str) -> FinishReason:
    return _DECODED.get(reason, "other")


def encode_reason(finish: FinishReason) -> str:
    return _ENCODED.get(finish, "FINISH")


def text_of_answer(choice: Choice, dropped: list[str]) -> str:
    """Texts and refusals; whatever else an answer holds is reported."""
    texts = []
    for i, part in enumerate(choice.content):
        if isinstance(part, TextPart | RefusalPart):
            texts.append(part.text)
        else:
            dropped.append(f"choices[{choice.index}].content[{i}]")
    return "".join(texts)

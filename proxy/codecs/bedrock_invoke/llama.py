"""Meta Llama's bodies.

Source: Bedrock user guide, "Meta Llama models", read 2026-11-25. A prompt in the template of Llama 3 or 4 is decoded to its turns, any
other is one user turn as it is.
"""

from typing import Any

from proxy.codecs.base import Encoded
from proxy.codecs.bedrock_invoke.family import DIALECT
from proxy.codecs.bedrock_invoke.llama_prompt import harmless, parse, render, template_of
from proxy.codecs.bedrock_invoke.titan import text_of_answer
from proxy.codecs.flatten import report_lost, text_of
from proxy.codecs.openai_chat.fields import integer, keep_rest, number, optional, required, restore, string
from proxy.core.messages import Message, Role, TextPart
from proxy.core.request import ChatRequest
from proxy.core.response import ChatResponse, Choice, FinishReason, Usage

_ROLES: dict[str, Role] = {"system": "system", "user": "user", "assistant": "assistant"}
_NAMES: dict[Role, str] = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant", "tool": "ipython"}
_RAW = "prompt"


def decode_request(body: dict[str, Any]) -> ChatRequest:
    prompt = required(body, "prompt", string, "")
    turns = parse(prompt)
    paths = {"messages": "prompt", "max_tokens": "max_gen_len"}
    if turns is None:
        paths[_RAW] = "raw"
        turns = [("user", prompt)]
    extra: dict[str, Any] = {}
    keep_rest(body, ("model", "stream", "prompt", "max_gen_len", "temperature", "top_p"), "", extra)
    return ChatRequest(
        dialect=DIALECT,
        model=required(body, "model", string, ""),
        messages=tuple(Message(role=_ROLES[role], content=(TextPart(text=text),), path="prompt") for role, text in turns),
        max_tokens=optional(body, "max_gen_len", integer(1), ""),
        temperature=optional(body, "temperature", number(0, 1), ""),
        top_p=optional(body, "top_p", number(0, 1), ""),
        stream=body.get("stream") is True,
        extra=extra,
        paths=paths,
    )


def encode_request(request: ChatRequest) -> Encoded:
    dropped: list[str] = []
    own = request.dialect == DIALECT and request.path_of("messages") == "prompt"  # not a Titan client's
    body: dict[str, Any] = {"model": request.model, "stream": request.stream, "prompt": _prompt(request, own, dropped)}
    temperature = request.temperature
    if temperature is not None and temperature > 1:
        temperature = 1.0
        dropped.append(request.path_of("temperature"))
    for name, value in (("max_gen_len", request.max_tokens), ("temperature", temperature), ("top_p", request.top_p)):
        if value is not None:
            body[name] = value
    if own:
        restore(body, request.extra)
    else:
        report_lost(request, dropped)
    return Encoded(body, tuple(dict.fromkeys(dropped)))


def _prompt(request: ChatRequest, own: bool, dropped: list[str]) -> str:
    texts = [text_of(message, dropped) for message in request.messages]
    if own and request.paths.get(_RAW) == "raw":
        return texts[0]
    turns = []
    for message, text in zip(request.messages, texts, strict=True):
        safe = harmless(text)
        if safe != text:
            dropped.append(message.path)
        turns.append((_NAMES[message.role], safe))
    return render(turns, template_of(request.model))


def decode_response(answer: dict[str, Any]) -> ChatResponse:
    text = required(answer, "generation", string, "")
    reason = required(answer, "stop_reason", string, "")
    choice = Choice(content=(TextPart(text=text),), finish=decode_reason(reason))
    prompt = optional(answer, "prompt_token_count", integer(0), "")
    output = optional(answer, "generation_token_count", integer(0), "")
    usage = None if prompt is None and output is None else Usage(input_tokens=prompt or 0, output_tokens=output or 0)
    return ChatResponse(id="", model="", choices=(choice,), usage=usage)


def encode_response(response: ChatResponse, dropped: list[str]) -> dict[str, Any]:
    dropped += [f"choices[{i}]" for i in range(1, len(response.choices))]
    choice = response.choices[0] if response.choices else Choice(finish="other")
    usage = response.usage or Usage()
    return {
        "generation": text_of_answer(choice, dropped),
        "prompt_token_count": usage.prompt_tokens,
        "generation_token_count": usage.output_tokens,
        "stop_reason": encode_reason(choice.finish),
    }


def decode_reason(reason: str) -> FinishReason:
    return "length" if reason == "length" else "stop" if reason == "stop" else "other"


def encode_reason(finish: FinishReason) -> str:
    return "length" if finish in ("length", "context_length") else "stop"

"""Whole answers, both ways.

Source: OpenAI API reference, "The response object"; openai-python 3.54, types/responses/response.py, read 2026-11-25. A response that
failed is no answer (FailedAnswer); one that is queued, in progress or cancelled is not whole (InvalidBody).
"""

from typing import Any

from proxy.codecs.answer_loss import ECHO, lost_fields, lost_usage
from proxy.codecs.base import Encoded, InvalidBody
from proxy.codecs.jsonbody import parse_object
from proxy.codecs.logprobs import tokens_of
from proxy.codecs.openai_chat.fields import array, integer, optional, record, required, string
from proxy.codecs.openai_chat.finish import invented_id
from proxy.codecs.openai_responses.errors import FailedAnswer, failed_error
from proxy.codecs.openai_responses.finish import decode_finish, encode_finish, is_near
from proxy.codecs.openai_responses.output import OutputWriter, decode_item, logprobs_of, residue
from proxy.codecs.openai_responses.usage import CARRIED, decode_usage, encode_usage
from proxy.core.messages import Part, RefusalPart, ToolUsePart
from proxy.core.response import ChatResponse, Choice

ECHOES = (
    "background",
    "billing",
    "completed_at",
    "conversation",
    "frequency_penalty",
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "parallel_tool_calls",
    "presence_penalty",
    "previous_response_id",
    "prompt",
    "prompt_cache_key",
    "prompt_cache_retention",
    "reasoning",
    "safety_identifier",
    "store",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "truncation",
    "user",
)
"""Fields that repeat the request or tell how it was run: kept in `extra` together, under ECHO, as they say nothing of the answer."""
_CANONICAL = frozenset(
    {"id", "object", "created_at", "status", "error", "incomplete_details", "model", "output", "usage", "service_tier", "output_text"}
)
_SPELLINGS = {"complete": "completed"}
"""Of compatible servers."""
_TIERS = {"auto": "auto", "default": "default", "standard": "default", "flex": "flex", "scale": "scale", "priority": "priority"}
_REQUIRED: dict[str, Any] = {"parallel_tool_calls": True, "tool_choice": "auto", "tools": []}
"""What the SDK insists on."""
_DEFAULTS: dict[str, Any] = {"instructions": None, "metadata": {}, "temperature": None, "top_p": None, "store": False}
"""What clients expect to find besides: another dialect's upstream keeps nothing."""


def decode_response(body: bytes) -> ChatResponse:
    answer = parse_object(body)
    refuse_error(answer)
    status = refuse_unfinished(answer)
    items = [record(item, f"output[{i}]") for i, item in enumerate(required(answer, "output", array, ""))]
    content: list[Part] = []
    kept: list[dict[str, Any]] = []
    for i, item in enumerate(items):
        parts = decode_item(item, f"output[{i}]")
        content += parts
        kept.append(residue(item, len(parts)))
    details = answer.get("incomplete_details")
    finish = decode_finish(status, details, calls=any(isinstance(part, ToolUsePart) for part in content))
    extra: dict[str, Any] = {"output": kept}
    if finish == "other" and isinstance(details, dict):
        extra["incomplete_details"] = details
    logprobs = logprobs_of(items)
    usage = optional(answer, "usage", record, "")
    choice = Choice(
        content=tuple(content),
        finish=finish,
        logprobs={"content": logprobs, "refusal": None} if logprobs else None,
        extra=extra,
    )
    return ChatResponse(
        id=optional(answer, "id", string, "") or "",
        model=optional(answer, "model", string, "") or "",
        choices=(choice,),
        usage=None if usage is None else decode_usage(usage, answer.get("service_tier")),
        created=created_at(answer),
        service_tier=optional(answer, "service_tier", string, ""),
        extra=response_extra(answer),
    )


def refuse_error(answer: dict[str, Any]) -> None:
    """Raise InvalidBody for an error object that came with a success status."""
    error = answer.get("error")
    if error and "output" not in answer:
        text = error.get("message") if isinstance(error, dict) else error
        raise InvalidBody(f"The answer is an error object: {str(text)[:200]}", "error")


def refuse_unfinished(answer: dict[str, Any]) -> str:
    """The status, `completed` or `incomplete`; a server that leaves it out has completed."""
    status = optional(answer, "status", string, "") or "completed"
    status = _SPELLINGS.get(status, status)
    if status == "failed":
        raise FailedAnswer(failed_error(answer))
    if status not in ("completed", "incomplete"):
        raise InvalidBody(f"The response is not whole: its status is {status[:40]}", "status")
    return status


def created_at(answer: dict[str, Any]) -> int | None:
    """Some servers write a fraction."""
    value = answer.get("created_at")
    return int(value) if isinstance(value, float) and abs(value) < 1e15 else optional(answer, "created_at", integer(), "")


def response_extra(answer: dict[str, Any]) -> dict[str, Any]:
    """What has no canonical place; nulls say nothing."""
    given = {key: value for key, value in answer.items() if key not in _CANONICAL and value is not None}
    echo = {key: given.pop(key) for key in ECHOES if key in given}
    return {**given, ECHO: echo} if echo else given


def encode_response(response: ChatResponse, created: int) -> Encoded:
    """`created`: Unix seconds for an answer whose dialect has no time. Reports by canonical names (`content[1]`, `choices[1]`)."""
    dropped = [f"choices[{i}]" for i in range(1, len(response.choices))]
    choice = response.choices[0] if response.choices else Choice(finish="other")
    if choice.stop_sequence is not None:
        dropped.append("stop_sequence")
    refused = any(isinstance(part, RefusalPart) for part in choice.content)
    original = choice.extra.get("incomplete_details")
    status, details = encode_finish(choice.finish, refused=refused, original=original)
    if is_near(choice.finish, refused=refused, original=original):
        dropped.append("finish_reason")
    response_id = answer_id(response.id, response.model, response.created)
    writer = OutputWriter(response_id, status=status)
    output = writer.write(choice.content, choice.extra.get("output"))
    _add_logprobs(output, choice)
    body = envelope(
        response_id, response.model, created if response.created is None else response.created, response.service_tier, response.extra
    )
    body |= {"status": status, "incomplete_details": details, "output": output}
    if response.usage is not None:
        body["usage"] = encode_usage(response.usage)
    dropped += writer.dropped + lost_usage(response.usage, CARRIED) + foreign_names(response.extra)
    return Encoded(body, tuple(dict.fromkeys(dropped)))


def answer_id(given: str, *seed: object) -> str:
    """Some servers send none, but clients need one."""
    return given or invented_id("resp_", *seed)


def envelope(
    response_id: str, model: str, created: int, tier: str | None, extra: dict[str, Any], asked: dict[str, Any] | None = None
) -> dict[str, Any]:
    """A response object in progress. `asked`: fields of the client's request to repeat, where the upstream spoke another dialect."""
    echo = extra.get(ECHO)
    body: dict[str, Any] = {
        "id": response_id,
        "object": "response",
        "created_at": created,
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "model": model,
        "output": [],
        **_REQUIRED,
        "usage": None,
    }
    if isinstance(echo, dict):
        body |= echo
        body |= {key: value for key, value in extra.items() if key != ECHO}
    else:
        body |= {**_DEFAULTS, **(asked or {})}
    if (own := _TIERS.get(tier or "")) is not None:
        body["service_tier"] = own
    elif isinstance(echo, dict) and tier is not None:
        body["service_tier"] = tier
    return body


def foreign_names(extra: dict[str, Any]) -> list[str]:
    """Of what another dialect's answer holds beside its content."""
    return [] if ECHO in extra else lost_fields(extra, ())


def _add_logprobs(output: list[dict[str, Any]], choice: Choice) -> None:
    """To the texts in order, each as many as its text is long."""
    tokens = tokens_of(choice.logprobs)
    texts = [part for item in output if item.get("type") == "message" for part in item["content"] if part.get("type") == "output_text"]
    for number, part in enumerate(texts):
        part["logprobs"] = take_logprobs(tokens, None if number == len(texts) - 1 else len(part["text"]))


def take_logprobs(tokens: list[Any], length: int | None) -> list[Any]:
    """The tokens at the front of the list that make up `length` characters (None: all), removed from it."""
    taken: list[Any] = []
    seen = 0
    while tokens and (length is None or seen < length):
        token = tokens.pop(0)
        seen += len(str(token.get("token", ""))) if isinstance(token, dict) else 1
        taken.append(token)
    return taken

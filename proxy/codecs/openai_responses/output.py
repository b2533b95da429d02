"""Output items ↔ the parts of an answer.

An item's id, status and other fields without a canonical place are kept beside the parts (`Choice.extra["output"]`: one record for each
item, with the number of its parts), so that the same dialect's encoder gives the items back as they were.

Source: openai-python 3.54, types/responses/response_output_item.py, read 2026-11-25.
"""

from typing import Any

from proxy.codecs.logprobs import named
from proxy.codecs.openai_chat.fields import array, optional, record, required, string
from proxy.codecs.openai_chat.finish import invented_id
from proxy.codecs.openai_chat.messages import arguments_text
from proxy.codecs.openai_custom import call_for_responses
from proxy.codecs.openai_responses.content import encode_text, loses_citations
from proxy.codecs.openai_responses.fields import DIALECT
from proxy.codecs.openai_responses.thinking import decode_reasoning, encode_reasoning
from proxy.core.messages import (
    OpaquePart,
    Part,
    RedactedThinkingPart,
    RefusalPart,
    TextPart,
    ThinkingPart,
    ToolUsePart,
)

_TEXTS = frozenset({"summary", "content", "encrypted_content"})
"""Of a reasoning item: written anew where its part has changed since."""
Items = list[dict[str, Any]]
_TEXTUAL = (TextPart, RefusalPart)
_MOVED = {
    "message": ("content",),
    "function_call": ("call_id", "name", "arguments"),
    "reasoning": (),
}
"""Fields of an item that its parts hold. Of reasoning nothing is left out: several texts are one in the part."""


def decode_item(item: dict[str, Any], path: str) -> list[Part]:
    kind = required(item, "type", string, path)
    if kind == "message":
        content = optional(item, "content", array, path) or ()
        return [_content_part(record(part, f"{path}.content[{i}]"), f"{path}.content[{i}]") for i, part in enumerate(content)]
    if kind == "function_call":
        call_id = required(item, "call_id", string, path)
        arguments = arguments_text(item.get("arguments"), f"{path}.arguments")
        return [ToolUsePart(id=call_id, name=required(item, "name", string, path), arguments=arguments)]
    if kind == "reasoning":
        return [decode_reasoning(item, path)]
    return [OpaquePart(dialect=DIALECT, value=item)]


def _content_part(part: dict[str, Any], path: str) -> Part:
    kind = required(part, "type", string, path)
    if kind == "output_text":
        given = optional(part, "annotations", array, path) or ()
        annotations = tuple(record(item, f"{path}.annotations[{i}]") for i, item in enumerate(given))
        text = required(part, "text", string, path)
        return TextPart(text=text, citations=annotations, citations_dialect=DIALECT if annotations else None)
    if kind == "refusal":
        return RefusalPart(text=required(part, "refusal", string, path))
    return OpaquePart(dialect=DIALECT, value=part)


def residue(item: dict[str, Any], parts: int) -> dict[str, Any]:
    """What the parts of an item do not say. An opaque item says all itself."""
    kind = item["type"]
    moved = _MOVED.get(kind)
    if moved is None:
        return {"parts": parts, "item": None}
    return {"parts": parts, "item": {key: value for key, value in item.items() if key not in moved}}


def logprobs_of(items: Items) -> list[Any]:
    """Of all texts, in order."""
    found: list[Any] = []
    for item in items:
        if item.get("type") == "message":
            for part in item.get("content") or ():
                found += named(part.get("logprobs"))
    return found


class OutputWriter:
    """The items of one answer; `dropped` collects canonical names. `seed`: what invented ids are made from."""

    def __init__(self, *seed: object, status: str = "completed") -> None:
        self.dropped: list[str] = []
        self._seed = seed
        self._status = status
        """Of the last item; the others are complete."""

    def write(self, content: tuple[Part, ...], kept: Any) -> Items:
        """`kept`: the residues, where this dialect made the answer."""
        if isinstance(kept, list) and sum(entry["parts"] for entry in kept) == len(content):
            items = self._restored(content, kept)
        else:
            items = self._grouped(content)
            if items and "status" in items[-1] and items[-1]["type"] in ("message", "function_call"):
                items[-1]["status"] = self._status
        return items

    def _restored(self, content: tuple[Part, ...], kept: list[dict[str, Any]]) -> Items:
        items: Items = []
        at = 0
        for entry in kept:
            parts = content[at : at + entry["parts"]]
            fields = entry["item"]
            if fields is not None and fields["type"] == "message":
                items.append({**fields, "content": self._content(parts, at)})
            elif fields is not None and fields["type"] == "reasoning" and parts[0] == decode_reasoning(fields, ""):
                items.append(fields)
            else:
                rest = {key: value for key, value in (fields or {}).items() if key not in _TEXTS}
                items += [{**item, **rest} for item in [self._item(parts[0], at)] if item is not None]
            at += entry["parts"]
        return items

    def _grouped(self, content: tuple[Part, ...]) -> Items:
        """Texts and refusals in a row are one message."""
        items: Items = []
        at = 0
        while at < len(content):
            end = at
            while end < len(content) and isinstance(content[end], _TEXTUAL):
                end += 1
            if end > at:
                shown = [part for part in self._content(content[at:end], at) if part.get("text") != ""]
                if shown:
                    items.append(message_item(invented_id("msg_", *self._seed, len(items)), shown, "completed"))
                at = end
            else:
                item = self._item(content[at], at, len(items))
                if item is not None:
                    items.append(item)
                at += 1
        return items

    def _content(self, parts: tuple[Part, ...], at: int) -> Items:
        out: Items = []
        for index, part in enumerate(parts):
            if isinstance(part, TextPart):
                if loses_citations(part):
                    self.dropped.append(f"content[{at + index}].citations")
                out.append(encode_text(part, output=True))
            elif isinstance(part, RefusalPart):
                out.append({"type": "refusal", "refusal": part.text})
            elif isinstance(part, OpaquePart):
                out.append(part.value)
        return out

    def _item(self, part: Part, at: int, number: int = 0) -> dict[str, Any] | None:
        if isinstance(part, ToolUsePart):
            return call_item(invented_id("fc_", *self._seed, number, part.id), part.id, part.name, part.arguments or "{}", "completed")
        if isinstance(part, ThinkingPart | RedactedThinkingPart):
            return encode_reasoning(part, *self._seed, number)
        if isinstance(part, OpaquePart) and part.dialect == DIALECT:
            return part.value
        if (call := call_for_responses(part)) is not None:
            return {"id": invented_id("ctc_", *self._seed, number, call["call_id"]), **call, "status": "completed"}
        self.dropped.append(f"content[{at}]")
        return None


def message_item(item_id: str, content: Items, status: str) -> dict[str, Any]:
    return {"id": item_id, "type": "message", "status": status, "role": "assistant", "content": content}


def call_item(item_id: str, call_id: str, name: str, arguments: str, status: str) -> dict[str, Any]:
    return {"id": item_id, "type": "function_call", "status": status, "call_id": call_id, "name": name, "arguments": arguments}

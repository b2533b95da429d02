"""Reasoning items ↔ thinking parts, both ways.

A thinking part has one text and one signature; a reasoning item has summary texts, perhaps content texts, an id and encrypted content. The
item's id and encrypted content are packed into the signature, so that they survive a client of another dialect and come back:

    item of this API                       signature `openai_responses:summary|content:<id>:<encrypted content>`
    signature of another provider          encrypted content `llm-edge:sig:<signature>`, so that they survive a client of this dialect
    redacted thinking                      encrypted content `llm-edge:red:<data>`
    thinking of another dialect, unsigned  id `rs_edge_…`: no upstream knows it, so it is never sent to one

Source: openai-python 3.54, types/responses/response_reasoning_item.py, read 2026-11-25.
"""

from typing import Any

from proxy.codecs.openai_chat.fields import array, optional, record, required, string
from proxy.codecs.openai_chat.finish import invented_id
from proxy.codecs.openai_responses.fields import DIALECT
from proxy.core.messages import RedactedThinkingPart, ThinkingPart

JOINT = "\n\n"
"""Between the texts of one item."""
_OWN = f"{DIALECT}:"
_SIGNED = "llm-edge:sig:"
_REDACTED = "llm-edge:red:"
EDGE_ID = "rs_edge_"


def decode_reasoning(item: dict[str, Any], path: str) -> ThinkingPart | RedactedThinkingPart:
    texts = reasoning_texts(item, path)
    encrypted = optional(item, "encrypted_content", string, path) or ""
    if encrypted.startswith(_REDACTED):
        return RedactedThinkingPart(data=encrypted.removeprefix(_REDACTED))
    return ThinkingPart(text=JOINT.join(text for text in texts if text), signature=signature_of(item, path))


def reasoning_texts(item: dict[str, Any], path: str) -> list[str]:
    """Of the summary, then of the content."""
    texts = []
    for key in ("summary", "content"):
        for i, value in enumerate(optional(item, key, array, path) or ()):
            place = f"{path}.{key}[{i}]"
            texts.append(required(record(value, place), "text", string, place))
    return texts


def signature_of(item: dict[str, Any], path: str) -> str | None:
    """None for thinking that came from another dialect without one."""
    item_id = optional(item, "id", string, path) or ""
    encrypted = optional(item, "encrypted_content", string, path) or ""
    if encrypted.startswith(_SIGNED):
        return encrypted.removeprefix(_SIGNED)
    if item_id.startswith(EDGE_ID) and not encrypted:
        return None
    kind = "content" if item.get("content") and not item.get("summary") else "summary"
    return f"{_OWN}{kind}:{item_id}:{encrypted}"


def is_redacted(item: dict[str, Any]) -> bool:
    encrypted = item.get("encrypted_content")
    return isinstance(encrypted, str) and encrypted.startswith(_REDACTED)


def is_foreign(item: dict[str, Any]) -> bool:
    """Whether it is reasoning of another provider: an upstream of this API knows neither its id nor its content."""
    if item.get("type") != "reasoning":
        return False
    encrypted, item_id = item.get("encrypted_content"), item.get("id")
    marked = isinstance(encrypted, str) and encrypted.startswith((_SIGNED, _REDACTED))
    return marked or (isinstance(item_id, str) and item_id.startswith(EDGE_ID))


def is_own(part: ThinkingPart) -> bool:
    """Whether this API made it."""
    return part.signature is not None and part.signature.startswith(_OWN)


def is_sealed(part: ThinkingPart) -> bool:
    """Whether it holds encrypted content: an upstream that keeps nothing can read it."""
    return is_own(part) and bool(unpacked(part.signature)[2])


def encode_reasoning(part: ThinkingPart | RedactedThinkingPart, *seed: object) -> dict[str, Any]:
    """The item, of whatever origin. `seed`: what an invented id is made from."""
    if isinstance(part, RedactedThinkingPart):
        return {
            "id": invented_id(EDGE_ID, *seed),
            "type": "reasoning",
            "summary": [],
            "encrypted_content": _REDACTED + part.data,
        }
    kind, item_id, encrypted = unpacked(part.signature)
    item: dict[str, Any] = {"id": item_id or invented_id(EDGE_ID, *seed), "type": "reasoning", "summary": []}
    if kind == "content":
        item["content"] = [{"type": "reasoning_text", "text": part.text}]
    elif part.text:
        item["summary"] = [{"type": "summary_text", "text": part.text}]
    if encrypted:
        item["encrypted_content"] = encrypted
    return item


def unpacked(signature: str | None) -> tuple[str, str, str]:
    """(kind, id, encrypted content); another provider's signature becomes encrypted content, marked."""
    if signature is None:
        return "summary", "", ""
    if not signature.startswith(_OWN):
        return "summary", "", _SIGNED + signature
    pieces = signature.split(":", 3)
    return (pieces[1], pieces[2], pieces[3]) if len(pieces) == 4 else ("summary", "", "")

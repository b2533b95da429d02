"""Parts of an answer, both ways: shared by whole answers and streams.

What is neither text, thought nor call (images, executed code) is this dialect's own. A signature outside of a thought is a thinking part
without text in front of its part, as in requests.
"""

from typing import Any

from proxy.codecs.base import InvalidBody
from proxy.codecs.gemini_generate import fields, signatures
from proxy.codecs.gemini_generate.functions import parse_arguments
from proxy.codecs.jsonbody import dump_text
from proxy.core.messages import (
    AudioPart,
    DocumentPart,
    ImagePart,
    OpaquePart,
    Part,
    RedactedThinkingPart,
    RefusalPart,
    TextPart,
    ThinkingPart,
    ToolResultPart,
    ToolUsePart,
)

SOURCES = ("citationMetadata", "groundingMetadata", "urlContextMetadata")
"""Of a candidate: where its text comes from. They travel as citations of this dialect, one for each."""
_TEXT = frozenset(("text", "thought", "thoughtSignature"))


class CallIds:
    """Ids for one answer's calls: the API's own, else invented, the same whenever the same answer is read."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._used: set[str] = set()

    def take(self, given: str | None, choice: int, name: str) -> str:
        call_id = given if given and given not in self._used else fields.invented_id(self._seed, choice, len(self._used), name)
        self._used.add(call_id)
        return call_id


def decode_answer_part(part: dict[str, Any], path: str, choice: int, ids: CallIds) -> list[Part]:
    """Raises InvalidBody on fields of the wrong type."""
    call = part.get("functionCall")
    if call is None and not part.keys() <= _TEXT:
        return [OpaquePart(dialect=fields.DIALECT, value=part)]
    signature = fields.optional_text(part, "thoughtSignature", path)
    if call is not None:
        decoded = _call(fields.as_object(call, f"{path}.functionCall"), part, f"{path}.functionCall", choice, ids)
        if signature is None or isinstance(decoded, OpaquePart):
            return [decoded]
        return [signatures.decode(signature), decoded]
    said = fields.optional_text(part, "text", path) or ""
    if part.get("thought") is True:
        return [ThinkingPart(text=said) if signature is None else signatures.decode(signature, said)]
    text: list[Part] = [TextPart(text=said)] if said or signature is None else []
    return text if signature is None else [signatures.decode(signature), *text]


def _call(call: dict[str, Any], part: dict[str, Any], path: str, choice: int, ids: CallIds) -> Part:
    """One that arrives in pieces (`partialArgs`, only on request) is this dialect's own."""
    if "partialArgs" in call or call.get("willContinue") or not call.get("name"):
        return OpaquePart(dialect=fields.DIALECT, value=part)
    name = fields.text(call, "name", path)
    given = fields.optional_object(call, "args", path) or {}
    return ToolUsePart(id=ids.take(fields.optional_text(call, "id", path), choice, name), name=name, arguments=dump_text(given))


def encode_call(call_id: str, name: str, arguments: str, path: str, dropped: list[str]) -> dict[str, Any]:
    """Arguments that are no JSON object (cut off by the token limit) become an empty one, reported."""
    try:
        given = parse_arguments(arguments, path)
    except InvalidBody:
        dropped.append(f"{path}.arguments")
        given = {}
    return {"functionCall": {"id": call_id, "name": name, "args": given} if call_id else {"name": name, "args": given}}


def encode_answer_parts(content: tuple[Part, ...], path: str, dropped: list[str]) -> list[dict[str, Any]]:
    """Of one choice. `path`: of its content in the canonical answer (`choices[0].content`)."""
    out: list[dict[str, Any]] = []
    pending: str | None = None
    for i, part in enumerate(content):
        if isinstance(part, ThinkingPart) and not part.text and part.signature is not None:
            pending = signatures.show(part.signature)
            continue
        written = _encode(part, f"{path}[{i}]", dropped)
        if written is None:
            continue
        if pending is not None and "thought" not in written:
            written["thoughtSignature"] = pending
            pending = None
        out.append(written)
    if pending is not None:
        out.append({"text": "", "thoughtSignature": pending})
    return out


def _encode(part: Part, path: str, dropped: list[str]) -> dict[str, Any] | None:
    match part:
        case TextPart():
            if part.citations and part.citations_dialect != fields.DIALECT:
                dropped.append(f"{path}.citations")
            return {"text": part.text} if part.text else None
        case RefusalPart():
            dropped.append(path)
            return {"text": part.text} if part.text else None
        case ThinkingPart():
            thought: dict[str, Any] = {"text": part.text, "thought": True}
            return thought if part.signature is None else {**thought, "thoughtSignature": signatures.show(part.signature)}
        case RedactedThinkingPart():
            return {"text": "", "thought": True, "thoughtSignature": signatures.show_redacted(part.data)}
        case ToolUsePart():
            return encode_call(part.id, part.name, part.arguments, path, dropped)
        case ImagePart() if part.data is not None:
            return {"inlineData": {"mimeType": part.media_type or "image/png", "data": part.data}}
        case AudioPart() if part.data is not None:
            return {"inlineData": {"mimeType": f"audio/{part.format or 'wav'}", "data": part.data}}
        case OpaquePart() if part.dialect == fields.DIALECT:
            return dict(part.value)
        case ImagePart() | AudioPart() | DocumentPart() | ToolResultPart() | OpaquePart():
            dropped.append(path)
            return None


def decode_sources(candidate: dict[str, Any]) -> list[dict[str, Any]]:
    return [{key: candidate[key]} for key in SOURCES if isinstance(candidate.get(key), dict) and candidate[key]]

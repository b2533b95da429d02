"""Thought signatures: whose they are.

A signature is opaque and only its own maker takes it back; a wrong one is refused. Clients of other dialects hand it back as they got
it, perhaps to another provider than before. So those of this API are marked in the canonical form (`gemini:…`), and those of other
providers are wrapped for clients of this API, whose SDKs want base64:

    wire "CpsBAb4…"                               ↔  canonical "gemini:CpsBAb4…"
    wire base64(0x00 "llm-edge:" "EqQBCg…")       ↔  canonical "EqQBCg…", another provider's
    wire base64(0x00 "llm-edge-redacted:" "Emw…") ↔  a redacted thinking block's data

Source: ai.google.dev "Thought signatures", read 2026-11-25: a Gemini 3 model refuses a function call of its history without one, unless
the documented bypass value stands there, for calls that it did not make itself.
"""

import base64
import binascii
from typing import Any

from proxy.core.messages import RedactedThinkingPart, ThinkingPart

UNSIGNED_CALL = "skip_thought_signature_validator"
_MARK = "gemini:"
_FOREIGN = b"\0llm-edge:"
_REDACTED = b"\0llm-edge-redacted:"
_BEGINNING = base64.b64encode(_FOREIGN[:9]).decode()
"""How base64 of both prefixes begins: nine bytes are twelve characters."""


def decode(wire: str, text: str = "") -> ThinkingPart | RedactedThinkingPart:
    """The thinking that a part's `thoughtSignature` stands for; `text`: of a thought."""
    if wire.startswith(_BEGINNING):
        try:
            inner = base64.b64decode(wire.translate(_STANDARD) + "=" * (-len(wire) % 4))
        except binascii.Error:
            inner = b""
        if inner.startswith(_FOREIGN):
            return ThinkingPart(text=text, signature=inner[len(_FOREIGN) :].decode("utf-8", "replace"))
        if inner.startswith(_REDACTED):
            return RedactedThinkingPart(data=inner[len(_REDACTED) :].decode("utf-8", "replace"))
    return ThinkingPart(text=text, signature=_MARK + wire)


_STANDARD = str.maketrans("-_", "+/")


def own(signature: str | None) -> str | None:
    """As the API wrote it; None where it is another provider's."""
    return signature[len(_MARK) :] if signature is not None and signature.startswith(_MARK) else None


def show(signature: str) -> str:
    """For a client of this dialect, whoever made it."""
    mine = own(signature)
    return base64.b64encode(_FOREIGN + signature.encode("utf-8", "replace")).decode() if mine is None else mine


def show_redacted(data: str) -> str:
    return base64.b64encode(_REDACTED + data.encode("utf-8", "replace")).decode()


def without_foreign(contents: Any) -> Any:
    """A body's `contents` without the signatures that `show` wrapped for another provider: a call keeps the bypass value in its place,
    a thought that had nothing else goes. The value itself where there are none; it is not changed."""
    if not isinstance(contents, list):
        return contents
    foreign = [at for at, content in enumerate(contents) if type(content) is dict and _has_foreign(content.get("parts"))]
    if not foreign:
        return contents
    return [_cleaned(content) if at in foreign else content for at, content in enumerate(contents)]


def _has_foreign(parts: Any) -> bool:
    if type(parts) is list:
        for part in parts:
            if _is_foreign(part):
                return True
    return False


def _is_foreign(part: Any) -> bool:
    if type(part) is not dict:
        return False
    wire = part.get("thoughtSignature") or part.get("thought_signature")
    return type(wire) is str and wire.startswith(_BEGINNING)


def _cleaned(content: dict[str, Any]) -> dict[str, Any]:
    parts = []
    for part in content["parts"]:
        if not _is_foreign(part):
            parts.append(part)
            continue
        rest = {key: value for key, value in part.items() if key not in ("thoughtSignature", "thought_signature")}
        if "functionCall" in rest or "function_call" in rest:
            parts.append({**rest, "thoughtSignature": UNSIGNED_CALL})
        elif rest.get("text") or not rest.keys() <= {"text", "thought"}:
            parts.append(rest)
    return {**content, "parts": parts or [{"text": ""}]}

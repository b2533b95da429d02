"""Messages of any dialect → `systemInstruction` and `contents`.

The API wants the instructions apart, roles that alternate, and the responses to a turn's calls together, first in the turn after it. A
system message in the middle of the conversation moves to the instructions (reported).
"""

from typing import Any

from proxy.codecs.gemini_generate import signatures
from proxy.codecs.gemini_generate.models import ModelFacts
from proxy.codecs.gemini_generate.places import call_index, part_path, told
from proxy.codecs.gemini_generate.write_parts import Parts, PartWriter
from proxy.core.messages import Message, TextPart, ThinkingPart, ToolResultPart, ToolUsePart
from proxy.core.request import ChatRequest


class ContentWriter:
    def __init__(self, request: ChatRequest, facts: ModelFacts, dropped: list[str], *, own: bool = False) -> None:
        self._messages = request.messages
        self._dialect = request.dialect
        self._facts = facts
        self._dropped = dropped
        self._own = own
        names = {part.id: part.name for message in request.messages for part in message.content if isinstance(part, ToolUsePart)}
        self._parts = PartWriter(facts, dropped, names, own=own, named=request.dialect != "bedrock_converse")

    def write(self) -> tuple[Parts, list[dict[str, Any]]]:
        """(parts of the system instruction, contents)."""
        system: Parts = []
        turns: list[dict[str, Any]] = []
        moved = ""
        for message in self._messages:
            if message.role in ("system", "developer"):
                if turns:
                    self._dropped.append(message.path)
                system += self._instructions(message)
                moved = message.path
            else:
                self._add(turns, message, self.parts_of(message))
            self._report(message)
        if not turns and system:
            # the API needs a content: the instructions become it
            self._dropped.append(moved)
            return [], [{"role": "user", "parts": system}]
        return system, turns or [{"role": "user", "parts": [{"text": ""}]}]

    def _report(self, message: Message) -> None:
        if message.name is not None:
            self._dropped.append(f"{message.path}.name")
        self._dropped.extend(
            f"{message.path}.{key}" for key, value in message.extra.items() if told(value) and not _is_signature(key, value)
        )

    def _instructions(self, message: Message) -> Parts:
        out: Parts = []
        for i, part in enumerate(message.content):
            path = part_path(message, i, self._dialect)
            if isinstance(part, TextPart):
                out += self._parts.write(part, path)
            else:
                self._dropped.append(path)
        return out

    def _add(self, turns: list[dict[str, Any]], message: Message, parts: Parts) -> None:
        role = "model" if message.role == "assistant" else "user"
        if not parts:
            return
        if turns and turns[-1]["role"] == role:
            parts = [*turns[-1]["parts"], *parts]
            turns[-1]["parts"] = parts
        else:
            turns.append({"role": role, "parts": parts})
        if role == "user":
            parts.sort(key=_results_first)

    def parts_of(self, message: Message) -> Parts:
        """One message's parts, with the signatures where the API had them."""
        out: Parts = []
        pending: str | None = None
        for i, part in enumerate(message.content):
            if isinstance(part, ThinkingPart) and not part.text and (mine := signatures.own(part.signature)) is not None:
                pending = mine
                continue
            written = self._parts.write(part, part_path(message, i, self._dialect), message.name)
            if isinstance(part, ToolUsePart) and pending is None:
                pending = _carried(message, i)
            if written and pending is not None and not isinstance(part, ThinkingPart | ToolResultPart):
                written[0]["thoughtSignature"] = pending
                pending = None
            out += written
        if pending is not None:
            out.append({"text": "", "thoughtSignature": pending})
        if message.role == "assistant" and self._facts.signed and not self._own:
            _sign(out)
        return out


def _results_first(part: dict[str, Any]) -> bool:
    return "functionResponse" not in part


def _sign(parts: Parts) -> None:
    """The first of a turn's calls needs a signature: the bypass value stands for that of a call which another model made."""
    call = next((part for part in parts if "functionCall" in part), None)
    if call is not None:
        call.setdefault("thoughtSignature", signatures.UNSIGNED_CALL)


def _carried(message: Message, index: int) -> str | None:
    """The signature that a client of Google's own OpenAI-compatible endpoint keeps in a call's `extra_content`."""
    google = message.extra.get(f"tool_calls[{call_index(message, index)}].extra_content")
    inner = google.get("google") if isinstance(google, dict) else None
    signature = inner.get("thought_signature") if isinstance(inner, dict) else None
    return signature if isinstance(signature, str) and signature else None


def _is_signature(key: str, value: Any) -> bool:
    return key.startswith("tool_calls[") and key.endswith("].extra_content") and isinstance(value, dict) and value.keys() == {"google"}

"""The output items of a stream to the client, one class a kind: each writes its own events and keeps what its last ones must repeat.

Every event of this dialect is numbered, and `done` events repeat the whole of what the deltas said, so the encoder holds the answer once:
as much as the model wrote.
"""

from typing import Any

import orjson

from proxy.codecs.jsonbody import dump_json
from proxy.codecs.openai_responses.content import encode_text
from proxy.codecs.openai_responses.output import call_item, message_item
from proxy.codecs.openai_responses.thinking import encode_reasoning, unpacked
from proxy.core.messages import RedactedThinkingPart, TextPart

_dumps = orjson.dumps


class Writer:
    """Numbers events and items. `outputs`: the items in order, None while one is not done."""

    def __init__(self) -> None:
        self.number = 0
        self.outputs: list[dict[str, Any] | None] = []

    def event(self, kind: str, **fields: Any) -> bytes:
        data = {"type": kind, "sequence_number": self.number, **fields}
        self.number += 1
        return b"event: " + kind.encode() + b"\ndata: " + dump_json(data) + b"\n\n"

    def spliced(self, head: bytes, middle: bytes, tail: bytes) -> bytes:
        """An event whose fields are written already: the number stands between `head` and `middle`."""
        number = self.number
        self.number += 1
        return head + b"%d" % number + middle + tail

    def add(self, item: dict[str, Any]) -> tuple[int, bytes]:
        """Its output_index and the event that begins it."""
        index = len(self.outputs)
        self.outputs.append(None)
        return index, self.event("response.output_item.added", output_index=index, item=item)

    def done(self, index: int, item: dict[str, Any]) -> bytes:
        self.outputs[index] = item
        return self.event("response.output_item.done", output_index=index, item=item)


class _Part:
    """A content part of a message. `head` and `middle`: an event of its deltas but for number and text."""

    __slots__ = ("annotations", "head", "index", "kind", "logprobs", "middle", "pieces")

    def __init__(self, kind: str, index: int, item_id: str, output_index: int) -> None:
        self.kind = kind
        self.index = index
        self.pieces: list[str] = []
        self.annotations: list[dict[str, Any]] = []
        self.logprobs: list[Any] = []
        name = b"response.output_text.delta" if kind == "text" else b"response.refusal.delta"
        self.head = b"event: " + name + b'\ndata: {"type":"' + name + b'","sequence_number":'
        self.middle = b',"item_id":%s,"output_index":%d,"content_index":%d,"delta":' % (_dumps(item_id), output_index, index)

    def whole(self) -> dict[str, Any]:
        text = "".join(self.pieces)
        if self.kind == "refusal":
            return {"type": "refusal", "refusal": text}
        return {**encode_text(TextPart(text=text), output=True), "annotations": self.annotations, "logprobs": self.logprobs}


class MessageOut:
    """A message. Its parts follow one another; it is open until something else than text begins."""

    def __init__(self, writer: Writer, item_id: str) -> None:
        self._writer = writer
        self.id = item_id
        self._content: list[dict[str, Any]] = []
        self.index, self.opening = writer.add(message_item(item_id, [], "in_progress"))
        self._part = _Part("text", 0, item_id, self.index)
        """The latest part; `start` makes it."""
        self._is_open = False

    def start(self, kind: str) -> bytes:
        """`text` or `refusal`."""
        self._part = _Part(kind, len(self._content), self.id, self.index)
        self._is_open = True
        return self._event("response.content_part.added", part=self._part.whole())

    def text(self, text: str) -> bytes:
        part = self._part
        part.pieces.append(text)
        tail = b',"logprobs":[]}\n\n' if part.kind == "text" else b"}\n\n"
        return self._writer.spliced(part.head, part.middle, _dumps(text) + tail)

    def logprobs(self, logprobs: list[Any]) -> bytes:
        """They come after their text: with a delta of their own that adds none."""
        part = self._part
        part.logprobs += logprobs
        return self._event("response.output_text.delta", delta="", logprobs=logprobs)

    def annotation(self, annotation: dict[str, Any]) -> bytes:
        part = self._part
        part.annotations.append(annotation)
        return self._event("response.output_text.annotation.added", annotation_index=len(part.annotations) - 1, annotation=annotation)

    def stop_part(self) -> bytes:
        if not self._is_open:
            return b""
        self._is_open = False
        whole = self._part.whole()
        if self._part.kind == "text":
            out = self._event("response.output_text.done", text=whole["text"], logprobs=self._part.logprobs)
        else:
            out = self._event("response.refusal.done", refusal=whole["refusal"])
        out += self._event("response.content_part.done", part=whole)
        self._content.append(whole)
        return out

    def finish(self, status: str) -> bytes:
        return self.stop_part() + self._writer.done(self.index, message_item(self.id, self._content, status))

    def _event(self, kind: str, **fields: Any) -> bytes:
        index = self._part.index
        return self._writer.event(kind, item_id=self.id, output_index=self.index, content_index=index, **fields)


class CallOut:
    """A function call. One without arguments gets an empty object, so that they parse."""

    def __init__(self, writer: Writer, item_id: str, call_id: str, name: str) -> None:
        self._writer = writer
        self._item = (item_id, call_id, name)
        self._pieces: list[str] = []
        self.index, self.opening = writer.add(call_item(item_id, call_id, name, "", "in_progress"))
        self._middle = b',"item_id":%s,"output_index":%d,"delta":' % (_dumps(item_id), self.index)

    def arguments(self, text: str) -> bytes:
        if not text:
            return b""
        self._pieces.append(text)
        head = b'event: response.function_call_arguments.delta\ndata: {"type":"response.function_call_arguments.delta","sequence_number":'
        return self._writer.spliced(head, self._middle, _dumps(text) + b"}\n\n")

    def finish(self, status: str) -> bytes:
        out = b"" if self._pieces else self.arguments("{}")
        arguments = "".join(self._pieces)
        item_id, call_id, name = self._item
        out += self._writer.event(
            "response.function_call_arguments.done", item_id=item_id, output_index=self.index, name=name, arguments=arguments
        )
        return out + self._writer.done(self.index, call_item(item_id, call_id, name, arguments, status))


class CustomOut:
    """A call of a tool that takes free text, from OpenAI chat. `call`: the item as it begins, without its id."""

    def __init__(self, writer: Writer, item_id: str, call: dict[str, Any]) -> None:
        self._writer = writer
        self._item = {"id": item_id, **call}
        self._pieces: list[str] = []
        self.index, self.opening = writer.add({**self._item, "input": "", "status": "in_progress"})
        if call["input"]:
            self.opening += self.input(call["input"])

    def input(self, text: str) -> bytes:
        self._pieces.append(text)
        return self._event("delta", delta=text)

    def finish(self, status: str) -> bytes:
        whole = "".join(self._pieces)
        return self._event("done", input=whole) + self._writer.done(self.index, {**self._item, "input": whole, "status": status})

    def _event(self, word: str, **fields: Any) -> bytes:
        kind = f"response.custom_tool_call_input.{word}"
        return self._writer.event(kind, item_id=self._item["id"], output_index=self.index, **fields)


class ThinkingOut:
    """A reasoning item with one summary text, or none. It keeps the id that it began under, whatever the signature says."""

    def __init__(self, writer: Writer, item_id: str) -> None:
        self._writer = writer
        self._id = item_id
        self._pieces: list[str] = []
        self.signature = ""
        self.index, self.opening = writer.add({"id": item_id, "type": "reasoning", "summary": []})

    def text(self, text: str) -> bytes:
        first = b""
        if not self._pieces:
            first = self._event("response.reasoning_summary_part.added", part={"type": "summary_text", "text": ""})
        self._pieces.append(text)
        return first + self._event("response.reasoning_summary_text.delta", delta=text)

    def finish(self, status: str) -> bytes:
        text = "".join(self._pieces)
        out = b""
        if text:
            out = self._event("response.reasoning_summary_text.done", text=text)
            out += self._event("response.reasoning_summary_part.done", part={"type": "summary_text", "text": text})
        summary = [{"type": "summary_text", "text": text}] if text else []
        encrypted = unpacked(self.signature or None)[2]
        item = {"id": self._id, "type": "reasoning", "summary": summary, **({"encrypted_content": encrypted} if encrypted else {})}
        return out + self._writer.done(self.index, item)

    def _event(self, kind: str, **fields: Any) -> bytes:
        return self._writer.event(kind, item_id=self._id, output_index=self.index, summary_index=0, **fields)


class OpaqueOut:
    """An item of this dialect, with the events in between as they came."""

    def __init__(self, writer: Writer, item: dict[str, Any]) -> None:
        self._writer = writer
        self._item = item
        self._id = str(item.get("id") or "")
        begun = {**item, "status": "in_progress"} if "status" in item else item
        self.index, self.opening = writer.add(begun)

    def event(self, value: dict[str, Any]) -> bytes:
        kind = value.get("type")
        if kind == "response.output_item.done":
            self._item = value.get("item", self._item)
            return b""
        if not isinstance(kind, str):
            return b""
        rest = {key: item for key, item in value.items() if key != "type"}
        return self._writer.event(kind, item_id=self._id, output_index=self.index, **rest)

    def finish(self, status: str) -> bytes:
        return self._writer.done(self.index, self._item)


def redacted(writer: Writer, part: RedactedThinkingPart, *seed: object) -> bytes:
    """A reasoning item at once."""
    item = encode_reasoning(part, *seed)
    index, opening = writer.add(item)
    return opening + writer.done(index, item)


ItemOut = MessageOut | CallOut | CustomOut | ThinkingOut | OpaqueOut

"""Upstream events → canonical events.

Source: OpenAI API reference, "Streaming events" of Responses; openai-python 3.54, types/responses/*_event.py, read 2026-11-25.

    event                                    canonical
    response.created, queued, in_progress    StreamStart, once
    output_item.added     message            nothing yet
                          function_call      BlockStart(tool_use)
                          reasoning          nothing yet
                          anything else      BlockStart(opaque); its own events until it is done are OpaqueDeltas
    content_part.added, output_text.delta, refusal.delta      BlockStart where the part has none yet, TextDelta
    reasoning_summary_text.delta, reasoning_text.delta        likewise, of one thinking block an item
    *.done                                   what the deltas left out
    output_item.done                         BlockStop, before it a reasoning's SignatureDelta
    response.completed, response.incomplete  BlockStop of all, Finish, UsageUpdate, StreamEnd: the terminal evidence
    response.failed, error                   StreamFailed

Liberties of compatible servers that are understood: no `sequence_number`, no `added` events, whole texts only in `done`, items only in
the terminal event, a final `[DONE]`; no `output_index` (llama.cpp), where an item's own id, or a call's, tells whose an event is, and else
it is the latest item's.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from proxy.codecs.base import InvalidBody, StreamDecoder
from proxy.codecs.openai_chat.fields import array, integer, optional, record, required, string
from proxy.codecs.openai_chat.messages import arguments_text
from proxy.codecs.openai_responses.errors import event_error, failed_error
from proxy.codecs.openai_responses.finish import decode_finish
from proxy.codecs.openai_responses.response import created_at, response_extra
from proxy.codecs.openai_responses.stream_blocks import Blocks, CallItem, Item, MessageItem, OpaqueItem, ReasoningItem
from proxy.codecs.openai_responses.usage import decode_usage
from proxy.codecs.sse import SSEEvent, SSEParser
from proxy.core.events import Finish, StreamEnd, StreamEvent, StreamFailed, StreamPing, StreamStart, UsageUpdate

Out = list[StreamEvent]
_decode = msgspec.json.Decoder().decode


def parse_event(event: SSEEvent) -> dict[str, Any]:
    """Its JSON; a server that leaves `type` out has it in the event's name."""
    try:
        value = _decode(event.data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        raise InvalidBody(f"A stream event is not JSON: {exc}") from None
    data = record(value, "the stream event")
    if "type" not in data and event.event is not None:
        data["type"] = event.event.decode(errors="replace")
    return data


class ResponsesStreamDecoder:
    def __init__(self) -> None:
        self._parser = SSEParser()
        self._blocks = Blocks()
        self._items: dict[int, Item] = {}
        self._named: dict[str, int] = {}
        """Id of an item, or of its call, to its index."""
        self._started = False
        self._over = False

    def feed(self, chunk: bytes) -> Out:
        out: Out = []
        for event in self._parser.feed(chunk):
            if self._over:
                break
            data = event.data.strip()
            if data and data != b"[DONE]":
                self._event(parse_event(event), event.event == b"error", out)
        return out

    def close(self) -> Out:
        """Without a terminal event the stream was truncated."""
        self._parser.close()
        self._over = True
        return []

    def _event(self, event: dict[str, Any], is_error: bool, out: Out) -> None:
        kind = optional(event, "type", string, "")
        if is_error or kind == "error" or (kind is None and event.get("error")):
            self._over = True
            out.append(StreamFailed(error=event_error(event)))
            return
        if kind is None:
            raise InvalidBody("type is required", "type")
        handler = _HANDLERS.get(kind)
        if handler is not None:
            handler(self, event, out)
        elif kind == "keepalive":
            out.append(StreamPing())
        elif isinstance(item := self._items.get(self._index(event)), OpaqueItem) and not event.keys().isdisjoint(_PLACES):
            item.event(event, out)

    def _lifecycle(self, event: dict[str, Any], out: Out) -> None:
        self._start(required(event, "response", record, ""), out)

    def _start(self, response: dict[str, Any], out: Out) -> None:
        if self._started:
            return
        self._started = True
        out.append(
            StreamStart(
                id=optional(response, "id", string, "response") or "",
                model=optional(response, "model", string, "response") or "",
                created=created_at(response),
                service_tier=optional(response, "service_tier", string, "response"),
                extra=response_extra(response),
            )
        )

    def _end(self, event: dict[str, Any], out: Out) -> None:
        response = required(event, "response", record, "")
        self._start(response, out)
        output = response.get("output")
        if not self._items and isinstance(output, list):
            for index, item in enumerate(output):
                self._item_done({"output_index": index, "item": item}, out)
        self._blocks.close(out)
        for item in self._items.values():
            if isinstance(item, OpaqueItem):
                item.finish({"type": "response.output_item.done"}, out)
        status = "incomplete" if event["type"] == "response.incomplete" else "completed"
        out.append(Finish(reason=decode_finish(status, response.get("incomplete_details"), calls=self._blocks.called)))
        if (usage := optional(response, "usage", record, "response")) is not None:
            out.append(UsageUpdate(usage=decode_usage(usage, response.get("service_tier"))))
        self._over = True
        out.append(StreamEnd())

    def _failed(self, event: dict[str, Any], out: Out) -> None:
        self._over = True
        response = event.get("response")
        out.append(StreamFailed(error=failed_error(response if isinstance(response, dict) else {})))

    def _item_added(self, event: dict[str, Any], out: Out) -> None:
        item = required(event, "item", record, "")
        index = optional(event, "output_index", integer(0), "")
        if index is None:
            index = self._next()
        elif index in self._items:
            raise InvalidBody(f"output_index {index} begins twice", "output_index")
        self._begin(index, item, out)

    def _begin(self, index: int, item: dict[str, Any], out: Out) -> Item:
        self._start({}, out)
        kind = required(item, "type", string, "item")
        begun: Item
        if kind == "message":
            begun = MessageItem(self._blocks, optional(item, "id", string, "item"))
        elif kind == "function_call":
            begun = CallItem(self._blocks, required(item, "call_id", string, "item"), required(item, "name", string, "item"), out)
        elif kind == "reasoning":
            begun = ReasoningItem(self._blocks, optional(item, "id", string, "item"))
        else:
            begun = OpaqueItem(self._blocks, item, out)
        self._items[index] = begun
        self._named |= dict.fromkeys(_names(item), index)
        return begun

    def _next(self) -> int:
        return max(self._items, default=-1) + 1

    def _index(self, event: dict[str, Any]) -> int:
        """Of the item that an event speaks of."""
        index = optional(event, "output_index", integer(0), "")
        if index is not None:
            return index
        item_id = event.get("item_id")
        found = self._named.get(item_id) if isinstance(item_id, str) else None
        return max(self._items, default=0) if found is None else found

    def _index_of(self, item: dict[str, Any]) -> int:
        """Of an item that is done without an index: known by its name, or the latest, if that has none and is of its kind; else new."""
        names = _names(item)
        for name in names:
            if name in self._named:
                return self._named[name]
        latest = self._next() - 1
        nameless = latest not in self._named.values() or not names
        return latest if nameless and type(self._items.get(latest)) is _KINDS.get(item.get("type", "")) else latest + 1

    def _item_done(self, event: dict[str, Any], out: Out) -> None:
        given = required(event, "item", record, "")
        index = optional(event, "output_index", integer(0), "")
        if index is None:
            index = self._index_of(given)
        item = self._items.get(index) or self._begin(index, given, out)
        if isinstance(item, MessageItem):
            item.finish(given, out)
        elif isinstance(item, CallItem):
            item.finish_arguments(arguments_text(given.get("arguments"), "item.arguments"), "item.arguments", out)
            item.finish(out)
        elif isinstance(item, ReasoningItem):
            item.finish(given, "item", out)
        else:
            item.finish({"type": "response.output_item.done", "item": given}, out)

    def _message(self, event: dict[str, Any], out: Out) -> tuple[MessageItem, int] | None:
        """The message that an event speaks of, begun if need be, and the part's index; None for another item's content."""
        index = self._index(event)
        item = self._items.get(index) or self._begin(index, {"type": "message"}, out)
        return (item, optional(event, "content_index", integer(0), "") or 0) if isinstance(item, MessageItem) else None

    def _part_added(self, event: dict[str, Any], out: Out) -> None:
        found = self._message(event, out)
        kind = required(event, "part", record, "").get("type")
        if found is not None and kind in ("output_text", "refusal"):
            found[0].text(found[1], "text" if kind == "output_text" else "refusal", "", out)

    def _part_done(self, event: dict[str, Any], out: Out) -> None:
        if (found := self._message(event, out)) is not None:
            found[0].finish_part(found[1], required(event, "part", record, ""), out)

    def _text_delta(self, event: dict[str, Any], out: Out) -> None:
        if (found := self._message(event, out)) is not None:
            found[0].text(found[1], "text", required(event, "delta", string, ""), out)
            if logprobs := optional(event, "logprobs", array, ""):
                found[0].logprobs(found[1], logprobs, out)

    def _text_done(self, event: dict[str, Any], out: Out) -> None:
        if (found := self._message(event, out)) is not None:
            found[0].finish_text(found[1], "text", required(event, "text", string, ""), out)

    def _refusal_delta(self, event: dict[str, Any], out: Out) -> None:
        if (found := self._message(event, out)) is not None:
            found[0].text(found[1], "refusal", required(event, "delta", string, ""), out)

    def _refusal_done(self, event: dict[str, Any], out: Out) -> None:
        if (found := self._message(event, out)) is not None:
            found[0].finish_text(found[1], "refusal", required(event, "refusal", string, ""), out)

    def _annotation(self, event: dict[str, Any], out: Out) -> None:
        if (found := self._message(event, out)) is not None:
            found[0].annotation(found[1], required(event, "annotation", record, ""), out)

    def _call(self, event: dict[str, Any]) -> CallItem:
        index = self._index(event)
        item = self._items.get(index)
        if not isinstance(item, CallItem):
            raise InvalidBody(f"Arguments of a call at output_index {index} that has not begun", "output_index")
        return item

    def _arguments_delta(self, event: dict[str, Any], out: Out) -> None:
        self._call(event).arguments(required(event, "delta", string, ""), "delta", out)

    def _arguments_done(self, event: dict[str, Any], out: Out) -> None:
        self._call(event).finish_arguments(required(event, "arguments", string, ""), "arguments", out)

    def _thought(self, event: dict[str, Any], out: Out) -> None:
        """A delta or a done event of a summary or content text."""
        index = self._index(event)
        item = self._items.get(index) or self._begin(index, {"type": "reasoning"}, out)
        if not isinstance(item, ReasoningItem):
            return
        key = "summary" if "summary_index" in event else "content"
        piece = (key, optional(event, f"{key}_index", integer(0), "") or 0)
        if "delta" in event:
            item.text(piece, required(event, "delta", string, ""), out)
        else:
            item.finish_text(piece, required(event, "text", string, ""), out)


_PLACES = frozenset({"output_index", "item_id"})
_KINDS: dict[str, type[Item]] = {"message": MessageItem, "function_call": CallItem, "reasoning": ReasoningItem}


def _names(item: dict[str, Any]) -> list[str]:
    """What later events may call an item by."""
    return [name for key in ("id", "call_id") if isinstance(name := item.get(key), str) and name]


_HANDLERS: dict[str, Callable[[ResponsesStreamDecoder, dict[str, Any], Out], None]] = {
    "response.created": ResponsesStreamDecoder._lifecycle,
    "response.queued": ResponsesStreamDecoder._lifecycle,
    "response.in_progress": ResponsesStreamDecoder._lifecycle,
    "response.completed": ResponsesStreamDecoder._end,
    "response.incomplete": ResponsesStreamDecoder._end,
    "response.failed": ResponsesStreamDecoder._failed,
    "response.output_item.added": ResponsesStreamDecoder._item_added,
    "response.output_item.done": ResponsesStreamDecoder._item_done,
    "response.content_part.added": ResponsesStreamDecoder._part_added,
    "response.content_part.done": ResponsesStreamDecoder._part_done,
    "response.output_text.delta": ResponsesStreamDecoder._text_delta,
    "response.output_text.done": ResponsesStreamDecoder._text_done,
    "response.output_text.annotation.added": ResponsesStreamDecoder._annotation,
    "response.refusal.delta": ResponsesStreamDecoder._refusal_delta,
    "response.refusal.done": ResponsesStreamDecoder._refusal_done,
    "response.function_call_arguments.delta": ResponsesStreamDecoder._arguments_delta,
    "response.function_call_arguments.done": ResponsesStreamDecoder._arguments_done,
    "response.reasoning_summary_text.delta": ResponsesStreamDecoder._thought,
    "response.reasoning_summary_text.done": ResponsesStreamDecoder._thought,
    "response.reasoning_text.delta": ResponsesStreamDecoder._thought,
    "response.reasoning_text.done": ResponsesStreamDecoder._thought,
}

_: type[StreamDecoder] = ResponsesStreamDecoder

"""Upstream chunks → canonical events.

Source: OpenAI API reference, "Create completion (legacy)", read 2026-11-25: a chunk has the whole answer's form. A choice has one text
block:

    first text                    BlockStart, TextDelta
    text                          TextDelta
    finish_reason                 BlockStop if there is a block, Finish; what follows for the choice is ignored

Terminal evidence: every choice seen has finished and the body ended cleanly, or `[DONE]` came after the finishes.
"""

from typing import Any

import msgspec

from proxy.codecs.base import InvalidBody, StreamDecoder
from proxy.codecs.openai_chat.errors import in_band_error
from proxy.codecs.openai_chat.fields import array, integer, optional, record, string
from proxy.codecs.openai_chat.finish import decode_finish
from proxy.codecs.openai_chat.usage import decode_usage
from proxy.codecs.openai_completions.logprobs import decode_logprobs
from proxy.codecs.openai_completions.response import RESPONSE_EXTRA
from proxy.codecs.sse import SSEParser
from proxy.core.events import (
    BlockStart,
    BlockStop,
    Finish,
    LogprobsDelta,
    StreamEnd,
    StreamEvent,
    StreamFailed,
    StreamStart,
    TextDelta,
    UsageUpdate,
)

_decode = msgspec.json.Decoder().decode


class OpenAICompletionsStreamDecoder:
    def __init__(self) -> None:
        self._parser = SSEParser()
        self._blocks: dict[int, int] = {}
        """Choice → its block."""
        self._unfinished: set[int] = set()
        self._finished: set[int] = set()
        self._started = False
        self._over = False

    def feed(self, chunk: bytes) -> list[StreamEvent]:
        out: list[StreamEvent] = []
        for event in self._parser.feed(chunk):
            if self._over:
                break
            data = event.data.strip()
            if data == b"[DONE]":
                self._end(out)
            elif data:
                self._chunk(data, event.event == b"error", out)
        return out

    def close(self) -> list[StreamEvent]:
        out: list[StreamEvent] = []
        self._parser.close()
        if not self._over:
            self._end(out)
        return out

    def _end(self, out: list[StreamEvent]) -> None:
        self._over = True
        if self._finished and not self._unfinished:
            out.append(StreamEnd())

    def _chunk(self, data: bytes, is_error: bool, out: list[StreamEvent]) -> None:
        try:
            value = _decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
            raise InvalidBody(f"A stream event is not JSON: {exc}") from None
        chunk = record(value, "the stream event")
        if is_error or chunk.get("error") or chunk.get("object") == "error":
            self._over = True
            out.append(StreamFailed(error=in_band_error(chunk)))
            return
        if not self._started:
            self._start(chunk, out)
        for i, item in enumerate(optional(chunk, "choices", array, "") or ()):
            self._choice(record(item, f"choices[{i}]"), f"choices[{i}]", out)
        if (usage := optional(chunk, "usage", record, "")) is not None:
            out.append(UsageUpdate(usage=decode_usage(usage)))

    def _start(self, chunk: dict[str, Any], out: list[StreamEvent]) -> None:
        self._started = True
        out.append(
            StreamStart(
                id=optional(chunk, "id", string, "") or "",
                model=optional(chunk, "model", string, "") or "",
                created=optional(chunk, "created", integer(), ""),
                service_tier=optional(chunk, "service_tier", string, ""),
                extra={key: chunk[key] for key in RESPONSE_EXTRA & chunk.keys() if chunk[key] is not None},
            )
        )

    def _choice(self, item: dict[str, Any], path: str, out: list[StreamEvent]) -> None:
        index = optional(item, "index", integer(0), path) or 0
        text = optional(item, "text", string, path)
        reason = optional(item, "finish_reason", string, path)
        logprobs = optional(item, "logprobs", record, path)
        if index in self._finished:
            return
        self._unfinished.add(index)
        if text:
            if index not in self._blocks:
                self._blocks[index] = len(self._blocks)
                out.append(BlockStart(block=self._blocks[index], kind="text", choice=index))
            out.append(TextDelta(block=self._blocks[index], text=text))
        if logprobs is not None:
            out.append(LogprobsDelta(choice=index, logprobs=decode_logprobs(logprobs, f"{path}.logprobs")))
        if reason is not None:
            self._finish(index, reason, item.get("stop_reason"), out)

    def _finish(self, index: int, reason: str, stop_reason: object, out: list[StreamEvent]) -> None:
        self._unfinished.discard(index)
        self._finished.add(index)
        if index in self._blocks:
            out.append(BlockStop(block=self._blocks[index]))
        finish = decode_finish(reason, calls=False)
        sequence = stop_reason if finish == "stop" and isinstance(stop_reason, str) else None
        out.append(Finish(choice=index, reason="stop_sequence" if sequence is not None else finish, stop_sequence=sequence))


_: type[StreamDecoder] = OpenAICompletionsStreamDecoder

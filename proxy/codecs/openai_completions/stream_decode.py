"""Upstream chunks → canonical events.

Source: OpenAI API reference, "Create completion (legacy)", read 2026-11-25: a chunk has the whole answer's form. A choice has one text
block:

    first text                    BlockStart, TextDelta
    text                          TextDelta
    finish_reason                 BlockStop if there is a block, Finish; what follows for the choice is ignored

Terminal evidence: every choice seen has finished and the body ended cleanly, or `[DONE]` came after the finishes.
"""

from typing import Any

from proxy.codecs.base import StreamDecoder
from proxy.codecs.openai_chat.chunk_stream import ChunkStreamDecoder
from proxy.codecs.openai_chat.fields import array, integer, optional, record, string
from proxy.codecs.openai_chat.finish import decode_finish
from proxy.codecs.openai_chat.usage import decode_usage
from proxy.codecs.openai_completions.logprobs import decode_logprobs
from proxy.codecs.openai_completions.response import RESPONSE_EXTRA
from proxy.core.events import (
    BlockStart,
    BlockStop,
    Finish,
    LogprobsDelta,
    StreamEnd,
    StreamEvent,
    StreamStart,
    TextDelta,
    UsageUpdate,
)


class OpenAICompletionsStreamDecoder(ChunkStreamDecoder):
    def __init__(self) -> None:
        super().__init__()
        self._blocks: dict[int, int] = {}
        """Choice → its block."""
        self._unfinished: set[int] = set()
        self._finished: set[int] = set()
        self._started = False
        self._tier: str | None = None

    def _end(self, out: list[StreamEvent]) -> None:
        if self._finished and not self._unfinished:
            out.append(StreamEnd())

    def _chunk(self, chunk: dict[str, Any], out: list[StreamEvent]) -> None:
        if not self._started:
            self._start(chunk, out)
        for i, item in enumerate(optional(chunk, "choices", array, "") or ()):
            self._choice(record(item, f"choices[{i}]"), f"choices[{i}]", out)
        if (usage := optional(chunk, "usage", record, "")) is not None:
            out.append(UsageUpdate(usage=decode_usage(usage, chunk.get("service_tier") or self._tier)))

    def _start(self, chunk: dict[str, Any], out: list[StreamEvent]) -> None:
        self._started = True
        self._tier = optional(chunk, "service_tier", string, "")
        out.append(
            StreamStart(
                id=optional(chunk, "id", string, "") or "",
                model=optional(chunk, "model", string, "") or "",
                created=optional(chunk, "created", integer(), ""),
                service_tier=self._tier,
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

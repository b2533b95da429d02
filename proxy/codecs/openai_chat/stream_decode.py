"""Upstream chunks → canonical events.

Source: OpenAI API reference, "The chat completion chunk object"; openai-python 2 types, read 2026-11-22. One text-like block of a choice
is open at a time:

    delta carries        open before          events
    text of kind K       K                    TextDelta
                         other kind, calls    BlockStop of those, BlockStart(K), TextDelta
    tool call i          text-like            BlockStop, BlockStart(tool_use)
                         calls                BlockStart(tool_use); the others stay open, their deltas may interleave
    finish_reason        anything             BlockStop of all, Finish; a spoken answer waits for the end, its expiry comes later

Terminal evidence: every choice seen has finished and the body ended cleanly, or `[DONE]` came after the finishes; what follows `[DONE]` is
ignored. Liberties of compatible servers that are understood: no `id`, no `index` in tool calls, one index for several calls with
ids of their own (Gemini), a name later than its call's first delta, content as a list of parts (Mistral), usage on any chunk.
"""

from typing import Any

from proxy.codecs.base import StreamDecoder
from proxy.codecs.openai_chat.chunk_stream import ChunkStreamDecoder
from proxy.codecs.openai_chat.content import text_of
from proxy.codecs.openai_chat.fields import array, integer, optional, record, string
from proxy.codecs.openai_chat.response import RESPONSE_EXTRA
from proxy.codecs.openai_chat.stream_choice import ChoiceDecoder, Numbering
from proxy.codecs.openai_chat.usage import decode_usage
from proxy.core.events import StreamEnd, StreamEvent, StreamStart, UsageUpdate


class OpenAIChatStreamDecoder(ChunkStreamDecoder):
    def __init__(self) -> None:
        super().__init__()
        self._numbering = Numbering()
        self._choices: dict[int, ChoiceDecoder] = {}
        self._early: dict[str, Any] = {}
        """Fields of chunks without choices before the first one with an id (Azure's prompt filter results)."""
        self._started = False
        self._tier: str | None = None

    def _end(self, out: list[StreamEvent]) -> None:
        if self._choices and all(choice.finished for choice in self._choices.values()):
            for choice in self._choices.values():
                choice.end(out)
            out.append(StreamEnd())

    def _chunk(self, chunk: dict[str, Any], out: list[StreamEvent]) -> None:
        choices = optional(chunk, "choices", array, "") or ()
        usage = optional(chunk, "usage", record, "")
        if not self._started and not self._start(chunk, bool(choices) or usage is not None, out):
            return
        for i, item in enumerate(choices):
            self._choice(record(item, f"choices[{i}]"), f"choices[{i}]", out)
        if usage is not None:
            out.append(UsageUpdate(usage=decode_usage(usage, chunk.get("service_tier") or self._tier)))

    def _start(self, chunk: dict[str, Any], substantial: bool, out: list[StreamEvent]) -> bool:
        """False for a chunk before the answer's own first one."""
        extra = {key: chunk[key] for key in RESPONSE_EXTRA & chunk.keys() if chunk[key] is not None}
        stream_id = optional(chunk, "id", string, "") or ""
        if not substantial and not stream_id:
            self._early |= extra
            return False
        self._started = True
        created = optional(chunk, "created", integer(), "")
        model = optional(chunk, "model", string, "") or ""
        self._numbering.seed = (stream_id, created, model)
        tier = self._tier = optional(chunk, "service_tier", string, "")
        out.append(StreamStart(id=stream_id, model=model, created=created, service_tier=tier, extra=self._early | extra))
        return True

    def _choice(self, item: dict[str, Any], path: str, out: list[StreamEvent]) -> None:
        index = optional(item, "index", integer(0), path) or 0
        choice = self._choices.get(index)
        if choice is None:
            choice = self._choices[index] = ChoiceDecoder(index, self._numbering)
        delta = optional(item, "delta", record, path)
        if delta:
            self._delta(choice, delta, f"{path}.delta", out)
        if (logprobs := optional(item, "logprobs", record, path)) is not None:
            choice.logprobs(logprobs, out)
        if (reason := optional(item, "finish_reason", string, path)) is not None:
            choice.finish(reason, item.get("stop_reason"), out)

    def _delta(self, choice: ChoiceDecoder, delta: dict[str, Any], path: str, out: list[StreamEvent]) -> None:
        thinking = delta.get("reasoning_content") or delta.get("reasoning")
        if isinstance(thinking, str):
            choice.text("thinking", thinking, out)
        content = delta.get("content")
        if content:
            choice.text("text", text_of(content, f"{path}.content"), out)
        if refusal := optional(delta, "refusal", string, path):
            choice.text("refusal", refusal, out)
        for annotation in optional(delta, "annotations", array, path) or ():
            choice.citation(record(annotation, f"{path}.annotations"), out)
        if audio := optional(delta, "audio", record, path):
            choice.audio(audio, out)
        if call := optional(delta, "function_call", record, path):
            choice.call({"index": -1, "function": call}, f"{path}.function_call", out)
        for i, item in enumerate(optional(delta, "tool_calls", array, path) or ()):
            choice.call(record(item, f"{path}.tool_calls[{i}]"), f"{path}.tool_calls[{i}]", out)


_: type[StreamDecoder] = OpenAIChatStreamDecoder

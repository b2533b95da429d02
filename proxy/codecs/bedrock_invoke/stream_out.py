"""Canonical events → the response stream of a family.

Claude's chunks hold the events of the Messages API but for its pings. Titan's and Llama's hold a text each; the last one, with the reason
and the counts, waits for the stream's end, since usage may come after the finish. The last chunk of each carries Bedrock's counts too.
"""

from typing import Any, Literal, assert_never

import orjson

from proxy.codecs.base import StreamEncoder
from proxy.codecs.bedrock_converse.errors import error_frame
from proxy.codecs.bedrock_invoke import llama, titan
from proxy.codecs.bedrock_invoke.chunks import METRICS, chunk_frame, encode_metrics
from proxy.codecs.sse import SSEParser
from proxy.core.errors import ErrorInfo
from proxy.core.events import (
    ArgumentsDelta,
    BlockStart,
    BlockStop,
    CitationDelta,
    Finish,
    LogprobsDelta,
    OpaqueDelta,
    SignatureDelta,
    StreamEnd,
    StreamEvent,
    StreamFailed,
    StreamPing,
    StreamStart,
    TextDelta,
    UsageUpdate,
)
from proxy.core.response import FinishReason, Usage

_SHOWN = ("text", "refusal")


class ClaudeStreamEncoder:
    """`inner`: the Messages API's encoder, whose events are put into chunks."""

    def __init__(self, inner: StreamEncoder) -> None:
        self.dropped = inner.dropped
        self.usage_chunk = b""
        self._inner = inner
        self._parser = SSEParser()
        self._usage: Usage | None = None

    def encode(self, event: StreamEvent) -> bytes:
        if isinstance(event, StreamFailed):
            return self.fail(event.error)
        if isinstance(event, UsageUpdate):
            self._usage = event.usage
        return b"".join([self._chunk(orjson.loads(one.data)) for one in self._parser.feed(self._inner.encode(event))])

    def fail(self, error: ErrorInfo) -> bytes:
        return error_frame(error)

    def keep_alive(self) -> bytes:
        """Nothing that every client of this dialect would pass over."""
        return b""

    def _chunk(self, event: dict[str, Any]) -> bytes:
        if event.get("type") == "ping":
            return b""
        if event.get("type") == "message_stop" and self._usage is not None:
            event[METRICS] = encode_metrics(self._usage)
        return chunk_frame(event)


class TextStreamEncoder:
    """Of the first choice; thinking, calls and other choices are dropped and named."""

    def __init__(self, family: Literal["titan", "llama"]) -> None:
        self.dropped: list[str] = []
        self.usage_chunk = b""
        self._family = family
        self._shown: set[int] = set()
        self._usage: Usage | None = None
        self._finish: FinishReason = "other"

    def encode(self, event: StreamEvent) -> bytes:
        match event:
            case TextDelta():
                return chunk_frame(self._text(event.text)) if event.block in self._shown else b""
            case BlockStart():
                if event.choice == 0 and event.kind in _SHOWN:
                    self._shown.add(event.block)
                    return b""
                return self._drop(event.kind if event.choice == 0 else f"choices[{event.choice}]")
            case Finish():
                if event.choice == 0:
                    self._finish = event.reason
                if event.stop_sequence is not None:
                    self._drop("stop_sequence")
                return b""
            case UsageUpdate():
                self._usage = event.usage
                return b""
            case StreamEnd():
                return chunk_frame(self._last())
            case StreamStart():
                for key in event.extra:
                    self._drop(key)
                return b""
            case LogprobsDelta():
                return self._drop("logprobs")
            case CitationDelta():
                return self._drop("citations")
            case StreamFailed():
                return self.fail(event.error)
            case ArgumentsDelta() | SignatureDelta() | OpaqueDelta() | BlockStop() | StreamPing():
                return b""
            case _:
                assert_never(event)

    def fail(self, error: ErrorInfo) -> bytes:
        return error_frame(error)

    def keep_alive(self) -> bytes:
        """As ClaudeStreamEncoder's."""
        return b""

    def _text(self, text: str) -> dict[str, Any]:
        if self._family == "titan":
            nothing = {"totalOutputTextTokenCount": None, "completionReason": None, "inputTextTokenCount": None}
            return {"outputText": text, "index": 0, **nothing}
        return {"generation": text, "prompt_token_count": None, "generation_token_count": None, "stop_reason": None}

    def _last(self) -> dict[str, Any]:
        event = self._text("")
        usage = self._usage
        if self._family == "titan":
            event["completionReason"] = titan.encode_reason(self._finish)
            names = ("inputTextTokenCount", "totalOutputTextTokenCount")
        else:
            event["stop_reason"] = llama.encode_reason(self._finish)
            names = ("prompt_token_count", "generation_token_count")
        if usage is not None:
            event |= {names[0]: usage.prompt_tokens, names[1]: usage.output_tokens, METRICS: encode_metrics(usage)}
        return event

    def _drop(self, name: str) -> bytes:
        if name not in self.dropped:
            self.dropped.append(name)
        return b""


_: tuple[type[StreamEncoder], ...] = (ClaudeStreamEncoder, TextStreamEncoder)

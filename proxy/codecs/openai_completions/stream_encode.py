"""Canonical events → chunks for the client.

Source: as stream_decode's. `id`, `created` and `model` are those of the first StreamStart that showed something. Only texts and refusals
are shown; thinking, calls and the rest are dropped and named. The usage chunk is kept in `usage_chunk`, `finish_stream` writes it.
"""

from typing import Any, assert_never

from proxy.codecs.base import StreamEncoder
from proxy.codecs.jsonbody import dump_json
from proxy.codecs.openai_chat.errors import error_event
from proxy.codecs.openai_chat.response import TIERS
from proxy.codecs.openai_chat.usage import encode_usage
from proxy.codecs.openai_chat.watch import KEEP_ALIVE
from proxy.codecs.openai_completions.logprobs import encode_logprobs
from proxy.codecs.openai_completions.response import OBJECT, RESPONSE_EXTRA, answer_id, encode_reason
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

_SHOWN = ("text", "refusal")


class OpenAICompletionsStreamEncoder:
    def __init__(self, created: int) -> None:
        self.dropped: list[str] = []
        self.usage_chunk = b""
        self._created = created
        self._base = b""
        self._started = False
        self._choices: dict[int, int] = {}
        """Block that is shown → its choice."""
        self._offsets: dict[int, int] = {}
        """Choice → characters of its tokens with log probabilities."""

    def encode(self, event: StreamEvent) -> bytes:
        match event:
            case TextDelta():
                choice = self._choices.get(event.block)
                return b"" if choice is None else self._chunk(choice, text=event.text)
            case BlockStart():
                if event.kind not in _SHOWN:
                    return self._drop(event.kind)
                self._choices[event.block] = event.choice
                return b""
            case Finish():
                if event.stop_sequence is not None:
                    self._drop("stop_sequence")
                return self._chunk(event.choice, finish=encode_reason(event.reason))
            case LogprobsDelta():
                logprobs, self._offsets[event.choice] = encode_logprobs(event.logprobs, self._offsets.get(event.choice, 0))
                return self._chunk(event.choice, logprobs=logprobs)
            case StreamStart():
                return self._start(event)
            case UsageUpdate():
                self.usage_chunk = self._base + b'[],"usage":' + dump_json(encode_usage(event.usage)) + b"}\n\n"
                return b""
            case CitationDelta():
                return self._drop("citations")
            case StreamFailed():
                return self.fail(event.error)
            case ArgumentsDelta() | SignatureDelta() | OpaqueDelta() | BlockStop() | StreamPing() | StreamEnd():
                return b""
            case _:
                assert_never(event)

    def fail(self, error: ErrorInfo) -> bytes:
        return error_event(error)

    def keep_alive(self) -> bytes:
        return KEEP_ALIVE

    def _start(self, event: StreamStart) -> bytes:
        """The latest start counts until something was shown."""
        if self._started:
            return b""
        created = self._created if event.created is None else event.created
        base: dict[str, Any] = {"id": answer_id(event.id, event.model, created), "object": OBJECT, "created": created, "model": event.model}
        if (tier := TIERS.get(event.service_tier or "")) is not None:
            base["service_tier"] = tier
        for key, value in event.extra.items():
            if key in RESPONSE_EXTRA:
                base[key] = value
            else:
                self._drop(key)
        self._base = b"data: " + dump_json(base)[:-1] + b',"choices":'
        return b""

    def _chunk(self, choice: int, *, text: str = "", finish: str | None = None, logprobs: dict[str, Any] | None = None) -> bytes:
        self._started = True
        shown = [{"index": choice, "text": text, "logprobs": logprobs, "finish_reason": finish}]
        return self._base + dump_json(shown) + b"}\n\n"

    def _drop(self, name: str) -> bytes:
        if name not in self.dropped:
            self.dropped.append(name)
        return b""


_: type[StreamEncoder] = OpenAICompletionsStreamEncoder

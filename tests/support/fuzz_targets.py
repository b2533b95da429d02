"""What must hold of the parsers of foreign bytes, whatever the bytes: the targets of the property tests and of `scripts/fuzz`.

only InvalidBody          is raised, by parsers, decoders, watchers and what encodes their events
cut anywhere              the same is found as in one piece, or both are refused
never more is kept        than an event or a frame may have
"""

import contextlib
import json
from collections.abc import Callable
from typing import Any, NamedTuple

from proxy.codecs.anthropic_messages import AnthropicMessagesCodec
from proxy.codecs.base import Codec, InvalidBody
from proxy.codecs.bedrock_converse import BedrockConverseCodec
from proxy.codecs.bedrock_invoke import BedrockInvokeCodec
from proxy.codecs.eventstream import EventStreamParser
from proxy.codecs.gemini_generate import GeminiGenerateCodec
from proxy.codecs.jsonbody import dump_json, parse_json
from proxy.codecs.openai_chat import OpenAIChatCodec
from proxy.codecs.openai_completions import OpenAICompletionsCodec
from proxy.codecs.openai_responses import OpenAIResponsesCodec
from proxy.codecs.sse import SSEParser
from proxy.core.events import StreamEnd, StreamEvent, StreamFailed
from tests.support.converse_samples import wire_stream
from tests.support.doors import WIRE
from tests.support.invoke_samples import sample_stream
from tests.support.mutations import Choices, cuts, mutated_events, mutated_frames, mutated_json, pick

CAP = 4096
"""Of an event or a frame, where the target may choose it."""


def _clock() -> float:
    return 1_700_000_000.0


CODECS: dict[str, Codec] = {
    codec.name: codec
    for codec in (
        OpenAIChatCodec(now=_clock),
        OpenAICompletionsCodec(now=_clock),
        OpenAIResponsesCodec(now=_clock),
        AnthropicMessagesCodec(),
        BedrockConverseCodec(),
        BedrockInvokeCodec(),
        GeminiGenerateCodec(),
    )
}
FRAMED = ("bedrock_converse", "bedrock_invoke")


def streams(dialect: str) -> list[bytes]:
    """Every sample of a provider's stream."""
    folder = WIRE / dialect
    if dialect == "bedrock_converse":
        return [wire_stream(path.name) for path in sorted(folder.glob("stream_*.json")) if path.name != "stream_error.json"]
    if dialect == "bedrock_invoke":
        return [sample_stream(path.stem.removeprefix("stream_")) for path in sorted(folder.glob("stream_*.json"))]
    return [path.read_bytes() for path in sorted(folder.glob("*.sse"))]


def answers(dialect: str) -> list[bytes]:
    """Every sample of a whole answer, errors included."""
    folder = WIRE / dialect
    return [path.read_bytes() for path in sorted(folder.glob("*.json")) if not path.name.startswith(("request", "stream", "embedding"))]


def _outcome(feed: Callable[[bytes], list[Any]], close: Callable[[], list[Any]], pieces: list[bytes]) -> list[Any] | None:
    """All that was found; None where it was refused somewhere."""
    try:
        return [found for piece in pieces for found in feed(piece)] + close()
    except InvalidBody:
        return None


def sse(choices: Choices) -> None:
    body = mutated_events(choices, pick(choices, [stream for name in CODECS if name not in FRAMED for stream in streams(name)]))
    pieces = cuts(choices, body)

    def read(pieces: list[bytes]) -> list[Any] | None:
        parser = SSEParser(max_event_bytes=CAP)

        def feed(piece: bytes) -> list[Any]:
            found = [(event.event, event.data) for event in parser.feed(piece)]
            assert len(parser._buffer) + len(parser._prefix) <= CAP + 4
            return found

        return _outcome(feed, lambda: [], pieces)

    assert read(pieces) == read([body])


def eventstream(choices: Choices) -> None:
    body = mutated_frames(choices, pick(choices, [stream for name in FRAMED for stream in streams(name)]))
    pieces = cuts(choices, body)

    def read(pieces: list[bytes]) -> list[Any] | None:
        parser = EventStreamParser(max_frame_bytes=CAP)

        def feed(piece: bytes) -> list[Any]:
            found = [(dict(frame.headers), frame.payload, frame.raw) for frame in parser.feed(piece)]
            assert len(parser._buffer) <= CAP
            return found

        def close() -> list[Any]:
            parser.close()
            return []

        return _outcome(feed, close, pieces)

    assert read(pieces) == read([body])


def jsonbody(choices: Choices) -> None:
    """What is taken is what the standard library reads, and can be written again."""
    body = mutated_json(choices, pick(choices, [answer for name in CODECS for answer in answers(name)]))
    try:
        value = parse_json(body)
        again = dump_json(value)
    except InvalidBody:
        return
    assert json.loads(body) == value
    assert parse_json(again) == value


def stream_of(dialect: str) -> Callable[[Choices], None]:
    """The decoder and the watcher of a dialect's streams, and what every client's encoder makes of the events."""
    codec, samples = CODECS[dialect], streams(dialect)
    mutate = mutated_frames if dialect in FRAMED else mutated_events

    def target(choices: Choices) -> None:
        body = mutate(choices, pick(choices, samples))
        pieces = cuts(choices, body)
        whole, cut = _decoded(codec, [body]), _decoded(codec, pieces)
        assert cut == whole or (whole is None and cut is not None and _is_over(cut))
        watched, seen = _watched(codec, [body]), _watched(codec, pieces)
        assert seen == watched or (watched is None and seen is not None and (seen.ended or seen.error is not None))
        if whole is not None:
            _shown(whole)

    return target


def _decoded(codec: Codec, pieces: list[bytes]) -> list[StreamEvent] | None:
    decoder = codec.stream_decoder()
    return _outcome(decoder.feed, decoder.close, pieces)


def _is_over(events: list[StreamEvent]) -> bool:
    """What follows an end is not looked at, unless it came in one piece with it."""
    return any(isinstance(event, StreamEnd | StreamFailed) for event in events)


class _Seen(NamedTuple):
    passed: bytes
    ended: bool
    error: Any
    known: tuple[Any, ...]


def _watched(codec: Codec, pieces: list[bytes]) -> _Seen | None:
    """What passes and what is known at the end; None where it was refused."""
    watcher = codec.watcher()
    passed = b""
    try:
        for piece in pieces:
            passed += watcher.feed(piece)
        passed += watcher.close()
    except InvalidBody:
        return None
    known = (watcher.content, watcher.complete, watcher.usage, watcher.model, watcher.response_id, watcher.tool_calls, watcher.text_bytes)
    return _Seen(passed, watcher.ended, watcher.error, known)


def _shown(events: list[StreamEvent]) -> None:
    for codec in CODECS.values():
        encoder = codec.stream_encoder()
        try:
            for event in events:
                encoder.encode(event)
        except InvalidBody:
            continue


def answer_of(dialect: str) -> Callable[[Choices], None]:
    """A whole answer: decoded and shown to every client; looked at as it passes; and read as an error."""
    codec, samples = CODECS[dialect], answers(dialect)

    def target(choices: Choices) -> None:
        body = mutated_json(choices, pick(choices, samples))
        codec.decode_error(choices.number(200, 599), body, {})
        with contextlib.suppress(InvalidBody):
            codec.facts(body)
        try:
            response = codec.decode_response(body)
        except InvalidBody:
            return
        for other in CODECS.values():
            try:
                dump_json(other.encode_response(response).body)
            except InvalidBody:
                continue

    return target


TARGETS: dict[str, Callable[[Choices], None]] = {
    "sse": sse,
    "eventstream": eventstream,
    "jsonbody": jsonbody,
    **{f"stream:{name}": stream_of(name) for name in CODECS},
    **{f"answer:{name}": answer_of(name) for name in CODECS},
}

"""The passthrough lane of a stream."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.codecs.accumulate import Accumulator
from proxy.codecs.base import InvalidBody
from proxy.codecs.openai_chat import OpenAIChatCodec
from proxy.codecs.openai_chat.watch import OpenAIChatWatcher
from proxy.codecs.sse import sse_event
from proxy.core.errors import ErrorInfo
from tests.support.openai_samples import STREAMS, WHOLE_STREAMS, chunks_of, cut, decode_all, sample

CODEC = OpenAIChatCodec()


def watch(*chunks: bytes) -> tuple[OpenAIChatWatcher, bytes]:
    watcher = CODEC.watcher()
    out = b"".join([watcher.feed(chunk) for chunk in chunks]) + watcher.close()
    return watcher, out


def facts(watcher: OpenAIChatWatcher) -> tuple[Any, ...]:
    return (
        watcher.content,
        watcher.complete,
        watcher.ended,
        watcher.error,
        watcher.usage,
        watcher.model,
        watcher.response_id,
        watcher.usage_chunk,
        watcher.tool_calls,
        watcher.text_bytes,
    )


def event(**chunk: Any) -> bytes:
    return sse_event(json.dumps(chunk).encode())


def delta(finish: str | None = None, index: int = 0, **fields: Any) -> bytes:
    return event(choices=[{"index": index, "delta": fields, "finish_reason": finish}])


def test_bytes_pass_unchanged() -> None:
    """All events but the usage chunk and `[DONE]`."""
    stream = sample("stream_text.sse")
    watcher, out = watch(stream)
    assert stream == out + watcher.usage_chunk + b"data: [DONE]\n\n"


def test_what_is_noted() -> None:
    """Id, model, usage, ends."""
    watcher, _ = watch(sample("stream_text.sse"))
    assert (watcher.response_id, watcher.model) == ("chatcmpl-7Qh2mXw4", "gpt-4o-mini-2024-07-18")
    assert (watcher.content, watcher.complete, watcher.ended, watcher.tool_calls) == (True, True, True, False)
    assert watcher.usage is not None
    assert (watcher.usage.cache_read_tokens, watcher.usage.output_tokens) == (16, 9)
    assert watcher.text_bytes == len("Grüß dich, Welt 🌍")


@pytest.mark.parametrize("name", STREAMS)
def test_cut_at_every_byte(name: str) -> None:
    """Two chunks cut anywhere: the same bytes out, the same facts, and never half an event."""
    stream = sample(name)
    whole, expected = watch(stream)
    for place in range(1, len(stream)):
        watcher = CODEC.watcher()
        first = watcher.feed(stream[:place])
        assert first == b"" or first.endswith(b"\n\n")
        assert first + watcher.feed(stream[place:]) + watcher.close() == expected, place
        assert facts(watcher) == facts(whole), place


@given(st.sampled_from(STREAMS), st.sampled_from([b"\n", b"\r\n", b"\r"]), st.lists(st.integers(0, 4000), max_size=12))
def test_cut_in_many_places(name: str, line_end: bytes, places: list[int]) -> None:
    """Whatever ends the lines."""
    stream = sample(name).replace(b"\n", line_end)
    (one, first), (two, second) = watch(stream), watch(*cut(stream, *places))
    assert first == second
    assert facts(one) == facts(two)


@pytest.mark.parametrize("name", WHOLE_STREAMS)
def test_same_facts_as_the_decoder(name: str) -> None:
    """Both lanes see the same in a stream."""
    watcher, _ = watch(sample(name))
    accumulator = Accumulator()
    for item in decode_all(CODEC.stream_decoder(), sample(name)):
        accumulator.add(item)
    response = accumulator.response()
    assert watcher.complete is accumulator.complete is True
    assert watcher.usage == response.usage
    assert (watcher.response_id or "") == response.id
    assert watcher.model == response.model


@pytest.mark.parametrize(
    ("fields", "content", "calls"),
    [
        ({"role": "assistant", "content": ""}, False, False),
        ({"role": "assistant", "content": None, "tool_calls": []}, False, False),
        ({"content": "a"}, True, False),
        ({"reasoning_content": "a"}, True, False),
        ({"reasoning": "a"}, True, False),
        ({"refusal": "a"}, True, False),
        ({"tool_calls": [{"index": 0, "function": {"name": "f"}}]}, True, True),
        ({"function_call": {"name": "f", "arguments": "{}"}}, True, True),
        ({"audio": {"id": "a"}}, True, False),
        ({"content": [{"type": "text", "text": "a"}]}, True, False),
        ({"content": [], "tool_calls": [{"index": 0}]}, True, True),
        ({"content": [], "function_call": {"name": "f"}, "audio": {"id": "a"}}, True, True),
        ({"content": 5, "audio": 5, "function_call": 5, "tool_calls": 5}, True, False),
    ],
)
def test_what_counts_as_content(fields: dict[str, Any], content: bool, calls: bool) -> None:
    """What a client would see; types that the API does not have are understood as well."""
    watcher, out = watch(delta(**fields))
    assert (watcher.content, watcher.tool_calls) == (content, calls)
    assert (watcher.text_bytes > 0) is ((content and "audio" not in fields) or "function_call" in fields)
    assert out == delta(**fields)


def test_usage_on_other_chunks_is_taken_and_forwarded() -> None:
    """On the finish chunk or on every one; a null says nothing."""
    usage = {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}
    last = event(choices=[{"index": 0, "delta": {"content": "a"}, "finish_reason": "stop"}], usage=usage)
    stream = event(choices=[{"index": 0, "delta": {}}], usage=None) + last
    watcher, out = watch(stream)
    assert out == stream
    assert watcher.usage is not None
    assert (watcher.usage.input_tokens, watcher.usage_chunk) == (3, b"")


def test_chunk_without_choices_and_usage_passes() -> None:
    """Azure's prompt filter results, a moderation chunk."""
    stream = event(choices=[], prompt_filter_results=[]) + event(type="ping") + b"data:  \n\n"
    assert watch(stream)[1] == stream


def test_error_is_kept_from_the_client() -> None:
    """Whoever owns the stream may still try another target."""
    watcher, out = watch(sample("stream_error.sse"), delta("stop"))
    assert b"error" not in out
    assert watcher.error is not None
    assert (watcher.error.type, watcher.complete) == ("server_error", False)


@pytest.mark.parametrize("last", [b'event: error\ndata: {"message":"m"}\n\n', b'data: {"object":"error","message":"m","choices":5}\n\n'])
def test_other_errors(last: bytes) -> None:
    """Named by the event or the object."""
    watcher, out = watch(delta("stop", content="a"), last)
    assert out == delta("stop", content="a")
    assert watcher.error is not None
    assert (watcher.error.message, watcher.complete) == ("m", False)


def test_empty_error_is_none() -> None:
    """Some servers send the field always."""
    assert watch(event(error=None, choices=[]), event(error={}, choices=[]))[0].error is None


def test_id_and_model_may_come_late() -> None:
    """Azure's first chunk has them empty."""
    watcher, _ = watch(event(id="", model="", choices=[]), event(id="r", model="m", choices=[{"delta": {"content": "a"}}]))
    assert (watcher.response_id, watcher.model) == ("r", "m")


@pytest.mark.parametrize("chunk", [b"data: {\n\n", b"data: 5\n\n", b"data: \xff\n\n", event(choices=5), event(choices=[5])])
def test_what_is_no_chunk_is_refused(chunk: bytes) -> None:
    """Also after good ones."""
    watcher = CODEC.watcher()
    watcher.feed(delta(content="a"))
    with pytest.raises(InvalidBody):
        watcher.feed(chunk)


def test_odd_types_beside_content_are_forgiven() -> None:
    """Index, delta and finish_reason of other types; what passes is not ours to judge."""
    stream = event(choices=[{"index": "0", "delta": "x", "finish_reason": 7}], usage="none")
    watcher, out = watch(stream)
    assert out == stream
    assert watcher.complete


def test_fail_and_keep_alive() -> None:
    """As the encoder's."""
    watcher = CODEC.watcher()
    assert watcher.fail(ErrorInfo(status=502, message="m")).startswith(b'data: {"error":')
    assert watcher.keep_alive() == b": keep-alive\n\n"


USAGE_CHUNK = b'data: {"id":"r","choices":[],"usage":{"prompt_tokens":1} }\n\n'


@pytest.mark.parametrize(
    ("chunk", "include", "metadata", "expected"),
    [
        (b"", True, b"{}", b""),
        (USAGE_CHUNK, False, b"{}", b""),
        (USAGE_CHUNK, True, None, USAGE_CHUNK),
        (USAGE_CHUNK, True, b'{"cost":1}', b'data: {"id":"r","choices":[],"usage":{"prompt_tokens":1},"metadata":{"cost":1}}\n\n'),
        (
            b': c\r\nevent: e\r\ndata: {"metadata":null}\r\n\r\n',
            True,
            b'{"cost":1}',
            b'event: e\ndata: {"metadata":null,"x_llm_edge":{"cost":1}}\n\n',
        ),
        (b"data: {}\n\r", True, b"{}", b"data: {}\n\r"),
    ],
)
def test_end_of_a_readers_stream(chunk: bytes, include: bool, metadata: bytes | None, expected: bytes) -> None:
    """The usage chunk for those who asked, with our metadata (under another name where there is one), then `[DONE]`."""
    assert CODEC.finish_stream(chunk, include_usage=include, metadata=metadata) == expected + b"data: [DONE]\n\n"


def test_spliced_chunk_is_json() -> None:
    """With everything that was in it."""
    watcher, _ = watch(sample("stream_text.sse"))
    chunk, done = chunks_of(CODEC.finish_stream(watcher.usage_chunk, include_usage=True, metadata=b'{"provider":"p"}'))
    assert (chunk.pop("metadata"), done) == ({"provider": "p"}, "[DONE]")
    assert chunk == chunks_of(watcher.usage_chunk)[0]


@pytest.mark.parametrize(
    ("first", "last", "tier"),
    [("priority", None, "priority"), ("auto", "flex", "flex"), ("flex", "flex", "flex"), (None, None, None), (3, {}, None)],
)
def test_the_tier_that_is_billed(first: Any, last: Any, tier: str | None) -> None:
    """The usage chunk's own, else that of the first chunk; what is no name is forgiven."""
    said = [{} if word is None else {"service_tier": word} for word in (first, last)]
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    watcher, _ = watch(
        b"data: "
        + json.dumps({"id": "c", "model": "m", "choices": [{"index": 0, "delta": {"content": "a"}}], **said[0]}).encode()
        + b"\n\n",
        b"data: " + json.dumps({"choices": [], "usage": usage, **said[1]}).encode() + b"\n\n",
    )
    assert watcher.usage is not None
    assert (watcher.usage.service_tier, watcher.service_tier) == (tier, tier)

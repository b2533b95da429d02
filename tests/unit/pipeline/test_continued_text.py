"""The rest of a text from another call, in every pair of dialects, wherever the first one broke."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.assembly import make_codecs
from proxy.codecs.base import Codec
from proxy.codecs.openai_chat import OpenAIChatCodec
from proxy.core.clock import SystemClock
from proxy.core.events import BlockStart, BlockStop, Finish, StreamEnd, StreamStart, TextDelta, UsageUpdate
from proxy.core.messages import Message, TextPart
from proxy.core.request import ChatRequest, Reasoning, ResponseFormat
from proxy.core.response import Usage
from proxy.pipeline.continued_text import INSTRUCTION, ContinuedLane, continued, flagged, may_go_on, note_of, seen_of
from tests.support.broken_streams import begun, whole
from tests.support.upstream import chat_chunk

DIALECTS = {
    "chat": "openai_chat",
    "messages": "anthropic_messages",
    "converse": "bedrock_converse",
    "gemini": "gemini_generate",
    "responses": "openai_responses",
}
NOTE = note_of("b", "two", "stream_truncated")


@pytest.fixture(scope="module")
def codecs() -> dict[str, Codec]:
    made = make_codecs(SystemClock())
    return {short: made[name] for short, name in DIALECTS.items()}


def rest_of(codecs: dict[str, Codec], client: str, shown: bytes, then: str, data: bytes, sizes: int) -> bytes:
    """What the client gets after `shown`."""
    codec = codecs[client]
    seen = seen_of(codec, shown)
    assert seen is not None
    spent = Usage(input_tokens=5, output_tokens=2)
    lane = ContinuedLane(codecs[then].stream_decoder(), seen.encoder(codec), seen, spent, content_type=codec.stream_type, note=NOTE)
    out = b"".join([lane.feed(data[i : i + sizes]) for i in range(0, len(data), sizes)]) + lane.close()
    assert lane.complete
    return out + codec.finish_stream(lane.usage_chunk, include_usage=True, metadata=None)


@settings(max_examples=120, derandomize=True, deadline=None)
@given(
    client=st.sampled_from(sorted(DIALECTS)),
    then=st.sampled_from(sorted(DIALECTS)),
    cut=st.floats(0, 1),
    sizes=st.sampled_from([1, 7, 10_000]),
    text=st.text(st.characters(codec="utf-8"), min_size=2, max_size=30),
)
def test_one_answer_wherever_it_broke(codecs: dict[str, Codec], client: str, then: str, cut: float, sizes: int, text: str) -> None:
    """Cut at any byte: whole events that the client got, and the rest, read as one stream with one text."""
    stream = begun(client, text)
    watcher = codecs[client].watcher()
    shown = watcher.feed(stream[: int(len(stream) * cut)])
    if not watcher.content:
        assert seen_of(codecs[client], shown) is None
        return
    said = seen_of(codecs[client], shown)
    assert said is not None
    assert text.startswith(said.text)
    decoder = codecs[client].stream_decoder()
    events = decoder.feed(shown + rest_of(codecs, client, shown, then, whole(then, " and on"), sizes)) + decoder.close()
    kinds = [type(event) for event in events if not isinstance(event, UsageUpdate | TextDelta)]
    assert kinds == [StreamStart, BlockStart, BlockStop, Finish, StreamEnd]
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == said.text + " and on"
    usage = [event.usage for event in events if isinstance(event, UsageUpdate)][-1]
    assert (usage.prompt_tokens, usage.output_tokens) == (14, 5)


def lane_of(codecs: dict[str, Codec], then: str = "chat", client: str = "messages") -> tuple[ContinuedLane, bytes]:
    shown = begun(client, "ab")
    seen = seen_of(codecs[client], shown)
    assert seen is not None
    codec = codecs[client]
    return ContinuedLane(codecs[then].stream_decoder(), seen.encoder(codec), seen, None, content_type=codec.stream_type, note=NOTE), shown


def test_a_call_after_the_text_is_a_block_of_its_own(codecs: dict[str, Codec]) -> None:
    """The text is closed before it."""
    lane, shown = lane_of(codecs)
    call = {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    data = chat_chunk({"content": "cd"}) + chat_chunk({"tool_calls": [call]}) + chat_chunk({}, "tool_calls") + b"data: [DONE]\n\n"
    decoder = codecs["messages"].stream_decoder()
    events = decoder.feed(shown + lane.feed(data) + lane.close())
    assert [(event.block, event.kind) for event in events if isinstance(event, BlockStart)] == [(0, "text"), (1, "tool_use")]
    assert [event.block for event in events if isinstance(event, BlockStop)] == [0, 1]


def test_thoughts_before_the_rest_are_not_shown(codecs: dict[str, Codec]) -> None:
    """A thought cannot stand in the middle of a text."""
    lane, shown = lane_of(codecs)
    data = chat_chunk({"reasoning_content": "hm"})
    assert lane.feed(data) == b""
    assert not lane.content
    out = lane.feed(chat_chunk({"content": "cd"}) + chat_chunk({}, "stop") + b"data: [DONE]\n\n") + lane.close()
    events = codecs["messages"].stream_decoder().feed(shown + out)
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "abcd"
    assert b"hm" not in out


def test_a_rest_without_text_closes_what_is_open(codecs: dict[str, Codec]) -> None:
    """The model had nothing to add."""
    lane, shown = lane_of(codecs)
    out = lane.feed(chat_chunk({"role": "assistant"}) + chat_chunk({}, "stop") + b"data: [DONE]\n\n") + lane.close()
    events = codecs["messages"].stream_decoder().feed(shown + out)
    assert [type(event) for event in events if isinstance(event, BlockStart | BlockStop)] == [BlockStart, BlockStop]
    assert b'"x_llm_edge":{"continued"' in out


def test_the_rests_own_failure_is_the_lanes(codecs: dict[str, Codec]) -> None:
    """As of any lane."""
    lane, _ = lane_of(codecs)
    lane.feed(b'data: {"error":{"message":"busy","type":"server_error","code":null}}\n\n')
    assert lane.error is not None


@pytest.mark.parametrize(
    ("frames", "why"),
    [
        (b"", "nothing"),
        (chat_chunk({"role": "assistant", "content": ""}), "no text"),
        (chat_chunk({"content": "x"}) + chat_chunk({}, "stop"), "at its end"),
        (chat_chunk({"content": "x"}) + b"data: nonsense\n\n", "broken"),
        (chat_chunk({"refusal": "x"}), "a refusal"),
    ],
)
def test_what_is_no_open_text(codecs: dict[str, Codec], frames: bytes, why: str) -> None:
    """It ends where it breaks."""
    assert seen_of(codecs["chat"], frames) is None


def test_dialects_of_other_clients_do_not_go_on() -> None:
    """Legacy completions have no conversation to show."""
    codec: Any = type("Codec", (), {"name": "openai_completions"})()
    assert seen_of(codec, b"data: {}\n\n") is None


REQUEST = ChatRequest(dialect="openai_chat", model="m", messages=(Message(role="user", content=(TextPart(text="hi"),)),))


@pytest.mark.parametrize(
    ("changes", "may"),
    [
        ({}, True),
        ({"response_format": ResponseFormat(kind="text")}, True),
        ({"response_format": ResponseFormat(kind="json_object")}, False),
        ({"n": 2}, False),
        ({"logprobs": True}, False),
        ({"top_logprobs": 2}, False),
        ({"reasoning": Reasoning(mode="disabled")}, True),
        ({"reasoning": Reasoning(mode="enabled")}, False),
    ],
)
def test_which_requests_ask_for_a_plain_text(changes: dict[str, Any], may: bool) -> None:
    """One choice, no schema, no logprobs, no thinking."""
    assert may_go_on(msgspec.structs.replace(REQUEST, **changes)) is may


@pytest.mark.parametrize(
    ("dialect", "model", "text", "prefill"),
    [
        ("anthropic_messages", "claude-3-5-haiku-20241022", "so far", True),
        ("anthropic_messages", "claude-3-5-haiku-20241022", "so far ", False),
        ("anthropic_messages", "claude-sonnet-4-20250514", "so far", True),
        ("anthropic_messages", "claude-opus-4-1", "so far", True),
        ("anthropic_messages", "claude-sonnet-4-5-20250929", "so far", True),
        ("anthropic_messages", "claude-opus-4-6", "so far", False),
        ("anthropic_messages", "claude-opus-4-10", "so far", False),
        ("anthropic_messages", "claude-fable-9", "so far", False),
        ("bedrock_converse", "us.anthropic.claude-3-7-sonnet-20250219-v1:0", "so far", True),
        ("bedrock_converse", "amazon.nova-lite-v1:0", "so far", False),
        ("openai_chat", "claude-3-5-haiku-20241022", "so far", False),
        ("gemini_generate", "gemini-2.5-flash", "so far", False),
    ],
)
def test_prefill_or_instruction(dialect: str, model: str, text: str, prefill: bool) -> None:
    """A prefill where it is known to work, else the text and a request to go on."""
    request = continued(msgspec.structs.replace(REQUEST, max_tokens=100), text, 30, dialect=dialect, model=model)
    said = [(message.role, message.content[0].text) for message in request.messages if isinstance(message.content[0], TextPart)]
    assert said == [("user", "hi"), ("assistant", text), *([] if prefill else [("user", INSTRUCTION)])]
    assert request.max_tokens == 70


def test_something_is_left_of_the_cap() -> None:
    """An estimate may be over it; none stays none."""
    capped = msgspec.structs.replace(REQUEST, max_tokens=10)
    assert continued(capped, "x", 30, dialect="openai_chat", model="m").max_tokens == 1
    assert continued(REQUEST, "x", 30, dialect="openai_chat", model="m").max_tokens is None


def test_the_first_event_is_flagged_and_no_other() -> None:
    """Also where several are written at once."""
    frames = chat_chunk({"content": "x}"}) + chat_chunk({"content": "y"})
    shown = flagged(frames, OpenAIChatCodec.stream_type, NOTE)
    first, second, _ = shown.split(b"\n\n")
    assert first.endswith(b',"x_llm_edge":' + NOTE + b"}")
    assert b"x_llm_edge" not in second

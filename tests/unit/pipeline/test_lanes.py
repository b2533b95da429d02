"""The translate lane: upstream dialect, canonical events, client dialect."""

import json
from typing import Any

from proxy.codecs.anthropic_messages import AnthropicMessagesCodec
from proxy.codecs.openai_chat import OpenAIChatCodec
from proxy.core.errors import ErrorInfo
from proxy.pipeline.lanes import TranslateLane
from tests.support.upstream import chat_chunk, chat_stream


def lane() -> TranslateLane:
    """OpenAI upstream, Anthropic client."""
    return TranslateLane(OpenAIChatCodec().stream_decoder(), AnthropicMessagesCodec().stream_encoder())


def back() -> TranslateLane:
    """Anthropic upstream, OpenAI client."""
    return TranslateLane(AnthropicMessagesCodec().stream_decoder(), OpenAIChatCodec().stream_encoder())


def event(name: str, **data: Any) -> bytes:
    return f"event: {name}\ndata: {json.dumps({'type': name, **data})}\n\n".encode()


def test_what_the_gateway_must_know_is_noted_on_the_way() -> None:
    """Id, model, usage, content and the end."""
    translated = lane()
    out = b""
    seen = []
    for chunk in chat_stream("hel", "lo"):
        out += translated.feed(chunk)
        seen.append(translated.content)
    out += translated.close()
    assert seen[:2] == [False, True]
    assert (translated.response_id, translated.model) == ("chatcmpl-up1", "gpt-4o-mini-2024-07-18")
    assert translated.usage is not None
    assert (translated.usage.input_tokens, translated.usage.output_tokens, translated.text_bytes) == (9, 3, 5)
    assert (translated.complete, translated.ended, translated.tool_calls, translated.error) == (True, True, False, None)
    assert out.endswith(b'{"type":"message_stop"}\n\n')


def test_the_tier_is_known_before_the_usage() -> None:
    """For the estimate of a stream that breaks off; what the usage says at the end holds."""
    translated = lane()
    translated.feed(chat_chunk({"role": "assistant", "content": "a"}, service_tier="priority"))
    assert (translated.service_tier, translated.usage) == ("priority", None)
    usage = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}
    translated.feed(chat_chunk({}, choices=[], usage=usage, service_tier="default"))
    assert translated.usage is not None
    assert (translated.service_tier, translated.usage.service_tier) == (None, None)


def test_a_stream_without_its_end_is_not_complete() -> None:
    """Nothing terminal is invented."""
    translated = lane()
    out = b"".join(translated.feed(chunk) for chunk in chat_stream("hello")[:2]) + translated.close()
    assert not translated.complete
    assert b"message_stop" not in out


def test_tool_calls_are_content() -> None:
    """And noted: such answers are not stored by default."""
    translated = lane()
    call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
    translated.feed(chat_chunk({"role": "assistant", "content": None, "tool_calls": [call]}))
    assert (translated.content, translated.tool_calls, translated.text_bytes) == (True, True, 7)


def test_a_providers_in_band_error_is_kept_and_not_shown() -> None:
    """Whether another target is tried is not the lane's to say."""
    translated = back()
    assert translated.feed(event("error", error={"type": "overloaded_error", "message": "busy"})) == b""
    assert translated.error is not None
    assert (translated.error.status, translated.error.message) == (529, "busy")


def test_the_usage_chunk_is_held_back() -> None:
    """Each reader shows it or not, as its client asked."""
    translated = back()
    start: dict[str, Any] = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "c",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }
    out = translated.feed(event("message_start", message={**start, "usage": {"input_tokens": 3, "output_tokens": 1}}))
    out += translated.feed(event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 4}))
    out += translated.feed(event("message_stop"))
    assert b'"usage":{' not in out
    assert json.loads(translated.usage_chunk.removeprefix(b"data: "))["usage"]["total_tokens"] == 7
    assert translated.complete


def test_errors_and_keep_alives_are_the_clients_dialect() -> None:
    """In-band."""
    assert lane().fail(ErrorInfo(status=502, message="m")).startswith(b"event: error\n")
    assert back().fail(ErrorInfo(status=502, message="m")).startswith(b'data: {"error"')
    assert b"ping" in lane().keep_alive()
    assert back().keep_alive().startswith(b":")

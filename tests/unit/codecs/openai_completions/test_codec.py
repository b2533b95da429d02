"""The codec as the pipeline uses it."""

import json

from proxy.codecs.openai_chat import OpenAIChatCodec
from proxy.codecs.openai_completions import OpenAICompletionsCodec
from proxy.core.errors import ErrorInfo
from proxy.core.events import StreamEnd, TextDelta

CODEC = OpenAICompletionsCodec(now=lambda: 7.5)


def test_a_chat_model_answers_a_completions_client() -> None:
    """Request and answer across the two dialects."""
    chat = OpenAIChatCodec()
    request = CODEC.decode_request({"model": "m", "prompt": "hi", "max_tokens": 4}, {})
    sent = chat.encode_request(request)
    assert sent.body == {"model": "m", "messages": [{"role": "user", "content": "hi"}], "max_completion_tokens": 4}
    assert sent.dropped == ()
    answer = {
        "id": "1",
        "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "yo"}, "finish_reason": "stop"}],
    }
    encoded = CODEC.encode_response(chat.decode_response(json.dumps(answer).encode()))
    assert encoded.body["choices"] == [{"index": 0, "text": "yo", "logprobs": None, "finish_reason": "stop"}]
    assert encoded.body["created"] == 7


def test_cached_answers_replay_as_streams() -> None:
    """As events that end."""
    body = b'{"choices": [{"text": "a", "finish_reason": "stop"}]}'
    assert CODEC.facts(body).finished
    events = CODEC.response_to_events(CODEC.decode_response(body))
    assert any(isinstance(event, TextDelta) for event in events)
    assert isinstance(events[-1], StreamEnd)


def test_errors_are_those_of_chat() -> None:
    """Both ways."""
    info = CODEC.decode_error(429, b'{"error": {"message": "slow", "type": "rate_limit_error"}}', {"retry-after": "3"})
    assert (info.message, info.retry_after_s, info.retryable) == ("slow", 3.0, True)
    assert json.loads(CODEC.encode_error(ErrorInfo(status=404, message="m")))["error"]["type"] == "not_found_error"


def test_other_parts() -> None:
    """The client's content type; a codec without a clock writes 0."""
    assert CODEC.stream_type.startswith(b"text/event-stream")
    assert (
        OpenAICompletionsCodec()
        .encode_response(CODEC.decode_response(b'{"choices": [{"text": "a", "finish_reason": "stop"}]}'))
        .body["created"]
        == 0
    )
    assert CODEC.encode_request(CODEC.decode_request({"model": "m", "prompt": "x"}, {})).body == {"model": "m", "prompt": "x"}
    assert CODEC.watcher().feed(b"") == b""

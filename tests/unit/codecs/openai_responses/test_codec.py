"""The codec as a whole."""

import pytest

from proxy.codecs.base import Codec
from proxy.codecs.openai_responses import OpenAIResponsesCodec
from tests.support.responses_samples import WHOLE_ANSWERS, decode_all, folded, read_by_sdk, sample

CODEC = OpenAIResponsesCodec(now=lambda: 77.9)


def test_name_and_stream_type() -> None:
    """By which requests and opaque parts are marked, and what its streams are."""
    codec: Codec = CODEC
    assert codec.name == "openai_responses"
    assert CODEC.stream_type == b"text/event-stream; charset=utf-8"


@pytest.mark.parametrize("name", WHOLE_ANSWERS)
def test_whole_answer_as_a_stream(name: str) -> None:
    """Through its events, as a cache hit is replayed; the SDK reads it."""
    encoder = CODEC.stream_encoder()
    response = CODEC.decode_response(sample(name))
    out = b"".join(encoder.encode(event) for event in CODEC.response_to_events(response))
    final = read_by_sdk(out)
    assert final is not None
    assert final.id == "resp_7Qh2"
    again = folded(decode_all(CODEC.stream_decoder(), out))
    assert again.choices[0].content == response.choices[0].content
    assert (again.choices[0].finish, again.choices[0].logprobs, again.usage) == (
        response.choices[0].finish,
        response.choices[0].logprobs,
        response.usage,
    )


def test_nothing_follows_the_terminal_event() -> None:
    """No usage chunk, no `[DONE]`."""
    assert CODEC.finish_stream(b"", include_usage=True, metadata=b"{}") == b""


def test_errors_are_openai_s() -> None:
    """The same object as at chat."""
    info = CODEC.decode_error(400, sample("error.json"), {})
    assert (info.code, info.param, info.retryable) == ("decimal_above_max_value", "temperature", False)
    assert b'"param":"temperature"' in CODEC.encode_error(info)

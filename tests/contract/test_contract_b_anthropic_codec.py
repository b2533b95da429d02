"""Contract B, truthful stream ends, for the codec `anthropic_messages`: the evidence and the in-band error. Time-outs, keep-alive timing
and the end of the body are tested with the gateway's lanes on sockets.
"""

from pathlib import Path

import anthropic
import httpx2
import pytest

from proxy.codecs.anthropic_messages import AnthropicMessagesCodec
from proxy.codecs.base import Codec
from proxy.codecs.openai_chat import OpenAIChatCodec
from proxy.core.errors import ErrorInfo
from proxy.core.events import StreamEnd, StreamFailed

WIRE = Path(__file__).parents[1] / "wire" / "anthropic_messages"
ANTHROPIC = AnthropicMessagesCodec()
CLIENTS: list[Codec] = [ANTHROPIC, OpenAIChatCodec()]
TRUNCATED = ErrorInfo(status=502, message="the stream ended early", code="stream_truncated", blame="provider")


def through_sdk(stream: bytes) -> anthropic.types.Message:
    headers = {"content-type": "text/event-stream"}
    transport = httpx2.MockTransport(lambda request: httpx2.Response(200, headers=headers, content=stream))
    with (
        httpx2.Client(transport=transport) as http,
        anthropic.Anthropic(api_key="k", http_client=http, max_retries=0) as client,
        client.messages.stream(model="m", max_tokens=9, messages=[{"role": "user", "content": "u"}]) as events,
    ):
        return events.get_final_message()


@pytest.mark.parametrize("name", ["stream_text.sse", "stream_tools.sse"])
def test_watcher_and_decoder_agree_on_the_evidence_at_every_length(name: str) -> None:
    """Both see the end with the last byte of `message_stop`, and not before."""
    body = (WIRE / name).read_bytes()
    for length in range(len(body) + 1):
        watcher, decoder = ANTHROPIC.watcher(), ANTHROPIC.stream_decoder()
        watcher.feed(body[:length])
        watcher.close()
        events = [*decoder.feed(body[:length]), *decoder.close()]
        assert watcher.complete == watcher.ended == (length == len(body))
        assert any(isinstance(event, StreamEnd) for event in events) == watcher.complete


@pytest.mark.parametrize("client", CLIENTS, ids=lambda codec: codec.name)
@pytest.mark.parametrize("name", ["stream_text.sse", "stream_tools.sse"])
def test_truncated_stream_ends_with_an_error_and_no_terminal_event(client: Codec, name: str) -> None:
    """Cut after any event: an error in the client's dialect, no `message_stop`, no `[DONE]`, no stop reason that nobody gave."""
    events = [part + b"\n\n" for part in (WIRE / name).read_bytes().split(b"\n\n")[:-1]]
    for count in range(1, len(events)):
        decoder, encoder = ANTHROPIC.stream_decoder(), client.stream_encoder()
        upstream = [*decoder.feed(b"".join(events[:count])), *decoder.close()]
        out = b"".join(encoder.encode(event) for event in upstream) + encoder.fail(TRUNCATED)
        assert b"the stream ended early" in out.split(b"\n\n")[-2]
        assert b"message_stop" not in out
        assert b"[DONE]" not in out
        assert encoder.encode(StreamEnd()) == b""
        if count < len(events) - 2:
            assert b'"stop_reason":"' not in out
            assert b'"finish_reason":"' not in out


def test_sdk_raises_on_the_in_band_error() -> None:
    """An Anthropic client sees the failure as the SDK's error, not as a short answer."""
    body = (WIRE / "stream_text.sse").read_bytes()
    watcher = ANTHROPIC.watcher()
    out = watcher.feed(body[: len(body) // 2]) + watcher.close() + watcher.fail(TRUNCATED)
    with pytest.raises(anthropic.APIStatusError, match="the stream ended early"):
        through_sdk(out)


def test_provider_s_error_event_is_a_failure_everywhere() -> None:
    """It ends the decoder's events, marks the watcher, and reaches the SDK as its error through `fail`."""
    body = (WIRE / "stream_error.sse").read_bytes()
    watcher = ANTHROPIC.watcher()
    events = ANTHROPIC.stream_decoder().feed(body)
    shown = watcher.feed(body)
    assert b"event: error" not in shown
    assert isinstance(events[-1], StreamFailed)
    assert watcher.error == events[-1].error
    assert not watcher.complete
    with pytest.raises(anthropic.APIStatusError, match="Overloaded"):
        through_sdk(shown + watcher.fail(events[-1].error))


@pytest.mark.parametrize("at", range(1, 8))
def test_keep_alive_between_events_changes_nothing(at: int) -> None:
    """A ping after any whole event leaves the SDK's message as it is."""
    body = (WIRE / "stream_text.sse").read_bytes()
    events = [part + b"\n\n" for part in body.split(b"\n\n")[:-1]]
    ping = ANTHROPIC.watcher().keep_alive()
    assert through_sdk(b"".join([*events[:at], ping, *events[at:]])) == through_sdk(body)

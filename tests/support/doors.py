"""The generation dialects as doors: how a client asks at each, how each tells an error; and a provider that speaks each."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import httpx2

from proxy.codecs.eventstream import EventStreamParser, event_frame
from proxy.settings import Settings
from tests.support.gateway import settings

WIRE = Path(__file__).parents[1] / "wire"


class Door(NamedTuple):
    path: str
    """With `{model}` where the URL says it, and the method for whole answers."""
    body: dict[str, Any]
    """Without `model` and `stream`."""
    provider: str
    """Name of the provider that speaks the dialect, and no other one."""
    other: str
    """Name of one that does not."""
    stream_path: str | None = None
    limit: tuple[str, ...] = ("max_tokens",)
    """Path of the field that bounds the answer."""

    @property
    def in_path(self) -> bool:
        """Whether the URL says the model."""
        return "{model}" in self.path

    def ask(self, model: str, *, stream: bool = False, **more: Any) -> tuple[str, dict[str, Any]]:
        """(path, body); `more` replaces fields."""
        path = (self.stream_path if stream and self.stream_path else self.path).format(model=model)
        named = {} if self.in_path else {"model": model, **({"stream": True} if stream else {})}
        return path, {**self.body, **named, **more}


TURN = {"role": "user", "content": "hi"}
DOORS: dict[str, Door] = {
    "chat": Door("/v1/chat/completions", {"messages": [TURN]}, "chat", "anthropic"),
    "completions": Door("/v1/completions", {"prompt": "hi"}, "completions", "chat"),
    "responses": Door("/v1/responses", {"input": [TURN]}, "responses", "chat", limit=("max_output_tokens",)),
    "messages": Door("/v1/messages", {"max_tokens": 50, "messages": [TURN]}, "anthropic", "chat"),
    "converse": Door(
        "/model/{model}/converse",
        {"messages": [{"role": "user", "content": [{"text": "hi"}]}]},
        "bedrock",
        "gemini",
        "/model/{model}/converse-stream",
        limit=("inferenceConfig", "maxTokens"),
    ),
    "gemini": Door(
        "/v1beta/models/{model}:generateContent",
        {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]},
        "gemini",
        "bedrock",
        "/v1beta/models/{model}:streamGenerateContent?alt=sse",
        limit=("generationConfig", "maxOutputTokens"),
    ),
}
_SAMPLES: dict[str, tuple[str, str]] = {
    "chat": ("openai_chat/completion_text.json", "openai_chat/stream_text.sse"),
    "completions": ("openai_completions/completion.json", "openai_completions/stream.sse"),
    "responses": ("openai_responses/response_text.json", "openai_responses/stream_text.sse"),
    "messages": ("anthropic_messages/message_text.json", "anthropic_messages/stream_text.sse"),
    "converse": ("bedrock_converse/answer_text.json", "bedrock_converse/stream_text.json"),
    "gemini": ("gemini_generate/answer_text.json", "gemini_generate/stream_text.sse"),
}


def one_each(url: str, **more: Any) -> Settings:
    """A provider for each dialect, all at `url`; one try, no cache."""
    openai = {"kind": "openai", "base_url": f"{url}/v1", "api_keys": ["sk-test-1234567890"]}
    providers: dict[str, Any] = {name: {**openai, "dialects": [name]} for name in ("chat", "completions", "responses")}
    providers["anthropic"] = {"kind": "anthropic", "base_url": url, "api_keys": ["sk-ant-1234567890"]}
    providers["bedrock"] = {"kind": "bedrock", "base_url": url, "region": "us-east-1", "api_keys": ["sk-aws-1234567890"]}
    providers["gemini"] = {"kind": "gemini", "base_url": url, "api_keys": ["sk-goog-1234567890"]}
    models = {name: {"targets": [{"provider": name, "model": f"claude-{name}"}]} for name in providers}
    config = {
        "providers": providers,
        "models": models,
        "routing": {"retries": {"attempts": 1}, "breaker": {"enabled": False}},
        "cache": {"enabled": False},
        **more,
    }
    return settings(**config)


def whole_answer(dialect: str) -> bytes:
    """A provider's, that nothing is wrong with."""
    return (WIRE / _SAMPLES[dialect][0]).read_bytes()


def stream_events(dialect: str) -> list[bytes]:
    """The events, or frames, of a provider's stream that nothing is wrong with."""
    raw = (WIRE / _SAMPLES[dialect][1]).read_bytes()
    if dialect == "converse":
        return [event_frame(kind, json.dumps(payload).encode()) for kind, payload in json.loads(raw)]
    return [event + b"\n\n" for event in raw.replace(b"\r\n", b"\n").split(b"\n\n") if event.strip()]


_TEXT = {
    "chat": b'"content":"',
    "completions": b'"text":',
    "responses": b"output_text.delta",
    "messages": b"text_delta",
    "converse": b"contentBlockDelta",
    "gemini": b'"text":',
}
"""What an event with text holds."""


def content_at(dialect: str) -> int:
    """How many events there are up to the first text."""
    events = enumerate(stream_events(dialect), 1)
    return next(count for count, event in events if _TEXT[dialect] in event and b'"content":""' not in event)


def stream_type(dialect: str) -> str:
    return "application/vnd.amazon.eventstream" if dialect == "converse" else "text/event-stream"


def refusal(door: str, answer: httpx2.Response) -> str:
    """What an error says, with the field that it names; AssertionError where it is not in the door's shape."""
    body = answer.json()
    if door == "converse":
        assert set(body) == {"message", "detail"}
        assert answer.headers["x-amzn-errortype"]
        return str(body["message"])
    error = body["error"]
    if door == "messages":
        assert body["type"] == "error"
        assert error["type"]
        return str(error["message"])
    if door == "gemini":
        assert error["code"] == answer.status_code
        assert error["status"]
        return f"{error['message']} {json.dumps(error.get('details'))}"
    assert set(error) == {"message", "type", "param", "code"}
    return f"{error['message']} {error['param']}"


_ENDED: Mapping[str, tuple[bytes, bytes]] = {
    "chat": (b'data: {"error":', b"[DONE]"),
    "completions": (b'data: {"error":', b"[DONE]"),
    "responses": (b"event: error", b"response.completed"),
    "messages": (b"event: error", b"message_stop"),
    "gemini": (b'"error":{"code":', b'"finishReason"'),
}


def ending(door: str, stream: bytes) -> str:
    """ "whole", "error", or "nothing" of a stream that was begun. AssertionError where it claims both."""
    if door == "converse":
        parser = EventStreamParser()
        frames = parser.feed(stream)
        parser.close()
        failed = any(frame.text(":message-type") == "exception" for frame in frames)
        ended = any(frame.text(":event-type") == "messageStop" for frame in frames)
    else:
        error, last = _ENDED[door]
        failed, ended = error in stream, last in stream
    assert not (failed and ended), stream[-500:]
    return "error" if failed else "whole" if ended else "nothing"

"""The echo provider's answers as objects and events."""

from typing import Any

import orjson

from proxy.providers.echo_answer import Answer, Call
from proxy.providers.echo_render import Head, completion, pieces

HEAD = Head("ab" * 32, 7, "m")


def events(body: dict[str, Any], answers: list[Answer]) -> list[dict[str, Any]]:
    raw = [piece.data for piece in pieces(body, HEAD, answers, 1)]
    assert raw.pop() == b"data: [DONE]\n\n"
    return [orjson.loads(event.removeprefix(b"data: ")) for event in raw]


def test_whole() -> None:
    """A whole answer has head, choices and usage."""
    got = orjson.loads(completion({}, HEAD, [Answer("hi")], 1))
    message = {"role": "assistant", "content": "hi", "refusal": None}
    assert got == {
        "id": "chatcmpl-" + "ab" * 12,
        "object": "chat.completion",
        "created": 7,
        "model": "m",
        "system_fingerprint": "fp_echo",
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }


def test_choices_take_turns() -> None:
    """Choices of unequal length interleave, and each finishes once."""
    got = events({}, [Answer("a"), Answer("b c")])
    order = [(choice["index"], choice["delta"].get("content"), choice["finish_reason"]) for chunk in got for choice in chunk["choices"]]
    assert order == [
        (0, "", None),
        (1, "", None),
        (0, "a", None),
        (1, "b ", None),
        (0, None, "stop"),
        (1, "c", None),
        (1, None, "stop"),
    ]


def test_no_usage_unless_asked() -> None:
    """Without include_usage no chunk has a usage field."""
    assert all("usage" not in chunk for chunk in events({"stream_options": {}}, [Answer("a")]))


def test_long_texts_stream_in_bounded_pieces() -> None:
    """However long the text, a choice streams in at most 512 pieces that add up to it."""
    text = "word " * 5000
    parts = [chunk["choices"][0]["delta"].get("content", "") for chunk in events({}, [Answer(text)])]
    assert "".join(parts) == text
    assert len(parts) <= 514


def test_stream_logprobs() -> None:
    """A stream's logprobs join to those of the whole answer."""
    body = {"logprobs": True, "top_logprobs": 1}
    whole = orjson.loads(completion(body, HEAD, [Answer("a b c d e")], 1))["choices"][0]["logprobs"]["content"]
    deltas = [chunk["choices"][0]["logprobs"] for chunk in events(body, [Answer("a b c d e")])]
    assert [token for delta in deltas if delta for token in delta["content"]] == whole
    assert [token["logprob"] for token in whole] == [-0.25, -0.5, -0.75, -1.0, -0.25]


def test_logprobs_without_alternatives() -> None:
    """`logprobs` alone brings empty alternatives."""
    whole = orjson.loads(completion({"logprobs": True}, HEAD, [Answer("a")], 1))
    assert whole["choices"][0]["logprobs"]["content"][0]["top_logprobs"] == []


def test_custom_call_streams() -> None:
    """A custom tool's input streams under its own words."""
    got = events({}, [Answer(None, (Call("c", "shell", "ls", custom=True),), "tool_calls")])
    deltas = [call for chunk in got for call in chunk["choices"][0]["delta"].get("tool_calls", ())]
    assert deltas == [
        {"index": 0, "id": "c", "type": "custom", "custom": {"name": "shell", "input": ""}},
        {"index": 0, "custom": {"input": "ls"}},
    ]

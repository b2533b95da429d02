"""Recorded exchanges through the codecs alone, without HTTP: OpenAI chat clients at Anthropic upstreams and the reverse.

The recordings stand outside of the project: `recorded/` under the folder that LLM_EDGE_SHARED names (default: `shared` beside the
project's own folder). Its `matching.py` judges whether a request means what the recorded one did.
"""

import importlib.util
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from proxy.codecs.anthropic_messages import AnthropicMessagesCodec
from proxy.codecs.base import Codec
from proxy.codecs.openai_chat import OpenAIChatCodec
from proxy.codecs.sse import SSEParser
from proxy.core.events import StreamEnd, StreamFailed, UsageUpdate

ROOT = Path(__file__).parents[2]
RECORDED = (ROOT / os.environ.get("LLM_EDGE_SHARED", "../shared")).resolve() / "recorded"
CODECS: dict[str, Codec] = {"openai_chat": OpenAIChatCodec(), "anthropic_messages": AnthropicMessagesCodec()}

pytestmark = pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded exchanges are not here (LLM_EDGE_SHARED names their folder)")


def _cases() -> list[dict[str, Any]]:
    if not RECORDED.is_dir():
        return []
    cases = json.loads((RECORDED / "cross_cases.json").read_bytes())
    return [case for case in cases if {case["client"], case["upstream"]} == set(CODECS)]


def _exchange(name: str) -> dict[str, Any]:
    exchange: dict[str, Any] = json.loads((RECORDED / "corpus" / f"{name}.json").read_bytes())
    return exchange


def _own() -> list[str]:
    return sorted(path.stem for path in (RECORDED / "corpus").glob("anthropic_messages-*.json")) if RECORDED.is_dir() else []


@pytest.fixture(scope="session")
def matching() -> Iterator[ModuleType]:
    sys.path.insert(0, str(RECORDED))
    spec = importlib.util.spec_from_file_location("recorded_matching", RECORDED / "matching.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.path.remove(str(RECORDED))


@pytest.mark.parametrize("case", _cases(), ids=lambda case: case["id"])
def test_request_means_what_was_recorded(case: dict[str, Any], matching: ModuleType) -> None:
    """The client's request, in the upstream's dialect, is the recorded one by meaning, and nothing in it had to be dropped."""
    request = CODECS[case["client"]].decode_request(case["request"]["body"], {})
    encoded = CODECS[case["upstream"]].encode_request(request)
    assert matching.sem_diff(_exchange(case["upstream_id"]), encoded.body) == []
    assert encoded.dropped == ()


@pytest.mark.parametrize("case", _cases(), ids=lambda case: case["id"])
def test_answer_says_what_was_recorded(case: dict[str, Any]) -> None:
    """The recorded answer, in the client's dialect: same status, text, calls, finish, usage or error message."""
    recorded = _exchange(case["upstream_id"])["response"]
    expect = case["expect"]
    client, upstream = CODECS[case["client"]], CODECS[case["upstream"]]
    body = recorded["body_text"].encode()
    if recorded["status"] != 200:
        error = upstream.decode_error(recorded["status"], body, recorded["headers"])
        shown = json.loads(client.encode_error(error))
        assert error.status == expect["status"]
        assert shown["error"]["message"] == expect["error_message"]
        assert shown.get("type") == ("error" if case["client"] == "anthropic_messages" else None)
        return
    if case["stream"]:
        got = _neutral_stream(case["client"], _translated(client, upstream, body, case["request"]["body"]))
    else:
        got = _neutral(case["client"], client.encode_response(upstream.decode_response(body)).body)
    assert got["text"] == expect["text"]
    assert got["calls"] == expect["calls"]
    # a call that a forced tool made ends with "stop" at OpenAI; an Anthropic client must see tool_use
    assert got["finish"] == ("tool_calls" if case["client"] == "anthropic_messages" and expect["calls"] else expect["finish"])
    assert expect["usage"] is None or got["usage"] == expect["usage"]


def _translated(client: Codec, upstream: Codec, body: bytes, asked: dict[str, Any]) -> bytes:
    decoder = upstream.stream_decoder()
    encoder = client.stream_encoder(client.decode_request(asked, {}))
    events = [*decoder.feed(body), *decoder.close()]
    assert events[-1] == StreamEnd()
    out = b"".join(encoder.encode(event) for event in events)
    tail = getattr(encoder, "usage_chunk", b"")
    return out + client.finish_stream(tail, include_usage=True, metadata=None)


def _neutral(dialect: str, body: dict[str, Any]) -> dict[str, Any]:
    if dialect == "openai_chat":
        message = body["choices"][0]["message"]
        calls = [
            {"id": call["id"], "name": call["function"]["name"], "args": json.loads(call["function"]["arguments"])}
            for call in message.get("tool_calls") or []
        ]
        usage = body["usage"]
        cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
        counts = {"in": usage["prompt_tokens"], "out": usage["completion_tokens"], "cached": cached}
        return {"text": message["content"] or "", "calls": calls, "finish": body["choices"][0]["finish_reason"], "usage": counts}
    finish = {"end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length", "tool_use": "tool_calls"}[body["stop_reason"]]
    return {
        "text": "".join(block["text"] for block in body["content"] if block["type"] == "text"),
        "calls": [
            {"id": block["id"], "name": block["name"], "args": block["input"]} for block in body["content"] if block["type"] == "tool_use"
        ],
        "finish": finish,
        "usage": _counts(body["usage"]),
    }


def _counts(usage: dict[str, Any]) -> dict[str, int]:
    cached = usage.get("cache_read_input_tokens") or 0
    written = usage.get("cache_creation_input_tokens") or 0
    return {"in": usage["input_tokens"] + cached + written, "out": usage["output_tokens"], "cached": cached}


def _neutral_stream(dialect: str, body: bytes) -> dict[str, Any]:
    events = [event.data for event in SSEParser().feed(body)]
    if dialect == "openai_chat":
        assert events.pop() == b"[DONE]"
    return (_fold_chunks if dialect == "openai_chat" else _fold_events)([json.loads(event) for event in events])


def _fold_chunks(chunks: list[dict[str, Any]]) -> dict[str, Any]:
    text, finish = "", None
    usage: dict[str, Any] = {}
    calls: dict[int, dict[str, str]] = {}
    for chunk in chunks:
        usage = chunk.get("usage") or usage
        for choice in chunk["choices"]:
            text += choice["delta"].get("content") or ""
            finish = choice.get("finish_reason") or finish
            for piece in choice["delta"].get("tool_calls") or []:
                call = calls.setdefault(piece["index"], {"id": "", "name": "", "args": ""})
                call["id"] += piece.get("id") or ""
                call["name"] += piece["function"].get("name") or ""
                call["args"] += piece["function"].get("arguments") or ""
    message = {
        "content": text,
        "tool_calls": [{"id": c["id"], "function": {"name": c["name"], "arguments": c["args"]}} for c in calls.values()],
    }
    return _neutral("openai_chat", {"choices": [{"message": message, "finish_reason": finish}], "usage": usage})


def _fold_events(events: list[dict[str, Any]]) -> dict[str, Any]:
    assert [events[0]["type"], events[-1]["type"]] == ["message_start", "message_stop"]
    content: list[dict[str, Any]] = []
    body: dict[str, Any] = {"content": content}
    for event in events:
        if event["type"] == "content_block_start":
            assert event["index"] == len(content)
            content.append({**event["content_block"], "json": ""})
        elif event["type"] == "content_block_delta":
            content[event["index"]]["json"] += event["delta"].get("partial_json", "")
            content[event["index"]]["text"] = content[event["index"]].get("text", "") + event["delta"].get("text", "")
        elif event["type"] == "message_delta":
            body["stop_reason"] = event["delta"]["stop_reason"]
            body["usage"] = event["usage"]
    for block in content:
        if block["type"] == "tool_use":
            block["input"] = json.loads(block["json"] or "{}")
    return _neutral("anthropic_messages", body)


@pytest.mark.parametrize("name", _own())
def test_same_dialect_request_is_equal(name: str) -> None:
    """An Anthropic request decoded and encoded again is the same JSON."""
    body = _exchange(name)["request"]["body"]
    encoded = CODECS["anthropic_messages"].encode_request(CODECS["anthropic_messages"].decode_request(json.loads(json.dumps(body)), {}))
    assert encoded.body == body
    assert encoded.dropped == ()


@pytest.mark.parametrize("name", _own())
def test_same_dialect_answer_passes(name: str) -> None:
    """A watched stream's bytes are the recorded ones, and watcher, decoder and facts agree on what they saw; an error keeps its body."""
    codec = CODECS["anthropic_messages"]
    recorded = _exchange(name)
    body, status = recorded["response"]["body_text"].encode(), recorded["response"]["status"]
    if status != 200:
        assert json.loads(codec.encode_error(codec.decode_error(status, body, recorded["response"]["headers"]))) == json.loads(body)
    elif recorded["stream"]:
        watcher, decoder = codec.watcher(), codec.stream_decoder()
        assert b"".join(watcher.feed(body[at : at + 7]) for at in range(0, len(body), 7)) + watcher.close() == body
        events = [*decoder.feed(body), *decoder.close()]
        assert (watcher.complete, watcher.ended, watcher.content, watcher.error) == (True, True, True, None)
        assert [event.usage for event in events if isinstance(event, UsageUpdate)][-1] == watcher.usage
        assert events[-1] == StreamEnd()
        assert not any(isinstance(event, StreamFailed) for event in events)
    else:
        response, facts = codec.decode_response(body), codec.facts(body)
        assert (facts.response_id, facts.model, facts.usage, facts.finished) == (response.id, response.model, response.usage, True)

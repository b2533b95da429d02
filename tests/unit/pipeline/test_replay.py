"""Serving a stored answer."""

import json
from typing import Any

import pytest

from proxy.cache.entry import CacheEntry
from proxy.codecs.anthropic_messages import AnthropicMessagesCodec
from proxy.codecs.base import Codec
from proxy.codecs.bedrock_invoke import BedrockInvokeCodec
from proxy.codecs.bedrock_invoke.family import Family
from proxy.codecs.openai_chat import OpenAIChatCodec
from proxy.core.errors import BadGateway
from proxy.pipeline import replay
from tests.support.invoke_samples import inner_events, sample, sample_stream
from tests.support.upstream import chat, chat_chunk, chat_stream

NOW = 1_800_000_000.7
OLD = "chatcmpl-up1"
OPENAI = OpenAIChatCodec(now=lambda: NOW)
ANTHROPIC = AnthropicMessagesCodec()


def stored(body: Any, kind: Any = "json", *, dialect: str = "openai_chat", response_id: str = OLD, tail: bytes = b"") -> CacheEntry:
    """As the pipeline stores it: whole answers with their own `created`, streams without."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = json.loads(raw) if kind == "json" else None
    created = answer.get("created") if isinstance(answer, dict) else None
    return CacheEntry(
        dialect=dialect, kind=kind, body=raw, response_id=response_id, created=created, model="m", provider="p", stored_at=0.0, tail=tail
    )


def message(*content: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": "msg_up1",
        "type": "message",
        "role": "assistant",
        "model": "claude-x",
        "content": list(content),
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 3, "output_tokens": 4},
    }


def data(events: bytes) -> list[Any]:
    return [json.loads(line[6:]) for line in events.split(b"\n") if line.startswith(b"data: {")]


def said(chunks: list[Any]) -> str:
    return "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])


def whole(entry: CacheEntry, codec: Codec = OPENAI) -> Any:
    return json.loads(replay.whole(entry, codec, NOW))


def test_a_whole_answer_gets_a_new_id_and_time_and_keeps_its_other_bytes() -> None:
    """Unknown fields, spacing and all."""
    body = b'{ "id" : "chatcmpl-up1", "created" : 1700000017, "x_new":[1, 2.50], "choices":[] }'
    served = replay.whole(stored(body), OPENAI, NOW)
    new_id = json.loads(served)["id"]
    assert new_id.startswith("chatcmpl-")
    assert new_id != OLD
    assert served == body.replace(OLD.encode(), new_id.encode()).replace(b"1700000017", b"1800000000")


def test_every_replay_has_an_id_of_its_own() -> None:
    """Clients deduplicate by it."""
    entry = stored(chat())
    assert len({whole(entry)["id"] for _ in range(5)}) == 5


@pytest.mark.parametrize("text", [OLD, f'"id": "{OLD}"', f"see {OLD} and {OLD}", '"created": 5', "id"])
def test_content_that_quotes_the_id_stays(text: str) -> None:
    """Only the answer's own fields are new."""
    original = chat(text)
    served = whole(stored(original))
    assert served["id"] != OLD
    assert served["created"] == int(NOW)
    assert {**served, "id": OLD, "created": original["created"]} == original


def test_nested_objects_keep_their_created() -> None:
    """Tool arguments and provider extensions may have a field of that name; Anthropic's answers have none of their own."""
    nested = chat(extension={"created": 5})
    assert whole(stored(nested))["extension"] == {"created": 5}
    call = message({"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"created": 5}})
    served = whole(stored(call, dialect="anthropic_messages", response_id="msg_up1"), ANTHROPIC)
    assert served["content"][0]["input"] == {"created": 5}
    assert served["id"].startswith("msg_")
    assert "created" not in served


def test_an_answer_without_an_id_gets_one() -> None:
    """Some servers send none."""
    body = {key: value for key, value in chat().items() if key != "id"}
    assert whole(stored(body, response_id=""))["id"].startswith("chatcmpl-")


def test_what_is_no_object_is_the_stores_fault() -> None:
    """A damaged entry is 502, not a crash."""
    with pytest.raises(BadGateway):
        whole(stored(b"[1]"))


def test_a_whole_answer_as_a_stream() -> None:
    """All chunks carry one new id and the same new time; the usage chunk is apart, and the last word too."""
    body, tail = replay.stream(stored(chat("hello")), OPENAI, NOW)
    chunks, usage = data(body), data(tail)
    assert said(chunks) == "hello"
    assert b"[DONE]" not in body + tail
    assert usage[0]["usage"]["total_tokens"] == 12
    assert len({chunk["id"] for chunk in [*chunks, *usage]} - {OLD}) == 1
    assert {chunk["created"] for chunk in [*chunks, *usage]} == {int(NOW)}


def test_a_stream_as_a_stream() -> None:
    """One new id over all its chunks, usage chunk included; the text is the stored one."""
    events = chat_stream("hel", "lo")
    body, tail = replay.stream(stored(b"".join(events[:-2]), "sse", tail=events[-2]), OPENAI, NOW)
    chunks, usage = data(body), data(tail)
    assert said(chunks) == "hello"
    ids = {chunk["id"] for chunk in [*chunks, *usage]}
    assert OLD not in ids
    assert len(ids) == 1


def test_a_replayed_stream_is_of_now() -> None:
    """`created` as in a replayed whole answer (contract J: fresh)."""
    events = chat_stream("hello")
    body, tail = replay.stream(stored(b"".join(events[:-2]), "sse", tail=events[-2]), OPENAI, NOW)
    assert {chunk["created"] for chunk in [*data(body), *data(tail)]} == {int(NOW)}


def test_a_stream_whose_content_quotes_the_id_keeps_it() -> None:
    """Also where the quote looks like a field."""
    text = f'{{"id":"{OLD}","created":5}}'
    events = [chat_chunk({"content": text}), chat_chunk({}, "stop")]
    compact = b"".join(b"data: " + json.dumps(json.loads(e[6:]), separators=(",", ":")).encode() + b"\n\n" for e in events)
    body, _ = replay.stream(stored(compact, "sse"), OPENAI, NOW)
    assert said(data(body)) == text
    assert {chunk["id"] for chunk in data(body)}.isdisjoint({OLD})


def test_a_stream_as_a_whole_answer() -> None:
    """Put together as the client of a whole answer expects it, usage included."""
    events = chat_stream("hel", "lo")
    served = whole(stored(b"".join(events[:-2]), "sse", tail=events[-2]))
    assert (served["object"], served["choices"][0]["message"]["content"]) == ("chat.completion", "hello")
    assert (served["choices"][0]["finish_reason"], served["usage"]["total_tokens"]) == ("stop", 12)
    assert served["created"] == int(NOW)
    assert served["id"] != OLD


def test_whole_to_stream_to_whole_is_the_same_answer() -> None:
    """Nothing is lost on the way but id and time."""
    original = chat("hello", service_tier="default", system_fingerprint="fp_1")
    body, tail = replay.stream(stored(original), OPENAI, NOW)
    back = whole(stored(body, "sse", response_id=data(body)[0]["id"], tail=tail))
    same = ("object", "model", "choices", "service_tier", "system_fingerprint")
    assert {k: back[k] for k in same} == {k: original[k] for k in same}
    assert {**back["usage"], **original["usage"]} == back["usage"]


def test_anthropic_both_ways() -> None:
    """Its stream has no usage chunk; `message_start` carries the new id."""
    original = message({"type": "text", "text": "hello"})
    body, tail = replay.stream(stored(original, dialect="anthropic_messages", response_id="msg_up1"), ANTHROPIC, NOW)
    started = data(body)[0]
    assert (started["type"], tail) == ("message_start", b"")
    assert started["message"]["id"].startswith("msg_")
    assert started["message"]["id"] != "msg_up1"
    assert data(body)[-1]["type"] == "message_stop"
    entry = stored(body, "sse", dialect="anthropic_messages", response_id=started["message"]["id"])
    back = whole(entry, ANTHROPIC)
    assert (back["content"], back["usage"]["output_tokens"]) == (original["content"], 4)


@pytest.mark.parametrize("family", ["claude", "titan", "llama"])
def test_invoke_models_answers(family: Family) -> None:
    """Claude's get a new id, whole and in the frames of a stream; the others have none, and get none."""
    codec = BedrockInvokeCodec(family=family)
    answer, frames = sample(f"answer_{family}"), sample_stream(family)
    known: dict[str, Any] = {"dialect": "bedrock_invoke", "response_id": "msg_bdrk_1" if family == "claude" else ""}
    served = whole(stored(answer, **known), codec)
    body, tail = replay.stream(stored(frames, "sse", **known), codec, NOW)
    made, _ = replay.stream(stored(answer, **known), codec, NOW)
    assert tail == b""
    if family != "claude":
        assert (served, body) == (answer, frames)
        assert made
        return
    ids = {served.pop("id"), *(inner_events(some)[0]["message"]["id"] for some in (body, made))}
    assert len(ids - {"msg_bdrk_1"}) == 3
    assert all(id_.startswith("msg_") for id_ in ids)
    assert served == {key: value for key, value in answer.items() if key != "id"}
    assert inner_events(body)[1:] == inner_events(frames)[1:]
    assert whole(stored(frames, "sse", **known), codec)["content"] == answer["content"]


@pytest.mark.parametrize(
    ("dialect", "given", "shown"),
    [
        ("openai_chat", "msg_01X", "chatcmpl-01X"),
        ("openai_responses", "chatcmpl-1", "resp_1"),
        ("anthropic_messages", "r7", "msg_r7"),
        ("openai_chat", "chatcmpl-1", "chatcmpl-1"),
        ("openai_completions", "chatcmpl-1", "cmpl-1"),
        ("gemini_generate", "msg_01X", "msg_01X"),
        ("bedrock_invoke", "chatcmpl-1", "msg_1"),
    ],
)
def test_a_provider_s_id_in_the_form_of_the_client_s_dialect(dialect: str, given: str, shown: str) -> None:
    """The same each time; Gemini's have no form."""
    assert replay.own_id(dialect, given) == shown


def test_a_provider_without_ids() -> None:
    """Converse names none."""
    assert replay.own_id("openai_responses", "").startswith("resp_")
    assert replay.own_id("openai_chat", "") != replay.own_id("openai_chat", "")

"""Contract L for InvokeModel: what the path says aside, same-dialect bodies are sent as they came; across dialects parallel calls stay
apart, and what is not carried is reported."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.gateway import running, settings
from tests.support.invoke_samples import inner_events, sample
from tests.support.upstream import Upstream, chat, chat_chunk, json_answer, stream_answer

CLAUDE: dict[str, Any] = {"messages": [{"role": "user", "content": "x"}], "max_tokens": 5}


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as up:
        yield up


@pytest.mark.parametrize("family", ["claude", "titan", "llama"])
async def test_unknown_fields_survive_and_the_answers_bytes_pass(upstream: Upstream, family: str) -> None:
    """Equal as JSON; spacing, order and escapes of the answer stay."""
    raw = json.dumps(sample(f"answer_{family}"), indent=1).encode()
    upstream.on(json_answer(raw))
    sent = {key: value for key, value in sample(f"request_{family}").items() if key not in ("model", "stream")}
    sent |= {"vendor_thing": {"deep": [[[]]], "n": 9007199254740993}, "nothing": None}
    providers = {"bedrock": {"kind": "bedrock", "base_url": upstream.url, "api_keys": ["bedrock-api-key-1234567890"]}}
    async with running(settings(providers=providers)) as edge:
        answer = await edge.client.post(f"/model/{sample(f'request_{family}')['model']}/invoke", json=sent)
        assert answer.content == raw
    assert upstream.calls[0].json == sent


async def test_parallel_calls_of_a_chat_stream_stay_apart(upstream: Upstream) -> None:
    """One start and one stop a block, unique indices, ids kept, arguments that parse, the right stop reason and usage."""
    events = []
    for index, piece in ((0, ""), (1, ""), (0, '{"a": 1}'), (1, '{"b"'), (1, ": 2}")):
        call = {"index": index, "function": {"arguments": piece, **({} if piece else {"name": "f"})}}
        events.append(chat_chunk({"tool_calls": [call if piece else {**call, "id": f"call_{index}", "type": "function"}]}))
    events.append(chat_chunk({}, "tool_calls"))
    events.append(chat_chunk({}, choices=[], usage={"prompt_tokens": 10, "completion_tokens": 7, "total_tokens": 17}))
    upstream.on(stream_answer([*events, b"data: [DONE]\n\n"]))
    async with running(settings(upstream.url)) as edge:
        answer = await edge.client.post("/model/gpt-4o/invoke-with-response-stream", json=CLAUDE)
    got = inner_events(answer.content)
    starts = {event["index"]: event["content_block"] for event in got if event["type"] == "content_block_start"}
    texts = dict.fromkeys(starts, "")
    for event in got:
        if event["type"] == "content_block_delta":
            texts[event["index"]] += event["delta"]["partial_json"]
    assert [start["id"] for start in starts.values()] == ["call_0", "call_1"]
    assert [json.loads(text) for text in texts.values()] == [{"a": 1}, {"b": 2}]
    assert sorted(event["index"] for event in got if event["type"] == "content_block_stop") == sorted(starts)
    assert (got[0]["message"]["model"], got[-2]["delta"]["stop_reason"]) == ("gpt-4o-mini-2024-07-18", "tool_use")
    assert got[-1]["amazon-bedrock-invocationMetrics"] == {"inputTokenCount": 10, "outputTokenCount": 7}


@pytest.mark.parametrize(
    ("body", "dropped"),
    [
        ({**CLAUDE, "top_k": 5}, "top_k"),
        ({"inputText": "x", "textGenerationConfig": {"temperature": 0.5, "odd": 1}}, "textGenerationConfig.odd"),
        ({"prompt": "x", "images": ["a"]}, "images"),
    ],
)
async def test_what_is_not_carried_is_said(upstream: Upstream, body: Any, dropped: str) -> None:
    """By its path in the client's body; 422 in strict mode, before any call."""
    upstream.on(json_answer(chat()))
    async with running(settings(upstream.url)) as edge:
        answer = await edge.client.post("/model/gpt-4o/invoke", json=body)
        assert (answer.status_code, answer.headers["x-llm-edge-dropped"]) == (200, dropped)
        strict = await edge.client.post("/model/gpt-4o/invoke", json={**body, "user_2": "y"}, headers={"x-llm-edge-strict": "true"})
        assert (strict.status_code, strict.headers["x-amzn-errortype"]) == (422, "ValidationException")
        assert dropped in strict.json()["message"]
    assert len(upstream.calls) == 1

"""The recorded cross-dialect cases through a whole gateway over HTTP, each asked by the client's own SDK.

The recordings stand outside of the project (LLM_EDGE_SHARED). `semantic`: the replay server answers a request that means what the recorded
one did, and with 599 to any other.
"""

import asyncio
import base64
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import anthropic
import boto3
import httpx2
import openai
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.integration.test_recorded_traffic import config
from tests.support.gateway import KEY, running
from tests.support.replay import cross_cases, replay_server

PROVIDER = {"openai_chat": "openai", "anthropic_messages": "anthropic", "bedrock": "bedrock"}
NAMES = list(PROVIDER)
CASES = [case for client in NAMES for upstream in NAMES for case in cross_cases(client, upstream)]
FINISH = {"end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length", "tool_use": "tool_calls"}
Told = dict[str, Any]


@pytest.fixture(scope="module")
def semantic() -> Iterator[str]:
    with replay_server("--semantic") as url:
        yield url


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
async def test_the_answer_says_what_was_recorded(semantic: str, case: Told) -> None:
    """Text, calls, finish, usage, or the provider's status and message in the client's own exception."""
    async with httpx2.AsyncClient(base_url=semantic, trust_env=False) as control:
        await control.post("/__replay/expect", json={"id": case["upstream_id"]})
    ask = {"openai_chat": _openai, "anthropic_messages": _anthropic, "bedrock": _bedrock}[case["client"]]
    async with running(config(semantic, PROVIDER[case["upstream"]], attempts=1)) as edge:
        got = await ask(edge.url, case)
    expect = {k: v for k, v in case["expect"].items() if k not in ("raw_finish", "thinking")}
    if case["client"] != "openai_chat" and expect.get("calls"):
        expect["finish"] = "tool_calls"  # a forced call ends with "stop" at OpenAI; the others' clients must see tool use
    for name in [name for name in ("finish", "usage") if expect.get(name) is None]:
        expect.pop(name, None)
        got.pop(name, None)
    assert got == expect


def _said(text: str, calls: list[Told], finish: str | None, counts: tuple[int, int, int]) -> Told:
    named = dict(zip(("in", "out", "cached"), counts, strict=True))
    return {"status": 200, "text": text, "calls": calls, "finish": finish, "usage": named}


async def _openai(url: str, case: Told) -> Told:
    body = case["request"]["body"]
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0) as client:
        try:
            if case["stream"]:
                return await _openai_stream(client, body)
            answer = await client.chat.completions.create(**body)
        except openai.APIStatusError as exc:
            return {"status": exc.status_code, "error_message": exc.response.json()["error"]["message"]}
    choice, usage = answer.choices[0], answer.usage
    calls = [
        {"id": c.id, "name": c.function.name, "args": json.loads(c.function.arguments)}
        for c in choice.message.tool_calls or []
        if c.type == "function"
    ]
    return _said(choice.message.content or "", calls, choice.finish_reason, _openai_counts(usage))


async def _openai_stream(client: openai.AsyncOpenAI, body: Told) -> Told:
    text, finish, usage = "", None, None
    calls: dict[int, Told] = {}
    stream: Any = await client.chat.completions.create(**body)
    async for chunk in stream:
        usage = chunk.usage or usage
        for choice in chunk.choices:
            text += choice.delta.content or ""
            finish = choice.finish_reason or finish
            for call in choice.delta.tool_calls or []:
                entry = calls.setdefault(call.index, {"id": call.id, "name": call.function.name, "args": ""})
                entry["args"] += call.function.arguments or ""
    done = [{**c, "args": json.loads(c["args"] or "{}")} for c in calls.values()]
    return _said(text, done, finish, _openai_counts(usage))


def _openai_counts(usage: Any) -> tuple[int, int, int]:
    details = usage.prompt_tokens_details
    return usage.prompt_tokens, usage.completion_tokens, (details.cached_tokens or 0) if details else 0


async def _anthropic(url: str, case: Told) -> Told:
    body = {name: value for name, value in case["request"]["body"].items() if name != "stream"}
    body["extra_body"] = {name: body.pop(name) for name in ("temperature", "top_p", "top_k") if name in body}  # no arguments any more
    async with anthropic.AsyncAnthropic(base_url=url, api_key=KEY, max_retries=0) as client:
        try:
            if case["stream"]:
                async with client.messages.stream(**body) as stream:
                    answer = await stream.get_final_message()
            else:
                answer = await client.messages.create(**body, timeout=60)
        except anthropic.APIStatusError as exc:
            return {"status": exc.status_code, "error_message": exc.response.json()["error"]["message"]}
    text = "".join(block.text for block in answer.content if block.type == "text")
    calls = [{"id": b.id, "name": b.name, "args": b.input} for b in answer.content if b.type == "tool_use"]
    usage = answer.usage
    cached = usage.cache_read_input_tokens or 0
    counts = usage.input_tokens + cached + (usage.cache_creation_input_tokens or 0), usage.output_tokens, cached
    return _said(text, calls, FINISH.get(answer.stop_reason or ""), counts)


async def _bedrock(url: str, case: Told) -> Told:
    return await asyncio.to_thread(_bedrock_call, url, case)


def _bedrock_call(url: str, case: Told) -> Told:
    settings = Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1}, parameter_validation=False)
    client = boto3.client("bedrock-runtime", region_name="us-east-1", endpoint_url=url, config=settings)
    client.meta.events.register("before-send.bedrock-runtime.*", _with_key)
    path = re.fullmatch(r"/model/(.+)/converse(-stream)?", case["request"]["path"])
    assert path is not None
    body = {"modelId": unquote(path[1]), **_raw_bytes(case["request"]["body"])}
    try:
        answer = _folded(client.converse_stream(**body)["stream"]) if case["stream"] else client.converse(**body)
    except ClientError as exc:
        return {"status": exc.response["ResponseMetadata"]["HTTPStatusCode"], "error_message": exc.response["Error"]["Message"]}
    finally:
        client.close()
    content = answer["output"]["message"]["content"]
    text = "".join(block["text"] for block in content if "text" in block)
    uses = [block["toolUse"] for block in content if "toolUse" in block]
    calls = [{"id": use["toolUseId"], "name": use["name"], "args": use["input"]} for use in uses]
    usage = {"inputTokens": 0, "outputTokens": 0, **answer["usage"]}
    cached = usage.get("cacheReadInputTokens") or 0
    counts = usage["inputTokens"] + cached + (usage.get("cacheWriteInputTokens") or 0), usage["outputTokens"], cached
    return _said(text, calls, FINISH.get(answer["stopReason"]), counts)


def _with_key(request: Any, **_: Any) -> None:
    request.headers["Authorization"] = f"Bearer {KEY}"


def _raw_bytes(value: Any) -> Any:
    """The SDK encodes blobs itself."""
    if isinstance(value, dict):
        return {k: base64.b64decode(v) if k == "bytes" and isinstance(v, str) else _raw_bytes(v) for k, v in value.items()}
    return [_raw_bytes(item) for item in value] if isinstance(value, list) else value


def _folded(events: Any) -> Told:
    """A ConverseStream as the answer that it tells."""
    blocks: dict[int, Told] = {}
    reason, usage = "", {}
    for event in events:
        ((kind, told),) = event.items()
        if kind == "contentBlockStart":
            use = told["start"].get("toolUse")
            blocks[told["contentBlockIndex"]] = {"toolUse": {**use, "input": ""}} if use else {}
        elif kind == "contentBlockDelta":
            block, delta = blocks.setdefault(told["contentBlockIndex"], {}), told["delta"]
            if "text" in delta:
                block["text"] = block.get("text", "") + delta["text"]
            elif "toolUse" in delta:
                block["toolUse"]["input"] += delta["toolUse"]["input"]
        elif kind == "messageStop":
            reason = told["stopReason"]
        elif kind == "metadata":
            usage = told["usage"]
    for block in blocks.values():
        if "toolUse" in block:
            block["toolUse"]["input"] = json.loads(block["toolUse"]["input"] or "{}")
    return {"output": {"message": {"content": list(blocks.values())}}, "stopReason": reason, "usage": usage}

"""boto3's Converse and ConverseStream at each of the five providers, signed with a key that the gateway issued."""

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError

from tests.support.scripted import Dialect, ScriptedProviders, script, talk
from tests.support.scripted.stage import Stage

TOOLS: Any = {"tools": [{"toolSpec": {"name": "get_weather", "inputSchema": {"json": talk.PARAMETERS}}}]}
THINKING = {"thinking": {"type": "enabled", "budget_tokens": 1024}}


@pytest.fixture(scope="module")
def client(stage: Stage) -> Iterator[Any]:
    access_key, secret = stage.access_key()
    config = Config(retries={"total_max_attempts": 1})
    keys = {"aws_access_key_id": access_key, "aws_secret_access_key": secret}
    sdk = boto3.client("bedrock-runtime", region_name="eu-west-1", endpoint_url=stage.url, config=config, **keys)
    yield sdk
    sdk.close()


def user(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": [{"text": block} if isinstance(block, str) else block for block in blocks]}


def said(answer: dict[str, Any]) -> str:
    return "".join(block.get("text", "") for block in answer["output"]["message"]["content"])


def gathered(answer: dict[str, Any]) -> dict[str, Any]:
    """A stream as the whole answer that it stands for."""
    blocks: dict[int, dict[str, Any]] = {}
    whole: dict[str, Any] = {}
    for event in answer["stream"]:
        if "contentBlockStart" in event:
            started = event["contentBlockStart"]
            blocks[started["contentBlockIndex"]] = {"toolUse": {**started["start"]["toolUse"], "input": ""}}
        elif "contentBlockDelta" in event:
            _add(blocks.setdefault(event["contentBlockDelta"]["contentBlockIndex"], {}), event["contentBlockDelta"]["delta"])
        elif "messageStop" in event:
            whole["stopReason"] = event["messageStop"]["stopReason"]
        elif "metadata" in event:
            whole["usage"] = event["metadata"]["usage"]
    for block in blocks.values():
        if "toolUse" in block:
            block["toolUse"]["input"] = script.arguments(block["toolUse"]["input"], "input")
    return {**whole, "output": {"message": {"role": "assistant", "content": [blocks[index] for index in sorted(blocks)]}}}


def _add(block: dict[str, Any], delta: dict[str, Any]) -> None:
    if "text" in delta:
        block["text"] = block.get("text", "") + delta["text"]
    elif "toolUse" in delta:
        block["toolUse"]["input"] += delta["toolUse"]["input"]
    else:
        thought = block.setdefault("reasoningContent", {"reasoningText": {"text": ""}})["reasoningText"]
        for key, value in delta["reasoningContent"].items():
            thought[key] = thought.get(key, "") + value


@pytest.mark.parametrize("streamed", [False, True])
def test_text(client: Any, up: ScriptedProviders, upstream: Dialect, *, streamed: bool) -> None:
    """What was said comes back, with usage as Bedrock counts it: cached tokens apart."""
    asked = {
        "modelId": up.model(upstream),
        "messages": [user(talk.ASKED)],
        "system": [{"text": "Be brief."}],
        "inferenceConfig": {"maxTokens": 100, "temperature": 0.5},
    }
    answer = gathered(client.converse_stream(**asked)) if streamed else client.converse(**asked)
    assert (said(answer), answer["stopReason"]) == (talk.SAID, "end_turn")
    usage = answer["usage"]
    assert (usage["inputTokens"], usage["cacheReadInputTokens"], usage["outputTokens"]) == (script.UNCACHED, script.CACHED, script.OUTPUT)
    heard = up.heard[-1]
    assert (heard.dialect, heard.system, heard.max_tokens, heard.temperature) == (upstream, "Be brief.", 100, 0.5)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("thinking", [False, True])
def test_parallel_tools_go_round(client: Any, up: ScriptedProviders, upstream: Dialect, *, streamed: bool, thinking: bool) -> None:
    """Two calls, handed back as they came beside their results; with the reasoning that led to them, signed."""
    turns = [user(talk.WEATHER)]
    asked = {"modelId": up.model(upstream), "messages": turns, "toolConfig": TOOLS, "inferenceConfig": {"maxTokens": 4000}}
    if thinking:
        asked["additionalModelRequestFields"] = THINKING
    first = gathered(client.converse_stream(**asked)) if streamed else client.converse(**asked)
    assert first["stopReason"] == "tool_use"
    blocks = first["output"]["message"]["content"]
    thoughts = [block["reasoningContent"]["reasoningText"]["text"] for block in blocks if "reasoningContent" in block]
    assert "".join(thoughts) == (script.THOUGHT if thinking else "")
    uses = [block["toolUse"] for block in blocks if "toolUse" in block]
    assert [use["input"] for use in uses] == [{"city": city} for city in talk.CITIES]
    results = [{"toolResult": {"toolUseId": use["toolUseId"], "content": [{"text": talk.get_weather(**use["input"])}]}} for use in uses]
    turns += [{"role": "assistant", "content": blocks}, user(*results)]
    assert said(client.converse(**asked)) == talk.TOLD


def test_a_forced_tool(client: Any, up: ScriptedProviders, upstream: Dialect) -> None:
    """Is called, whatever the words are."""
    config = {**TOOLS, "toolChoice": {"tool": {"name": "get_weather"}}}
    answer = client.converse(modelId=up.model(upstream), messages=[user("Rome")], toolConfig=config)
    (block,) = answer["output"]["message"]["content"]
    assert block["toolUse"]["input"] == {"city": "Rome"}
    assert up.heard[-1].choice == "get_weather"


def test_a_schema(client: Any, up: ScriptedProviders, upstream: Dialect) -> None:
    """Given as JSON text, kept to."""
    schema = json.dumps({**talk.Person.model_json_schema(), "additionalProperties": False})
    form = {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"name": "person", "schema": schema}}}}
    answer = client.converse(modelId=up.model(upstream), messages=[user("Who?")], outputConfig=form)
    assert talk.Person.model_validate_json(said(answer)) == talk.ADA


def test_an_image(client: Any, up: ScriptedProviders, upstream: Dialect) -> None:
    """Arrives byte for byte."""
    image = {"image": {"format": "png", "source": {"bytes": talk.PNG}}}
    assert said(client.converse(modelId=up.model(upstream), messages=[user(image, "What?")])) == talk.SEEN


def test_the_limit_of_output(client: Any, up: ScriptedProviders, upstream: Dialect) -> None:
    """An answer cut short says so."""
    assert client.converse(modelId=up.model(upstream), messages=[user("A long story")])["stopReason"] == "max_tokens"


def test_refusals_of_the_provider(client: Any, up: ScriptedProviders, upstream: Dialect) -> None:
    """The SDK's own exceptions, with the provider's words."""
    for operation in (client.converse, client.converse_stream):
        with pytest.raises(client.exceptions.ValidationException, match=script.REFUSAL):
            operation(modelId=up.model(upstream), messages=[user("Please refuse")])
    with pytest.raises(client.exceptions.ThrottlingException):
        client.converse(modelId=up.model(upstream, throttled=True), messages=[user("Please throttle")])


def test_answers_that_break(client: Any, up: ScriptedProviders, upstream: Dialect) -> None:
    """A stream raises after its first words, a whole answer at once; neither seems whole."""
    asked = {"modelId": up.model(upstream), "messages": [user("Please break " * 5)]}
    text = ""
    with closing(client.converse_stream(**asked)["stream"]) as stream, pytest.raises(EventStreamError):
        for event in stream:
            text += event.get("contentBlockDelta", {}).get("delta", {}).get("text", "")
    assert text
    with pytest.raises(ClientError) as broken:
        client.converse(**asked)
    assert broken.value.response["ResponseMetadata"]["HTTPStatusCode"] in (500, 502, 503, 424)

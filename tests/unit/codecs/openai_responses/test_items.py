"""Input items → messages."""

from typing import Any

import pytest

from proxy.codecs.base import InvalidBody
from proxy.codecs.openai_responses.items import decode_input
from proxy.core.messages import ImagePart, Message, OpaquePart, RedactedThinkingPart, TextPart, ThinkingPart, ToolResultPart, ToolUsePart
from tests.support.responses_samples import sample_json


def only(item: dict[str, Any]) -> Message:
    (message,) = decode_input([item], {})
    return message


def test_a_string() -> None:
    """A user's words, at `input` itself."""
    assert decode_input("hi", {}) == (Message(role="user", content=(TextPart(text="hi"),), path="input", single=True),)


def test_one_message_an_item() -> None:
    """In order, with roles and paths."""
    messages = decode_input(sample_json("request_full.json")["input"], {})
    assert [message.path for message in messages] == [f"input[{i}]" for i in range(16)]
    assert [message.role for message in messages] == [
        "developer",
        "user",
        "assistant",
        "assistant",
        "assistant",
        "assistant",
        "assistant",
        "assistant",
        "tool",
        "tool",
        "assistant",
        "user",
        "user",
        "user",
        "user",
        "user",
    ]


def test_call_and_result() -> None:
    """By call_id; the item's own id and status say nothing elsewhere, what is unknown is reported there."""
    call = only(
        {"type": "function_call", "id": "fc", "call_id": "c", "name": "f", "arguments": "{}", "status": "completed", "namespace": "n"}
    )
    assert call.content == (ToolUsePart(id="c", name="f", arguments="{}"),)
    assert (call.own, call.extra, call.single) == ({"id": "fc", "status": "completed"}, {"namespace": "n"}, True)
    result = only({"type": "function_call_output", "call_id": "c", "output": [{"type": "input_image", "file_id": "f"}]})
    assert result.content == (ToolResultPart(tool_use_id="c", content=(ImagePart(file_id="f"),)),)
    assert only({"type": "function_call_output", "call_id": "c", "output": ""}).content == (
        ToolResultPart(tool_use_id="c", content=(TextPart(text=""),)),
    )


def test_reasoning() -> None:
    """Of this API, and another provider's that a client sends back."""
    own = only({"type": "reasoning", "id": "rs", "summary": [], "encrypted_content": "e"})
    assert own.content == (ThinkingPart(text="", signature="openai_responses:summary:rs:e"),)
    assert only({"type": "reasoning", "id": "rs", "summary": [], "encrypted_content": "llm-edge:red:d"}).content == (
        RedactedThinkingPart(data="d"),
    )


@pytest.mark.parametrize(
    ("item", "role"),
    [
        ({"type": "web_search_call", "id": "w"}, "assistant"),
        ({"type": "compaction", "id": "c"}, "assistant"),
        ({"type": "custom_tool_call_output", "call_id": "c", "output": ""}, "user"),
        ({"type": "mcp_approval_response", "approve": True}, "user"),
        ({"type": "item_reference", "id": "m"}, "user"),
        ({"id": "m"}, "user"),
    ],
)
def test_items_of_this_dialect_alone(item: dict[str, Any], role: str) -> None:
    """As they are; what the client says and what the model said."""
    message = only(item)
    assert (message.role, message.content) == (role, (OpaquePart(dialect="openai_responses", value=item),))


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (5, "input"),
        ([5], "input[0]"),
        ([{}], "input[0].type"),
        ([{"role": "tool", "content": ""}], "input[0].role"),
        ([{"type": "message", "content": ""}], "input[0].role"),
        ([{"role": "user"}], "input[0].content"),
        ([{"type": "function_call", "name": "f"}], "input[0].call_id"),
        ([{"type": "function_call", "call_id": "c"}], "input[0].name"),
        ([{"type": "function_call", "call_id": "c", "name": "f", "arguments": 5}], "input[0].arguments"),
        ([{"type": "function_call_output", "output": ""}], "input[0].call_id"),
        ([{"type": "function_call_output", "call_id": "c"}], "input[0].output"),
        ([{"type": "function_call_output", "call_id": "c", "output": [{"type": "refusal", "refusal": ""}]}], "input[0].output"),
    ],
)
def test_broken_input(value: Any, path: str) -> None:
    """Named by its place."""
    with pytest.raises(InvalidBody) as caught:
        decode_input(value, {})
    assert caught.value.path == path

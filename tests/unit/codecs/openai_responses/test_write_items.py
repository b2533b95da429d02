"""Messages → instructions and items."""

from typing import Any

import msgspec
import pytest

from proxy.codecs.openai_responses import OpenAIResponsesCodec
from proxy.codecs.openai_responses.write_items import ItemWriter
from proxy.core.messages import (
    AudioPart,
    CacheHint,
    DocumentPart,
    ImagePart,
    Message,
    OpaquePart,
    Part,
    RedactedThinkingPart,
    RefusalPart,
    TextPart,
    ThinkingPart,
    ToolResultPart,
    ToolUsePart,
)
from proxy.core.request import ChatRequest

CODEC = OpenAIResponsesCodec()
HI = TextPart(text="hi")


def write(*messages: Message, dialect: str = "anthropic_messages") -> tuple[Any, list[str], str | None]:
    """(input, dropped, instructions)."""
    writer = ItemWriter(ChatRequest(dialect=dialect, model="m", messages=messages))
    return writer.write(), writer.dropped, writer.instructions


def user(*parts: Part) -> Message:
    return Message(role="user", content=parts, path="messages[0]")


def assistant(*parts: Part) -> Message:
    return Message(role="assistant", content=parts, path="messages[0]")


def test_leading_instructions() -> None:
    """Go where this API has them; later ones stay in their place."""
    system = Message(role="system", content=(TextPart(text="a", cache=CacheHint()), TextPart(text="b")), path="system")
    developer = Message(role="developer", content=(TextPart(text="c"),), path="messages[0]")
    items, dropped, instructions = write(system, developer, user(HI), developer)
    assert instructions == "a\n\nb\n\nc"
    assert items == [{"role": "user", "content": "hi"}, {"role": "developer", "content": "c"}]
    assert dropped == ["system[0].cache_control"]


def test_an_assistant_turn_becomes_its_items() -> None:
    """In order; a call without arguments has an empty object."""
    sealed = ThinkingPart(text="t", signature="openai_responses:summary:rs_1:enc")
    items, dropped, _ = write(
        assistant(sealed, HI, RefusalPart(text="no"), ToolUsePart(id="c", name="f", arguments=""), TextPart(text="x"))
    )
    assert items == [
        {"id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": "t"}], "encrypted_content": "enc"},
        {
            "role": "assistant",
            "content": [{"type": "output_text", "text": "hi", "annotations": []}, {"type": "refusal", "refusal": "no"}],
        },
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"role": "assistant", "content": "x"},
    ]
    assert dropped == []


def test_results_of_either_form() -> None:
    """Anthropic's stand in a user message, before what the user says."""
    result = ToolResultPart(tool_use_id="c", content=(HI, ImagePart(url="https://e.com/a")), is_error=True, cache=CacheHint())
    items, dropped, _ = write(user(result, HI))
    assert items == [
        {
            "type": "function_call_output",
            "call_id": "c",
            "output": [{"type": "input_text", "text": "hi"}, {"type": "input_image", "image_url": "https://e.com/a"}],
        },
        {"role": "user", "content": "hi"},
    ]
    assert dropped == ["messages[0].content[0].is_error", "messages[0].content[0].cache_control"]
    assert write(user(ToolResultPart(tool_use_id="c")))[0] == [{"type": "function_call_output", "call_id": "c", "output": ""}]


@pytest.mark.parametrize(
    "part",
    [
        ThinkingPart(text="t"),
        ThinkingPart(text="t", signature="anthropic's"),
        ThinkingPart(text="t", signature="openai_responses:summary:rs_1:"),
        RedactedThinkingPart(data="d"),
        OpaquePart(dialect="anthropic_messages", value={}),
        AudioPart(id="a"),
        ImagePart(file_id="f"),
        DocumentPart(file_id="f"),
    ],
)
def test_parts_that_are_left_out(part: Part) -> None:
    """By their path."""
    items, dropped, _ = write(user(HI, part))
    assert items == [{"role": "user", "content": "hi"}]
    assert dropped == ["messages[0].content[1]"]


def test_files_of_openai_chat_are_the_same() -> None:
    """One store of files."""
    items, dropped, _ = write(user(DocumentPart(file_id="f"), ImagePart(file_id="g")), dialect="openai_chat")
    assert items == [{"role": "user", "content": [{"type": "input_file", "file_id": "f"}, {"type": "input_image", "file_id": "g"}]}]
    assert dropped == []


def test_documents() -> None:
    """A text becomes a text; data gets the name that the API wants; a URL is carried."""
    items, dropped, _ = write(
        user(
            DocumentPart(text="body", title="T", context="C"),
            DocumentPart(data="JVBERi0=", media_type="application/pdf", context="C"),
            DocumentPart(url="https://e.com/a", citations=True),
        )
    )
    assert items[0]["content"] == [
        {"type": "input_text", "text": "T\n\nC\n\nbody"},
        {"type": "input_file", "file_data": "data:application/pdf;base64,JVBERi0=", "filename": "document.pdf"},
        {"type": "input_file", "file_url": "https://e.com/a"},
    ]
    assert dropped == ["messages[0].content[0]", "messages[0].content[1].context", "messages[0].content[2].citations"]


def test_what_hangs_on_a_message() -> None:
    """Names, unknown fields, citations, what an assistant cannot show, and cache hints of calls."""
    cited = TextPart(text="a", citations=({},), citations_dialect="anthropic_messages")
    message = Message(
        role="assistant",
        name="Ann",
        path="messages[0]",
        extra={"novel": 1, "flag": False},
        content=(cited, ImagePart(url="https://e.com/a"), ToolUsePart(id="c", name="f", arguments="{}", cache=CacheHint())),
    )
    _, dropped, _ = write(message)
    assert dropped == [
        "messages[0].name",
        "messages[0].novel",
        "messages[0].content[0].citations",
        "messages[0].content[1]",
        "messages[0].content[2].input.cache_control",
    ]


def changed(text: str) -> list[dict[str, Any]]:
    """The items of a masked request: its reasoning's text and its assistant's first text replaced."""
    body = {
        "model": "m",
        "input": [
            {"type": "reasoning", "id": "rs", "summary": [{"type": "summary_text", "text": "secret"}], "encrypted_content": "e"},
            {
                "type": "message",
                "id": "msg",
                "role": "assistant",
                "status": "completed",
                "content": [{"type": "output_text", "text": "secret", "logprobs": [{"token": "secret"}]}],
            },
        ],
    }
    assert CODEC.encode_request(CODEC.decode_request(body, {})).body == body
    request = CODEC.decode_request(body, {})
    thinking, message = request.messages
    masked = (
        msgspec.structs.replace(thinking, content=(msgspec.structs.replace(thinking.content[0], text=text),)),
        msgspec.structs.replace(message, content=(TextPart(text=text),)),
    )
    written: list[dict[str, Any]] = CODEC.encode_request(msgspec.structs.replace(request, messages=masked)).body["input"]
    return written


def test_a_changed_part_is_written_as_changed() -> None:
    """With the item's own id and status, without what would tell the text that was."""
    assert changed("***") == [
        {"id": "rs", "type": "reasoning", "summary": [{"type": "summary_text", "text": "***"}], "encrypted_content": "e"},
        {"type": "message", "id": "msg", "role": "assistant", "status": "completed", "content": [{"type": "output_text", "text": "***"}]},
    ]


@pytest.mark.parametrize(
    "items",
    [
        "hi",
        [],
        [{"role": "user", "content": ""}],
        [{"role": "user", "content": []}],
        [{"role": "user", "content": [{"type": "input_text", "text": "a"}]}],
        [{"role": "assistant", "content": [{"type": "output_text", "text": "a", "annotations": []}]}],
        [{"role": "assistant", "content": [{"type": "output_text", "text": "a"}, {"type": "novel", "annotations": []}]}],
        [{"role": "user", "content": [{"type": "novel", "x": 1}]}],
        [{"type": "function_call_output", "call_id": "c", "output": []}],
        [{"type": "function_call_output", "call_id": "c", "output": [{"type": "input_text", "text": ""}]}],
        [{"type": "function_call", "call_id": "c", "name": "f", "arguments": ""}],
        [{"type": "reasoning", "summary": []}],
        [{"type": "reasoning", "id": "rs_edge_1", "summary": [], "encrypted_content": "x"}],
        [
            {
                "type": "reasoning",
                "id": "r",
                "summary": [{"type": "summary_text", "text": "a"}],
                "content": [{"type": "reasoning_text", "text": ""}],
            }
        ],
    ],
)
def test_odd_forms_come_back(items: Any) -> None:
    """As they were."""
    encoded = CODEC.encode_request(CODEC.decode_request({"model": "m", "input": items}, {}))
    assert encoded.body == {"model": "m", "input": items}
    assert encoded.dropped == ()


def test_foreign_reasoning_is_not_sent_to_this_upstream() -> None:
    """It would refuse what it did not make."""
    items = [
        {"type": "reasoning", "id": "rs_edge_1", "summary": [{"type": "summary_text", "text": "t"}]},
        {"type": "reasoning", "id": "rs_edge_2", "summary": [], "encrypted_content": "llm-edge:sig:abc"},
        {"type": "reasoning", "id": "rs_edge_3", "summary": [], "encrypted_content": "llm-edge:red:abc"},
        {"role": "user", "content": "hi"},
    ]
    encoded = CODEC.encode_request(CODEC.decode_request({"model": "m", "input": items}, {}))
    assert encoded.body["input"] == items[3:]
    assert encoded.dropped == ("input[0]", "input[1]", "input[2]")

"""Canonical messages → OpenAI messages."""

from typing import Any

import pytest

from proxy.codecs.base import Encoded
from proxy.codecs.openai_chat import OpenAIChatCodec
from proxy.codecs.openai_chat.write_messages import MessageWriter
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
    Role,
    TextPart,
    ThinkingPart,
    ToolResultPart,
    ToolUsePart,
)
from proxy.core.request import ChatRequest

PNG = ImagePart(data="AAAA", media_type="image/png")
PNG_PART = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
CALL = ToolUsePart(id="toolu_1", name="f", arguments='{"a":1}')
CALL_OUT = {"id": "toolu_1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}


def message(role: Role, *content: Part, path: str = "messages[0]", **more: Any) -> Message:
    return Message(role=role, content=content, path=path, **more)


def encode(*messages: Message) -> Encoded:
    return OpenAIChatCodec().encode_request(ChatRequest(dialect="anthropic_messages", model="m", messages=messages))


def test_system_prompt() -> None:
    """One text is a string, several are a list; hints are reported under the client's own path."""
    cached = TextPart(text="a", cache=CacheHint())
    encoded = encode(message("system", cached, path="system"), message("system", TextPart(text="a"), TextPart(text="b"), path="system"))
    assert encoded.body["messages"] == [
        {"role": "system", "content": "a"},
        {"role": "system", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
    ]
    assert encoded.dropped == ("system[0].cache_control",)


def test_user_turn() -> None:
    """Images, audio, PDFs; a PDF gets a name, which the API wants."""
    encoded = encode(
        message("user", TextPart(text="a"), PNG, AudioPart(data="BBBB"), DocumentPart(data="CCCC", media_type="application/pdf")),
    )
    assert encoded.body["messages"][0]["content"] == [
        {"type": "text", "text": "a"},
        PNG_PART,
        {"type": "input_audio", "input_audio": {"data": "BBBB", "format": "wav"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,CCCC", "filename": "document.pdf"}},
    ]
    assert encoded.dropped == ()


def test_text_document_becomes_text() -> None:
    """With its title and context before it; reported as approximated."""
    encoded = encode(message("user", DocumentPart(text="body", title="T", context="C", citations=True)))
    assert encoded.body["messages"] == [{"role": "user", "content": "T\n\nC\n\nbody"}]
    assert encoded.dropped == ("messages[0].content[0].citations", "messages[0].content[0]")


@pytest.mark.parametrize(
    "part",
    [
        ImagePart(file_id="file_1"),
        DocumentPart(url="https://e.com/a.pdf"),
        DocumentPart(file_id="file_1"),
        AudioPart(id="a"),
        OpaquePart(dialect="anthropic_messages", value={"type": "search_result"}),
        RedactedThinkingPart(data="x"),
        ThinkingPart(text="t", signature="s"),
    ],
)
def test_parts_without_a_place_are_reported(part: Part) -> None:
    """And the rest of the message goes on without them."""
    encoded = encode(message("user", TextPart(text="a"), part))
    assert encoded.body["messages"] == [{"role": "user", "content": "a"}]
    assert encoded.dropped == ("messages[0].content[1]",)


def test_user_turn_of_nothing_else_disappears() -> None:
    """The API refuses an empty one."""
    assert encode(message("user", DocumentPart(file_id="f")), message("user", TextPart(text="b"))).body["messages"] == [
        {"role": "user", "content": "b"}
    ]


@pytest.mark.parametrize("part", [PNG, DocumentPart(data="A", media_type="application/pdf"), AudioPart(data="A")])
def test_only_users_show_things(part: Part) -> None:
    """An assistant's or system's image has no place."""
    encoded = encode(message("assistant", TextPart(text="a"), part), message("system", part, path="system"))
    assert encoded.body["messages"] == [{"role": "assistant", "content": "a"}, {"role": "system", "content": ""}]
    assert encoded.dropped == ("messages[0].content[1]", "system[0]")


def test_assistant_turn() -> None:
    """Text and calls; thinking is dropped, citations and hints are reported."""
    cited = TextPart(text="a", citations=({"type": "char_location"},), citations_dialect="anthropic_messages")
    call = ToolUsePart(id="toolu_1", name="f", arguments='{"a":1}', cache=CacheHint())
    encoded = encode(message("assistant", ThinkingPart(text="t", signature="s"), cited, call))
    assert encoded.body["messages"] == [{"role": "assistant", "content": "a", "tool_calls": [CALL_OUT]}]
    assert encoded.dropped == ("messages[0].content[0]", "messages[0].content[1].citations", "messages[0].content[2].cache_control")


def test_assistant_turn_of_calls_only() -> None:
    """Content is null then; arguments are at least an empty object."""
    encoded = encode(message("assistant", ToolUsePart(id="t", name="f", arguments="")))
    assert encoded.body["messages"] == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "t", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        }
    ]


def test_assistant_turn_of_nothing_has_empty_content() -> None:
    """Null content is for turns with calls."""
    assert encode(message("assistant", RedactedThinkingPart(data="x"))).body["messages"] == [{"role": "assistant", "content": ""}]


def test_refusal() -> None:
    """In the field of its own."""
    assert encode(message("assistant", RefusalPart(text="no"))).body["messages"] == [
        {"role": "assistant", "content": None, "refusal": "no"}
    ]


def test_tool_results_of_one_user_turn() -> None:
    """Each becomes a tool message, before what else the user said; the error flag is only text here."""
    encoded = encode(
        message("assistant", CALL, CALL),
        message(
            "user",
            ToolResultPart(tool_use_id="a", content=(TextPart(text="1"),), is_error=True, cache=CacheHint()),
            ToolResultPart(tool_use_id="b", content=(TextPart(text="2"), TextPart(text="3"))),
            ToolResultPart(tool_use_id="c"),
            TextPart(text="go on"),
            path="messages[1]",
        ),
    )
    assert encoded.body["messages"][1:] == [
        {"role": "tool", "tool_call_id": "a", "content": "1"},
        {"role": "tool", "tool_call_id": "b", "content": [{"type": "text", "text": "2"}, {"type": "text", "text": "3"}]},
        {"role": "tool", "tool_call_id": "c", "content": ""},
        {"role": "user", "content": "go on"},
    ]
    assert encoded.dropped == ("messages[1].content[0].is_error", "messages[1].content[0].cache_control")


def test_images_of_tool_results_follow_in_the_user_turn() -> None:
    """Tool messages take text only: after all results of the turn come their images; reported as approximated."""
    encoded = encode(
        message(
            "user",
            ToolResultPart(tool_use_id="a", content=(TextPart(text="see"), PNG)),
            ToolResultPart(tool_use_id="b", content=(DocumentPart(data="CC", media_type="application/pdf", title="c.pdf"),)),
            TextPart(text="well?"),
        ),
    )
    assert encoded.body["messages"] == [
        {"role": "tool", "tool_call_id": "a", "content": "see"},
        {"role": "tool", "tool_call_id": "b", "content": "(attached to the next message)"},
        {
            "role": "user",
            "content": [
                PNG_PART,
                {"type": "file", "file": {"file_data": "data:application/pdf;base64,CC", "filename": "c.pdf"}},
                {"type": "text", "text": "well?"},
            ],
        },
    ]
    assert encoded.dropped == ("messages[0].content[0].content[1]", "messages[0].content[1].content[0]")


def test_images_wait_for_all_results() -> None:
    """Nothing may stand between two tool messages of one turn, nor between them and the next assistant turn."""
    result = ToolResultPart(tool_use_id="a", content=(PNG,))
    text = ToolResultPart(tool_use_id="b", content=(TextPart(text="2"),))
    encoded = encode(message("tool", result), message("tool", text), message("assistant", TextPart(text="ok")), message("user", result))
    assert [m["role"] for m in encoded.body["messages"]] == ["tool", "tool", "user", "assistant", "tool", "user"]
    assert encoded.body["messages"][2]["content"] == [PNG_PART]


def test_image_joins_a_user_turn_with_parts() -> None:
    """Before its own."""
    encoded = encode(message("user", ToolResultPart(tool_use_id="a", content=(PNG,)), TextPart(text="x"), PNG))
    assert encoded.body["messages"][1]["content"] == [PNG_PART, {"type": "text", "text": "x"}, PNG_PART]


def test_opaque_part_of_a_tool_result_is_dropped() -> None:
    """Another dialect's search result."""
    opaque = OpaquePart(dialect="anthropic_messages", value={"type": "search_result"})
    encoded = encode(message("user", ToolResultPart(tool_use_id="a", content=(opaque,))))
    assert encoded.body["messages"] == [{"role": "tool", "tool_call_id": "a", "content": ""}]
    assert encoded.dropped == ("messages[0].content[0].content[0]",)


def test_document_context_beside_data_is_reported() -> None:
    """There is no field for it."""
    encoded = encode(message("user", DocumentPart(data="CC", media_type="application/pdf", title="c.pdf", context="C")))
    assert encoded.dropped == ("messages[0].content[0].context",)


def test_fields_of_foreign_messages_are_reported() -> None:
    """Nulls are not."""
    encoded = encode(message("user", TextPart(text="a"), extra={"x": 1, "y": None}))
    assert encoded.body["messages"] == [{"role": "user", "content": "a"}]
    assert encoded.dropped == ("messages[0].x",)


def test_names_are_carried() -> None:
    """OpenAI's messages have them."""
    assert encode(message("user", TextPart(text="a"), name="ann")).body["messages"] == [{"role": "user", "content": "a", "name": "ann"}]


def from_responses(*messages: Message) -> tuple[list[dict[str, Any]], list[str]]:
    """Of a request of OpenAI's Responses, whose items are a message each."""
    writer = MessageWriter(ChatRequest(dialect="openai_responses", model="m", messages=messages))
    return writer.write(), writer.dropped


def item(role: Any, part: Any, at: int) -> Message:
    return Message(role=role, content=(part,), path=f"input[{at}]", single=True)


def test_items_of_one_turn_are_one_message() -> None:
    """Reasoning has no place, nothing stands between a turn's calls and their results, attachments follow with the user's next words."""
    call = ToolUsePart(id="a", name="f", arguments="{}")
    image = ImagePart(data="iVBO", media_type="image/png")
    written, dropped = from_responses(
        item("assistant", ThinkingPart(text="t", signature="openai_responses:summary:rs:e"), 0),
        Message(role="assistant", content=(TextPart(text="x"),), path="input[1]"),
        item("assistant", call, 2),
        Message(role="assistant", content=(TextPart(text="y"),), path="input[3]"),
        item("assistant", ToolUsePart(id="b", name="f", arguments="{}"), 4),
        item("tool", ToolResultPart(tool_use_id="a", content=(image,)), 5),
        item("tool", ToolResultPart(tool_use_id="b", content=(TextPart(text="r"),)), 6),
        item("user", OpaquePart(dialect="openai_responses", value={"type": "item_reference"}), 7),
        Message(role="user", content=(TextPart(text="z"),), path="input[8]"),
    )
    assert [message["role"] for message in written] == ["assistant", "tool", "tool", "user"]
    assert written[0]["content"] == [{"type": "text", "text": "x"}, {"type": "text", "text": "y"}]
    assert [entry["id"] for entry in written[0]["tool_calls"]] == ["a", "b"]
    assert [part["type"] for part in written[3]["content"]] == ["image_url", "text"]
    assert dropped == ["input[0]", "input[5].output[0]", "input[7]"]


def test_files_of_responses_are_the_same() -> None:
    """One store of files."""
    written, dropped = from_responses(Message(role="user", content=(DocumentPart(file_id="f"),), path="input[0]"))
    assert written == [{"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]}]
    assert dropped == []

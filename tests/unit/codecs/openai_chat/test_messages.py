"""OpenAI messages → canonical messages."""

from typing import Any

import pytest

from proxy.codecs.base import InvalidBody
from proxy.codecs.openai_chat import OpenAIChatCodec
from proxy.core.messages import (
    AudioPart,
    CacheHint,
    DocumentPart,
    ImagePart,
    Message,
    OpaquePart,
    RefusalPart,
    TextPart,
    ThinkingPart,
    ToolResultPart,
    ToolUsePart,
)
from tests.support.openai_samples import sample_json

CODEC = OpenAIChatCodec()


def decode(*messages: Any) -> tuple[Message, ...]:
    return CODEC.decode_request({"model": "m", "messages": list(messages)}, {}).messages


def full() -> tuple[Message, ...]:
    return CODEC.decode_request(sample_json("request_full.json"), {}).messages


def test_roles_names_and_paths() -> None:
    """In the client's order."""
    messages = full()
    assert [m.role for m in messages] == ["developer", "system", "user", "assistant", "tool", "tool", "assistant", "assistant", "user"]
    assert [m.name for m in messages[:3]] == ["ops", None, "ann"]
    assert messages[4].path == "messages[4]"


def test_parts() -> None:
    """Text, images by URL and inline, audio, files, and what is unknown."""
    assert full()[2].content == (
        TextPart(text="What is this?", cache=CacheHint(ttl="1h")),
        ImagePart(data="iVBORw0KGgo=", media_type="image/png", detail="low"),
        ImagePart(url="https://example.com/cat.jpg"),
        AudioPart(data="UklGRg==", format="wav"),
        DocumentPart(data="JVBERi0=", media_type="application/pdf", title="a.pdf"),
        DocumentPart(file_id="file-77"),
        OpaquePart(dialect="openai_chat", value={"type": "video_url", "video_url": {"url": "https://example.com/v.mp4"}}),
    )


def test_unknown_fields_of_parts_are_kept() -> None:
    """In the message's extra, under their paths."""
    messages = full()
    assert messages[0].extra == {"content[0].prompt_cache_breakpoint": {"mode": "explicit"}}
    assert messages[2].extra == {"content[2].image_url.x_resize": True}


def test_assistant_turn() -> None:
    """Thinking first, then text, then calls; custom calls stay opaque."""
    assert full()[3].content == (
        ThinkingPart(text="A cat, probably."),
        TextPart(text="Looking."),
        ToolUsePart(id="call_1", name="lookup", arguments='{"q":"cat"}'),
        OpaquePart(dialect="openai_chat", value={"id": "call_2", "type": "custom", "custom": {"name": "sql", "input": "SELECT 1"}}),
    )


def test_tool_results() -> None:
    """One ToolResultPart a message."""
    messages = full()
    assert messages[4].content == (ToolResultPart(tool_use_id="call_1", content=(TextPart(text="felis catus"),)),)
    assert messages[5].content == (ToolResultPart(tool_use_id="call_2", content=(TextPart(text="1"), TextPart(text="row"))),)


def test_refusals_and_audio() -> None:
    """The message's own field and the part."""
    messages = full()
    assert messages[6].content == (RefusalPart(text="No."), AudioPart(id="audio_5f"))
    assert messages[7].content == (TextPart(text="Well,"), RefusalPart(text="no."))


def test_legacy_function_turns_share_an_id() -> None:
    """A function message answers the latest call of its name."""
    messages = CODEC.decode_request(sample_json("request_legacy.json"), {}).messages
    call, result = messages[1].content[0], messages[2].content[0]
    assert isinstance(call, ToolUsePart)
    assert isinstance(result, ToolResultPart)
    assert result.tool_use_id == call.id
    assert messages[2].role == "tool"


def test_legacy_result_without_its_call_has_an_id() -> None:
    """The turn with the call may have been cut from the history."""
    (message,) = decode({"role": "function", "name": "f", "content": None})
    assert message.content == (ToolResultPart(tool_use_id="call_function_f"),)


def test_reasoning_spelled_either_way() -> None:
    """`reasoning` counts where `reasoning_content` is absent; with both, the second is kept aside."""
    (one,) = decode({"role": "assistant", "content": "a", "reasoning": "r"})
    assert one.content[0] == ThinkingPart(text="r")
    assert one.extra == {}
    (two,) = decode({"role": "assistant", "content": "a", "reasoning": "r", "reasoning_content": "c"})
    assert two.content[0] == ThinkingPart(text="c")
    assert two.extra == {"reasoning": "r"}


def test_nulls_that_the_sdk_echoes_are_dropped() -> None:
    """An answer given back as a message has them."""
    (message,) = decode(
        {"role": "assistant", "content": "a", "refusal": None, "audio": None, "function_call": None, "tool_calls": None, "parsed": None}
    )
    assert (message.content, message.extra) == ((TextPart(text="a"),), {})


def test_arguments_given_as_an_object() -> None:
    """Some clients forget to serialise them."""
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": {"a": 1}}}
    (message,) = decode({"role": "assistant", "tool_calls": [call]})
    assert message.content == (ToolUsePart(id="c", name="f", arguments='{"a":1}'),)


def test_absent_arguments() -> None:
    """No text then; the type may be absent as well, and what else stands in the call is kept."""
    (message,) = decode({"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f", "x": 1, "y": 2}, "index": 0, "z": 3}]})
    assert message.content == (ToolUsePart(id="c", name="f", arguments=""),)
    assert message.extra == {"tool_calls[0].index": 0, "tool_calls[0].z": 3, "tool_calls[0].function.x": 1, "tool_calls[0].function.y": 2}


def test_files_of_compatible_servers() -> None:
    """Bare base64 and a URL as `file_data`."""
    parts = [{"type": "file", "file": {"file_data": "JVBERi0="}}, {"type": "file", "file": {"file_data": "https://example.com/a.pdf"}}]
    (message,) = decode({"role": "user", "content": parts})
    assert message.content == (DocumentPart(data="JVBERi0="), DocumentPart(url="https://example.com/a.pdf"))


def test_cache_control_of_another_form_is_kept_aside() -> None:
    """CacheHint cannot hold it."""
    part = {"type": "text", "text": "a", "cache_control": {"type": "forever"}}
    (message,) = decode({"role": "user", "content": [part]})
    assert message.extra == {"content[0].cache_control": {"type": "forever"}}


def _part(part: Any) -> dict[str, Any]:
    return {"role": "user", "content": [part]}


@pytest.mark.parametrize(
    ("message", "path", "text"),
    [
        ("hi", "messages[0]", "must be an object"),
        ({"content": "a"}, "messages[0].role", "is required"),
        ({"role": "bot", "content": "a"}, "messages[0].role", "must be one of system, developer"),
        ({"role": 1, "content": "a"}, "messages[0].role", "must be a string"),
        ({"role": "user"}, "messages[0].content", "is required"),
        ({"role": "user", "content": None}, "messages[0].content", "is required"),
        ({"role": "user", "content": 5}, "messages[0].content", "a string or an array of parts"),
        ({"role": "user", "content": "a", "name": 1}, "messages[0].name", "must be a string"),
        (_part("a"), "messages[0].content[0]", "must be an object"),
        (_part({}), "messages[0].content[0].type", "is required"),
        (_part({"type": "text"}), "messages[0].content[0].text", "is required"),
        (_part({"type": "text", "text": 1}), "messages[0].content[0].text", "must be a string"),
        (_part({"type": "image_url"}), "messages[0].content[0].image_url", "is required"),
        (_part({"type": "image_url", "image_url": "u"}), "messages[0].content[0].image_url", "must be an object"),
        (
            _part({"type": "image_url", "image_url": {"url": "data:image/png;base64,?"}}),
            "messages[0].content[0].image_url.url",
            "not valid base64",
        ),
        (
            _part({"type": "input_audio", "input_audio": {"data": "?", "format": "wav"}}),
            "messages[0].content[0].input_audio.data",
            "base64",
        ),
        (_part({"type": "input_audio", "input_audio": {"data": "AAAA"}}), "messages[0].content[0].input_audio.format", "is required"),
        (_part({"type": "file", "file": {}}), "messages[0].content[0].file", "needs file_data or file_id"),
        (_part({"type": "file", "file": {"file_data": "?"}}), "messages[0].content[0].file.file_data", "not valid base64"),
        ({"role": "tool", "content": "a"}, "messages[0].tool_call_id", "is required"),
        ({"role": "tool", "tool_call_id": "c"}, "messages[0].content", "is required"),
        (
            {"role": "tool", "tool_call_id": "c", "content": [{"type": "refusal", "refusal": "x"}]},
            "messages[0].content",
            "text, images and files only",
        ),
        ({"role": "function", "content": "a"}, "messages[0].name", "is required"),
        ({"role": "assistant", "tool_calls": {}}, "messages[0].tool_calls", "must be an array"),
        ({"role": "assistant", "tool_calls": [{}]}, "messages[0].tool_calls[0].id", "is required"),
        ({"role": "assistant", "tool_calls": [{"id": "c"}]}, "messages[0].tool_calls[0].function", "is required"),
        ({"role": "assistant", "tool_calls": [{"id": "c", "type": "custom"}]}, "messages[0].tool_calls[0].custom", "is required"),
        ({"role": "assistant", "tool_calls": [{"id": "c", "function": {}}]}, "messages[0].tool_calls[0].function.name", "is required"),
        (
            {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": 1}}]},
            "messages[0].tool_calls[0].function.arguments",
            "a string of JSON",
        ),
        ({"role": "assistant", "audio": {}}, "messages[0].audio.id", "is required"),
        ({"role": "assistant", "refusal": 1}, "messages[0].refusal", "must be a string"),
        ({"role": "assistant", "function_call": {}}, "messages[0].function_call.name", "is required"),
    ],
)
def test_wrong_messages_are_named(message: Any, path: str, text: str) -> None:
    """The text says what is wrong, the path where."""
    with pytest.raises(InvalidBody, match=text) as info:
        decode(message)
    assert info.value.path == path

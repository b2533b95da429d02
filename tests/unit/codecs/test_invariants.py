"""What must hold of a request that is translated."""

import base64
from typing import Any

import pytest

from proxy.codecs.anthropic_messages import AnthropicMessagesCodec
from proxy.codecs.base import InvalidBody
from proxy.codecs.bedrock_converse import BedrockConverseCodec
from proxy.codecs.gemini_generate import GeminiGenerateCodec
from proxy.codecs.invariants import checked
from proxy.codecs.openai_chat import OpenAIChatCodec
from proxy.codecs.openai_responses import OpenAIResponsesCodec
from proxy.core.messages import ImagePart, Message, OpaquePart, Part, TextPart, ToolResultPart, ToolUsePart
from proxy.core.request import ChatRequest

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(20)).decode()
TEXT = base64.b64encode(b"this is no image at all").decode()
CALL = ToolUsePart(id="a", name="f", arguments="{}")
RESULT = ToolResultPart(tool_use_id="a", content=(TextPart(text="r"),))


def request(*turns: tuple[Any, tuple[Part, ...]], dialect: str = "anthropic_messages", **more: Any) -> ChatRequest:
    messages = tuple(Message(role=role, content=parts, path=f"messages[{i}]") for i, (role, parts) in enumerate(turns))
    return ChatRequest(dialect=dialect, model="m", messages=messages, **more)


def refused(asked: ChatRequest) -> str:
    with pytest.raises(InvalidBody) as caught:
        checked(asked)
    assert caught.value.message.startswith(f"{caught.value.path}: ")
    return caught.value.path


def test_a_sound_conversation_is_left_alone() -> None:
    """It is the same object."""
    asked = request(("user", (TextPart(text="x"),)), ("assistant", (CALL,)), ("user", (RESULT,)), ("user", (ImagePart(url="http://x"),)))
    assert checked(asked) is asked


def test_a_result_needs_its_call() -> None:
    """Before it."""
    assert refused(request(("user", (TextPart(text="x"), RESULT)))) == "messages[0].content[1]"
    assert refused(request(("user", (RESULT,)), ("assistant", (CALL,)))) == "messages[0].content[0]"


def test_a_result_in_pieces_is_one() -> None:
    """Some clients send each image of a result as a result."""
    asked = request(("assistant", (CALL,)), ("user", (RESULT, RESULT)))
    assert checked(asked) is asked


def test_calls_kept_elsewhere_are_not_missed() -> None:
    """An answer that the provider keeps, a block that only its own dialect reads."""
    kept = request(("user", (RESULT,)), extra={"previous_response_id": "resp_1"})
    assert checked(kept) is kept
    for value in ({"id": "a"}, {"call_id": "a"}, {"toolUse": {"toolUseId": "a"}}):
        opaque = request(("assistant", (OpaquePart(dialect="x", value=value),)), ("user", (RESULT,)))
        assert checked(opaque) is opaque


def test_two_open_calls_of_one_id_are_refused() -> None:
    """In one turn or in several; after its result an id may come again."""
    assert refused(request(("assistant", (CALL, CALL)))) == "messages[0].content[1]"
    assert refused(request(("assistant", (CALL,)), ("assistant", (CALL,)))) == "messages[1].content[0]"
    again = request(("assistant", (CALL,)), ("user", (RESULT,)), ("assistant", (CALL,)), ("user", (RESULT,)))
    assert checked(again) is again


def test_arguments_are_an_object() -> None:
    """Where the client wrote JSON; a string is the model's own words."""
    broken = ToolUsePart(id="a", name="f", arguments="[1]")
    assert refused(request(("assistant", (broken,)))) == "messages[0].content[0].input"
    theirs = request(("assistant", (broken,)), dialect="openai_chat")
    assert checked(theirs) is theirs


def test_labels_that_say_no_image_go_by_the_bytes() -> None:
    """In messages and in results; the rest of the part stays."""
    wrong = ImagePart(data=PNG, media_type="application/octet-stream", detail="low")
    right = ImagePart(data=PNG, media_type="image/png", detail="low")
    result = ToolResultPart(tool_use_id="a", content=(TextPart(text="t"), wrong), is_error=True)
    asked = request(("user", (TextPart(text="x"), wrong)), ("assistant", (CALL,)), ("user", (result, right)))
    mended = checked(asked)
    assert mended.messages[0].content == (TextPart(text="x"), right)
    assert mended.messages[1] is asked.messages[1]
    assert mended.messages[2].content == (ToolResultPart(tool_use_id="a", content=(TextPart(text="t"), right), is_error=True), right)
    assert checked(mended) is mended


@pytest.mark.parametrize(
    ("data", "label", "kind"),
    [
        (PNG, None, "image/png"),
        (PNG, "text/html", "image/png"),
        (PNG, "application/octet-stream", "image/png"),
        (PNG, "image/jpeg", "image/jpeg"),
        (TEXT, "image/svg+xml", "image/svg+xml"),
        (TEXT, "IMAGE/PNG", "IMAGE/PNG"),
        (TEXT, "text/plain", None),
        (TEXT, None, None),
        ("", "image/png", None),
    ],
)
def test_what_counts_as_an_image(data: str, label: str | None, kind: str | None) -> None:
    """By its label, which its provider may doubt; else by its bytes."""
    asked = request(("user", (ImagePart(data=data, media_type=label),)))
    if kind is None:
        assert refused(asked) == "messages[0].content[0]"
    else:
        (part,) = checked(asked).messages[0].content
        assert isinstance(part, ImagePart)
        assert part.media_type == kind


def test_an_image_in_a_result_is_named_by_its_place() -> None:
    """Within the result."""
    result = ToolResultPart(tool_use_id="a", content=(ImagePart(data=TEXT, media_type="text/plain"),))
    assert refused(request(("assistant", (CALL,)), ("user", (result,)))) == "messages[1].content[0].content[0]"


@pytest.mark.parametrize(
    ("body", "codec", "path"),
    [
        (
            {"messages": [{"role": "user", "content": "x"}, {"role": "tool", "tool_call_id": "n", "content": "r"}]},
            OpenAIChatCodec(),
            "messages[1]",
        ),
        (
            {
                "messages": [
                    {"role": "assistant", "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}] * 2}
                ]
            },
            OpenAIChatCodec(),
            "messages[0].tool_calls[1]",
        ),
        ({"input": [{"type": "function_call_output", "call_id": "n", "output": "r"}]}, OpenAIResponsesCodec(), "input[0]"),
        (
            {"input": [{"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"}] * 2},
            OpenAIResponsesCodec(),
            "input[1]",
        ),
        (
            {"max_tokens": 1, "messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "n"}]}]},
            AnthropicMessagesCodec(),
            "messages[0].content[0]",
        ),
        (
            {"messages": [{"role": "user", "content": [{"toolResult": {"toolUseId": "n", "content": []}}]}]},
            BedrockConverseCodec(),
            "messages[0].content[0]",
        ),
        (
            {"messages": [{"role": "assistant", "content": [{"toolUse": {"toolUseId": "a", "name": "f", "input": "no"}}]}]},
            BedrockConverseCodec(),
            "messages[0].content[0].toolUse.input",
        ),
        (
            {"contents": [{"parts": [{"thought": True, "text": "t"}, {"functionResponse": {"name": "f", "response": {}}}]}]},
            GeminiGenerateCodec(),
            "contents[0].parts[1]",
        ),
    ],
)
def test_each_dialect_names_its_own_place(body: dict[str, Any], codec: Any, path: str) -> None:
    """As its client wrote it."""
    assert refused(codec.decode_request({"model": "m", **body}, {})) == path

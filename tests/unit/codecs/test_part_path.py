"""Where the client wrote a part."""

import pytest

from proxy.codecs.part_path import detail_path, part_path, result_path
from proxy.core.messages import AudioPart, Message, OpaquePart, Part, TextPart, ThinkingPart, ToolResultPart, ToolUsePart

CALL = ToolUsePart(id="c", name="f", arguments="{}")


@pytest.mark.parametrize(
    ("part", "path"),
    [
        (CALL, "input[2].arguments"),
        (ToolResultPart(tool_use_id="c"), "input[2]"),
        (ThinkingPart(text="t"), "input[2]"),
        (OpaquePart(dialect="openai_responses", value={}), "input[2]"),
    ],
)
def test_an_item_is_its_part(part: Part, path: str) -> None:
    """Responses: no `content` stands between."""
    message = Message(role="assistant", content=(part,), path="input[2]", single=True)
    assert part_path(message, 0, "openai_responses") == path


def test_parts_of_a_message() -> None:
    """In its content; an Anthropic call by its input."""
    message = Message(role="assistant", content=(TextPart(text="a"), CALL), path="messages[1]")
    assert [part_path(message, i, "anthropic_messages") for i in (0, 1)] == ["messages[1].content[0]", "messages[1].content[1].input"]
    assert part_path(Message(role="system", content=(TextPart(text="a"),), path="system"), 0, "anthropic_messages") == "system[0]"


def test_openai_chat_has_fields_beside_content() -> None:
    """Reasoning, audio, calls and results."""
    custom = OpaquePart(dialect="openai_chat", value={"id": "x", "type": "custom"})
    parts = (ThinkingPart(text="t"), TextPart(text="a"), AudioPart(id="au"), CALL, custom)
    message = Message(role="assistant", content=parts, path="messages[1]")
    assert [part_path(message, i, "openai_chat") for i in range(5)] == [
        "messages[1].reasoning_content",
        "messages[1].content[0]",
        "messages[1].audio",
        "messages[1].tool_calls[0].function.arguments",
        "messages[1].tool_calls[1]",
    ]
    result = Message(role="tool", content=(ToolResultPart(tool_use_id="c"),), path="messages[2]")
    assert part_path(result, 0, "openai_chat") == "messages[2]"


def test_inside_results_and_images() -> None:
    """Responses calls a result's content `output`, and has an image's detail in the part itself."""
    assert result_path("input[3]", 1) == "input[3].output[1]"
    assert result_path("messages[3].content[0]", 1) == "messages[3].content[0].content[1]"
    assert detail_path("input[3].content[0]") == "input[3].content[0].detail"
    assert detail_path("messages[3].content[0]") == "messages[3].content[0].image_url.detail"
